#include "common/sqlite/Database.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace belay::sqlite {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr int kValueBytesMax = 16 << 20;

ErrorCode codeOf(int resultCode, int systemError) {
  switch (resultCode & 0xff) {
    case SQLITE_FULL:
      return ErrorCode::kDiskFull;
    case SQLITE_CORRUPT:
      return ErrorCode::kJournalCorrupt;
    case SQLITE_NOTADB:
      return ErrorCode::kJournalForeign;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kJournalLocked;
    case SQLITE_CONSTRAINT:
      return ErrorCode::kConflict;
    case SQLITE_TOOBIG:
      return ErrorCode::kLimit;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::kPermission;
    // A used-up quota is a full disk. SQLite knows only ENOSPC as one; it undoes its write for
    // both.
    case SQLITE_IOERR:
      return resultCode == SQLITE_IOERR_WRITE && systemError == EDQUOT ? ErrorCode::kDiskFull
                                                                       : ErrorCode::kJournalIo;
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
      return ErrorCode::kJournalIo;
    default:
      return ErrorCode::kInternal;
  }
}

/// `path` as a URI that asks for an immutable file.
std::string immutableUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr const char* kHex = "0123456789ABCDEF";
      uri += {'%', kHex[(static_cast<unsigned char>(c) >> 4) & 15], kHex[c & 15]};
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const OpenOptions& options) {
  int flags = SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX;
  flags |= options.readOnly || options.immutable ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create && !options.readOnly && !options.immutable) flags |= SQLITE_OPEN_CREATE;
  if (options.immutable) flags |= SQLITE_OPEN_URI;
  const std::string name = options.immutable ? immutableUri(options.path) : options.path;
  const char* vfs = options.vfs.empty() ? nullptr : options.vfs.c_str();

  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(name.c_str(), &raw, flags, vfs);
  BELAY_CHECK(raw != nullptr);  // fails only without memory
  std::unique_ptr<Database> database(new Database(Handle(raw), options.path));
  if (opened != SQLITE_OK) return database->error(opened, "open");
  sqlite3_busy_timeout(raw, static_cast<int>(options.busyWait.count()));
  BELAY_TRY(database->harden());
  return database;
}

Status Database::harden() {
  sqlite3_limit(raw(), SQLITE_LIMIT_LENGTH, kValueBytesMax);
  sqlite3_limit(raw(), SQLITE_LIMIT_ATTACHED, 1);
  sqlite3_limit(raw(), SQLITE_LIMIT_TRIGGER_DEPTH, 1);
  // ENABLE_QPSG: a plan must not hang on bound values. Else a statement whose parameter is compared
  // with the column of a partial index is compiled anew each time that it is bound.
  for (const auto& [option, on] :
       {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1}, std::pair{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        std::pair{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, std::pair{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        std::pair{SQLITE_DBCONFIG_ENABLE_QPSG, 1}}) {
    const int configured = sqlite3_db_config(raw(), option, on, nullptr);
    if (configured != SQLITE_OK) return error(configured, "harden");
  }
  return exec("PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON;", "harden");
}

Status Database::exec(const char* sql, std::string_view what) {
  const int done = sqlite3_exec(raw(), sql, nullptr, nullptr, nullptr);
  return done == SQLITE_OK ? Status{} : Status{error(done, what)};
}

Result<std::string> Database::readText(const char* sql, std::string_view what) {
  sqlite3_stmt* prepared = nullptr;
  const int compiled = sqlite3_prepare_v2(raw(), sql, -1, &prepared, nullptr);
  const std::unique_ptr<sqlite3_stmt, base::FreeWith<&sqlite3_finalize>> statement(prepared);
  if (compiled != SQLITE_OK) return error(compiled, what);
  const int stepped = sqlite3_step(prepared);
  if (stepped == SQLITE_DONE) return std::string{};
  if (stepped != SQLITE_ROW) return error(stepped, what);
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(prepared, 0));
  return text == nullptr ? std::string{} : std::string(text);
}

Result<std::int64_t> Database::readInteger(const char* sql, std::string_view what) {
  BELAY_ASSIGN(const std::string text, readText(sql, what));
  return static_cast<std::int64_t>(std::strtoll(text.c_str(), nullptr, 10));
}

Status Database::setPragma(const std::string& name, const std::string& value,
                           const std::string& readsBackAs) {
  const std::string set = "PRAGMA " + name + " = " + value;
  BELAY_TRY(exec(set.c_str(), set));
  const std::string get = "PRAGMA " + name;
  BELAY_ASSIGN(const std::string now, readText(get.c_str(), get));
  if (now == readsBackAs) return {};
  return Error{ErrorCode::kUnsupported,
               path_ + ": " + set + " has no effect: it reads back as \"" + now + "\""};
}

std::int64_t Database::lastInsertId() const { return sqlite3_last_insert_rowid(raw()); }

std::int64_t Database::changes() const { return sqlite3_changes64(raw()); }

bool Database::inAutocommit() const { return sqlite3_get_autocommit(raw()) != 0; }

Error Database::error(int resultCode, std::string_view what) const {
  BELAY_CHECK((resultCode & 0xff) != SQLITE_NOMEM);
  const int systemError = sqlite3_system_errno(raw());
  std::string message = path_ + ": " + std::string(what) + ": " + sqlite3_errmsg(raw());
  message += " (SQLite " + std::to_string(resultCode);
  const int primary = resultCode & 0xff;
  const bool fromSystem = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
  if (fromSystem && systemError != 0) message += std::string(", ") + std::strerror(systemError);
  return Error{codeOf(resultCode, systemError), message + ")"};
}

std::string libraryVersion() { return sqlite3_libversion(); }

bool needsSingleConnection(int versionNumber) {
  const bool fixedBranch = (versionNumber >= 3'044'006 && versionNumber < 3'045'000) ||
                           (versionNumber >= 3'050'007 && versionNumber < 3'051'000);
  return versionNumber < 3'051'003 && !fixedBranch;
}

bool linkedLibraryNeedsSingleConnection() {
  return needsSingleConnection(sqlite3_libversion_number());
}

}  // namespace belay::sqlite
