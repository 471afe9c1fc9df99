#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "agent/journal/Journal.h"
#include "agent/journal/Schema.h"
#include "agent/journal/SqliteJournal.h"
#include "agent/journal/StateFolder.h"
#include "common/base/Files.h"
#include "common/base/UniqueFd.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using sqlite::Database;

namespace {

constexpr std::chrono::milliseconds kLockPause{10};

/// How the file can be opened.
enum class Access {
  kWrite,      ///< With the exclusive lock: nobody else reads or writes.
  kReadWal,    ///< A folder that we cannot write to, with a WAL that must be read.
  kImmutable,  ///< The same without a WAL.
};

/// EXCLUSIVE before WAL: then there is no shared memory, no second connection, and none of the
/// races between connections (Database.h).
Status lockAlone(Database& database) {
  Status set = database.setPragma("locking_mode", "EXCLUSIVE", "exclusive");
  if (set.ok() || !sqlite::linkedLibraryNeedsSingleConnection()) return set;
  return Error{ErrorCode::kDependencyRefused, "SQLite " + sqlite::libraryVersion() +
                                                  " is safe with one exclusive connection only; " +
                                                  set.error().message};
}

Status configureWriter(Database& database, const JournalOptions& options) {
  BELAY_TRY(database.setPragma("journal_mode", "WAL", "wal"));
  BELAY_TRY(database.setPragma("synchronous", "FULL", "2"));
  BELAY_TRY(database.setPragma("wal_autocheckpoint", "0", "0"));
  const std::string limit = std::to_string(options.walMaxBytes);
  return database.setPragma("journal_size_limit", limit, limit);
}

Result<std::unique_ptr<Database>> connect(const JournalOptions& options, Access access) {
  sqlite::OpenOptions how;
  how.path = options.path;
  how.vfs = access == Access::kReadWal ? "unix-none" : options.vfs;
  how.create = !options.readOnly;
  how.readOnly = access == Access::kReadWal;
  how.immutable = access == Access::kImmutable;
  BELAY_ASSIGN(std::unique_ptr<Database> database, Database::open(how));
  BELAY_TRY(lockAlone(*database));
  const std::uint64_t cacheKiB = std::max<std::uint64_t>(options.cacheBytes >> 10, 64);
  const std::string cache = "-" + std::to_string(cacheKiB);  // negative: KiB instead of pages
  BELAY_TRY(database->setPragma("cache_size", cache, cache));
  BELAY_ASSIGN(const Header header, identify(*database));
  if (!options.readOnly) {
    BELAY_TRY(configureWriter(*database, options));
    BELAY_TRY(migrate(*database, header));
  } else if (header.empty) {
    return Error{ErrorCode::kNotInitialised, options.path + " is empty: no daemon has used it yet"};
  } else if (header.version < kSchemaVersion) {
    return Error{ErrorCode::kJournalOlder,
                 options.path + " has version " + std::to_string(header.version) +
                     "; a daemon of this binary brings it to version " +
                     std::to_string(kSchemaVersion),
                 {"belay daemon"}};
  }
  BELAY_TRY(compareSchema(*database));
  return database;
}

/// Tries until the lock is free or the time is up. SQLite's own waiting does not cover the
/// exclusive lock that a WAL without shared memory takes.
Result<std::unique_ptr<Database>> connectWhenFree(const JournalOptions& options, Access access) {
  for (auto left = options.lockWait;; left -= kLockPause) {
    auto database = connect(options, access);
    if (database.ok() || database.error().code != ErrorCode::kJournalLocked) return database;
    if (left <= std::chrono::milliseconds{0}) {
      return Error{ErrorCode::kJournalLocked,
                   options.path + " is held by another process",
                   {"a daemon that runs is asked through its socket: belay doctor"}};
    }
    std::this_thread::sleep_for(kLockPause);
  }
}

/// True when another process has locked the file for itself. Asks without a lock of our own, which
/// a file that is open for reading only could not have.
Result<bool> isHeld(const std::string& path) {
  constexpr off_t kLockBytes = 0x40000000;  // where SQLite's locks are: pending, reserved, shared
  BELAY_ASSIGN(const base::UniqueFd fd, base::openForReading(path));
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = kLockBytes;
  lock.l_len = 512;
  if (::fcntl(fd.get(), F_GETLK, &lock) != 0) {
    return base::errnoError(errno, "look at the locks of " + path);
  }
  return lock.l_type != F_UNLCK;
}

Result<Access> chooseAccess(const JournalOptions& options, log::Log& log) {
  if (!options.readOnly) return Access::kWrite;
  if (!base::fileExists(options.path)) {
    return Error{ErrorCode::kNotFound, "there is no journal " + options.path};
  }
  const bool writable = ::access(options.path.c_str(), W_OK) == 0 &&
                        ::access(folderOf(options.path).c_str(), W_OK) == 0;
  if (writable) return Access::kWrite;
  BELAY_ASSIGN(const bool held, isHeld(options.path));
  if (held) return Error{ErrorCode::kJournalLocked, options.path + " is held by another process"};
  struct stat wal {};
  const bool hasWal = ::stat((options.path + "-wal").c_str(), &wal) == 0 && wal.st_size > 0;
  log.warning("journal.folder_read_only",
              {{"path", options.path}, {"opened", hasWal ? "without locks" : "as immutable"}});
  return hasWal ? Access::kReadWal : Access::kImmutable;
}

std::string reservePath(const std::string& path) {
  constexpr std::string_view kSuffix = ".db";
  const bool named = path.size() > kSuffix.size() && path.ends_with(kSuffix);
  return (named ? path.substr(0, path.size() - kSuffix.size()) : path) + ".reserve";
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const JournalOptions& options,
                                               const base::Clock& clock, log::Log& log) {
  const FolderRules rules{options.readOnly, options.allowFuse, options.fileSystemOf};
  BELAY_TRY(checkStateFolder(options.path, rules));
  BELAY_ASSIGN(const Access access, chooseAccess(options, log));
  if (!options.readOnly) BELAY_TRY(makePrivateFile(options.path));
  BELAY_ASSIGN(std::unique_ptr<Database> database, connectWhenFree(options, access));

  const Session::Options limits{options.walMaxBytes, options.readOnly};
  Reserve reserve(reservePath(options.path), options.readOnly ? 0 : options.reserveBytes);
  auto session = std::make_unique<Session>(std::move(database), std::move(reserve), limits, log);
  BELAY_TRY(session->takeReserve());
  auto journal = std::make_unique<SqliteJournal>(std::move(session), clock);
  // A reader checks what it reads; `journal verify` must be able to open what is broken.
  if (!options.readOnly) BELAY_TRY(journal->checkLastRows());
  return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace belay::journal
