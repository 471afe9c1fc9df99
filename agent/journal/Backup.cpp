#include "agent/journal/Backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "agent/journal/StateFolder.h"
#include "common/base/Files.h"
#include "common/base/FreeWith.h"
#include "common/base/UniqueFd.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Status syncFile(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return base::errnoError(errno, "open " + path);
  if (::fsync(fd.get()) != 0) return base::errnoError(errno, "sync " + path);
  return {};
}

/// An error can be the target's, which says nothing about the journal: it poisons nothing.
Error ofTarget(Error error, const std::string& target) {
  if (error.code != ErrorCode::kDiskFull) return error;
  return Error{ErrorCode::kDiskFull,
               "write " + target + ": its disk is full",
               {"belay journal backup FILE, on a disk with more room"}};
}

/// The temporary file is ours and empty: VACUUM INTO takes an empty file, with its mode.
Status writeCopy(Session& session, const std::string& temporary) {
  sqlite::Statement vacuum(session.database(), "back up", "VACUUM INTO ?");
  sqlite::Execution copy(vacuum, temporary);
  return copy.run();
}

/// Gives the finished copy its name, without replacing what somebody has made meanwhile.
Status giveName(const std::string& temporary, const std::string& target) {
  int failed = ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE);
  // Old kernels and file systems do not know the flag.
  if (failed != 0 && (errno == ENOSYS || errno == EINVAL)) {
    failed = ::rename(temporary.c_str(), target.c_str());
  }
  if (failed == 0) return {};
  if (errno == EEXIST) return Error{ErrorCode::kConflict, target + " exists"};
  return base::errnoError(errno, "rename " + temporary);
}

/// Refuses a target that exists, and makes the temporary file: empty, ours alone.
Result<std::string> makeTemporary(const std::string& target) {
  struct stat info {};
  if (::lstat(target.c_str(), &info) == 0) {
    return Error{ErrorCode::kConflict, target + " exists", {"name a file that does not exist"}};
  }
  const std::string temporary = target + ".partial";
  BELAY_TRY(base::removeFile(temporary));
  BELAY_TRY(makePrivateFile(temporary));
  return temporary;
}

Status finish(const std::string& temporary, const std::string& target) {
  BELAY_TRY(syncFile(temporary));
  BELAY_TRY(giveName(temporary, target));
  return base::syncFolder(folderOf(target));
}

/// A copy by SQLite's backup interface. Pages that are copied and then written are copied again by
/// SQLite itself, because it is the same connection that writes them.
class PagewiseBackup final : public Backup {
 public:
  PagewiseBackup(Session& session, std::string temporary, std::string target)
      : session_(session), temporary_(std::move(temporary)), target_(std::move(target)) {}
  ~PagewiseBackup() override {
    backup_.reset();
    copy_.reset();
    if (!done_) static_cast<void>(base::removeFile(temporary_));
  }

  Status begin() {
    sqlite::OpenOptions options;
    options.path = temporary_;
    options.create = false;
    BELAY_ASSIGN(copy_, sqlite::Database::open(options));
    // Nobody sees the copy before it is complete, and then it is synced as a whole.
    constexpr const char* kFast = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF";
    BELAY_TRY(copy_->exec(kFast, "begin backup"));
    backup_.reset(sqlite3_backup_init(copy_->raw(), "main", session_.database().raw(), "main"));
    if (backup_) return {};
    return copy_->error(sqlite3_errcode(copy_->raw()), "begin backup");
  }

  Result<bool> step(std::size_t pagesMost) override {
    BELAY_TRY(session_.outsideTransaction("backup"));
    if (done_) return true;
    BELAY_CHECK(backup_ != nullptr);
    const int stepped = sqlite3_backup_step(backup_.get(), static_cast<int>(pagesMost));
    if (stepped == SQLITE_OK) return false;
    if (stepped != SQLITE_DONE) return ofTarget(copy_->error(stepped, "back up"), target_);
    backup_.reset();
    copy_.reset();
    BELAY_TRY(finish(temporary_, target_));
    done_ = true;
    return true;
  }

 private:
  Session& session_;
  const std::string temporary_;
  const std::string target_;
  std::unique_ptr<sqlite::Database> copy_;
  std::unique_ptr<sqlite3_backup, base::FreeWith<&sqlite3_backup_finish>> backup_;
  bool done_ = false;
};

}  // namespace

Status backUp(Session& session, const std::string& target) {
  BELAY_TRY(session.outsideTransaction("backup"));
  BELAY_ASSIGN(const std::string temporary, makeTemporary(target));
  Status done = writeCopy(session, temporary);
  if (done.ok()) done = finish(temporary, target);
  if (!done.ok()) static_cast<void>(base::removeFile(temporary));
  return done.ok() ? Status{} : Status{ofTarget(std::move(done).error(), target)};
}

Result<std::unique_ptr<Backup>> beginBackup(Session& session, const std::string& target) {
  BELAY_TRY(session.outsideTransaction("backup"));
  BELAY_ASSIGN(std::string temporary, makeTemporary(target));
  auto backup = std::make_unique<PagewiseBackup>(session, std::move(temporary), target);
  BELAY_TRY(backup->begin());
  return std::unique_ptr<Backup>(std::move(backup));
}

}  // namespace belay::journal
