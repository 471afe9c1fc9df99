#include "agent/steps/SqliteFiles.h"

#include <sqlite3.h>

#include <string_view>

namespace belay::steps {

struct SqliteFiles::Vfs : sqlite3_vfs {
  sqlite3_vfs* real = nullptr;
  std::string registered;
  std::string file;
  std::string refused;

  bool isOwn(const char* path) {
    // Without a name: a file that the library makes for itself and removes at once.
    if (!path) return true;
    const std::string_view asked = path;
    const bool own = asked.starts_with(file) &&
                     (asked.size() == file.size() || asked.substr(file.size()) == "-journal" ||
                      asked.substr(file.size()) == "-wal");
    if (!own) refused = asked;
    return own;
  }
  static Vfs& of(sqlite3_vfs* vfs) { return *static_cast<Vfs*>(vfs); }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* opened, int flags,
                  int* outFlags) noexcept {
    Vfs& own = of(vfs);
    if (own.file.empty() && path && (flags & SQLITE_OPEN_MAIN_DB) != 0) own.file = path;
    opened->pMethods = nullptr;
    if (!own.isOwn(path)) return SQLITE_CANTOPEN;
    return own.real->xOpen(own.real, path, opened, flags, outFlags);
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int durably) noexcept {
    Vfs& own = of(vfs);
    return own.isOwn(path) ? own.real->xDelete(own.real, path, durably) : SQLITE_IOERR_DELETE;
  }
  /// Never "it is not there": the transaction of a journal whose other file is gone counts as done.
  static int access(sqlite3_vfs* vfs, const char* path, int flags, int* out) noexcept {
    Vfs& own = of(vfs);
    return own.isOwn(path) ? own.real->xAccess(own.real, path, flags, out) : SQLITE_IOERR_ACCESS;
  }
};

SqliteFiles::SqliteFiles() : vfs_(std::make_unique<Vfs>()) {
  sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
  if (!real) return;
  static_cast<sqlite3_vfs&>(*vfs_) = *real;
  vfs_->real = real;
  vfs_->registered = "belay-" + std::to_string(reinterpret_cast<std::uintptr_t>(vfs_.get()));
  vfs_->zName = vfs_->registered.c_str();
  vfs_->xOpen = &Vfs::open;
  vfs_->xDelete = &Vfs::remove;
  vfs_->xAccess = &Vfs::access;
  if (sqlite3_vfs_register(vfs_.get(), 0) != SQLITE_OK) vfs_->registered.clear();
}

SqliteFiles::~SqliteFiles() {
  if (name()) sqlite3_vfs_unregister(vfs_.get());
}

const char* SqliteFiles::name() const {
  return vfs_->registered.empty() ? nullptr : vfs_->registered.c_str();
}

const std::string& SqliteFiles::refused() const { return vfs_->refused; }

}  // namespace belay::steps
