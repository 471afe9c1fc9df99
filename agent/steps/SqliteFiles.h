#pragma once

#include <memory>
#include <string>

namespace belay::steps {

/// The files that SQLite may touch for one database: the file that is opened first, its rollback
/// journal and its log. A journal that somebody planted can name any file, which SQLite would read
/// and remove; it is left alone here, and the database is not opened.
///
/// Threads:   one at a time; any number of them beside each other.
/// Ownership: must outlive the connection that is opened with name().
class SqliteFiles {
 public:
  SqliteFiles();
  ~SqliteFiles();
  SqliteFiles(const SqliteFiles&) = delete;
  SqliteFiles& operator=(const SqliteFiles&) = delete;

  /// For sqlite3_open_v2(); null when there was no memory to register it.
  const char* name() const;
  /// The file that SQLite was kept from last, or empty.
  const std::string& refused() const;

 private:
  struct Vfs;
  const std::unique_ptr<Vfs> vfs_;
};

}  // namespace belay::steps
