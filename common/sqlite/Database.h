#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/FreeWith.h"
#include "common/base/Result.h"

struct sqlite3;
extern "C" int sqlite3_close_v2(sqlite3*);

namespace belay::sqlite {

/// How a database file is opened.
struct OpenOptions {
  std::string path;
  std::string vfs;         ///< Name of a registered VFS; empty: the default one.
  bool create = true;      ///< Makes the file when it is missing.
  bool readOnly = false;   ///< Asks the operating system for reading only.
  bool immutable = false;  ///< Promises that nobody changes the file: no locks, and no WAL is read.
  /// Waits so long for another process's lock.
  std::chrono::milliseconds busyWait{0};
};

/// One connection to one SQLite database.
///
/// Hardened at open: DEFENSIVE, no trusted schema, no memory map, checked cells, at most one
/// attached database (VACUUM INTO needs it), texts and blobs of at most 16 MiB.
///
/// Threads:   the owner thread only.
/// Ownership: must outlive every Statement that was made for it.
/// Errors:    kDiskFull, kJournalIo, kJournalCorrupt, kJournalForeign (not a database), kConflict
/// (a
///            constraint), kJournalLocked, kLimit, kPermission (read only), kInternal (wrong SQL).
///            Messages name the statement. Out of memory aborts.
class Database {
 public:
  static base::Result<std::unique_ptr<Database>> open(const OpenOptions& options);

  /// Runs statements without values; rows are skipped. `what` names them in errors.
  base::Status exec(const char* sql, std::string_view what);
  /// The first value of the first row, empty when there is none.
  base::Result<std::string> readText(const char* sql, std::string_view what);
  base::Result<std::int64_t> readInteger(const char* sql, std::string_view what);
  /// Sets a pragma and reads it back: kUnsupported when SQLite has not taken the value.
  base::Status setPragma(const std::string& name, const std::string& value,
                         const std::string& readsBackAs);

  std::int64_t lastInsertId() const;
  /// Rows changed by the last INSERT, UPDATE or DELETE.
  std::int64_t changes() const;
  /// False while a transaction is open. SQLite ends one by itself after some I/O errors.
  bool inAutocommit() const;
  /// The Error for a result code of this connection.
  base::Error error(int resultCode, std::string_view what) const;

  sqlite3* raw() const { return handle_.get(); }
  const std::string& path() const { return path_; }

 private:
  using Handle = std::unique_ptr<sqlite3, base::FreeWith<&sqlite3_close_v2>>;

  Database(Handle handle, std::string path) : handle_(std::move(handle)), path_(std::move(path)) {}
  base::Status harden();

  Handle handle_;
  const std::string path_;
};

/// The version of the linked library, "3.46.1".
std::string libraryVersion();

/// True when several connections of this version can corrupt a WAL database by checkpointing and
/// writing at the same moment (fixed in 3.51.3, and in 3.44.6 and 3.50.7): then one exclusive
/// connection must do both.
bool needsSingleConnection(int versionNumber);
bool linkedLibraryNeedsSingleConnection();

}  // namespace belay::sqlite
