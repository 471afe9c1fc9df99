#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/Files.h"
#include "common/base/FreeWith.h"

namespace belay::base {

namespace {

using Folder = std::unique_ptr<DIR, FreeWith<&::closedir>>;

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Removes what is below a folder, however deep it is: with two descriptors, and the way back is
/// "..", which is looked at before it is believed.
class TreeRemover {
 public:
  TreeRemover(UniqueFd root, std::string shown) : at_(std::move(root)), shown_(std::move(shown)) {}

  Status run() {
    BELAY_TRY(enter({}));
    while (true) {
      BELAY_ASSIGN(const bool empty, removeEntries());
      if (!empty) continue;
      if (levels_.size() == 1) return {};
      BELAY_TRY(leave());
    }
  }

 private:
  struct Level {
    std::string name;
    dev_t device = 0;
    ino_t inode = 0;
  };

  Status enter(std::string name) {
    struct stat info {};
    if (::fstat(at_.get(), &info) != 0) return errnoError(errno, "look into " + shown_);
    levels_.push_back({std::move(name), info.st_dev, info.st_ino});
    return {};
  }

  /// Back to the folder that holds this one, which is empty.
  Status leave() {
    UniqueFd up(::openat(at_.get(), "..", kFolderFlags));
    const Level& known = levels_[levels_.size() - 2];
    struct stat info {};
    if (!up.valid() || ::fstat(up.get(), &info) != 0)
      return errnoError(errno, "go back in " + shown_);
    if (info.st_dev != known.device || info.st_ino != known.inode)
      return Error{ErrorCode::kIo, "remove " + shown_ + ": somebody moves its folders"};
    if (::unlinkat(up.get(), levels_.back().name.c_str(), AT_REMOVEDIR) != 0)
      return errnoError(errno, "remove a folder in " + shown_);
    levels_.pop_back();
    at_ = std::move(up);
    return {};
  }

  /// Until there is none, or one was entered; false then.
  Result<bool> removeEntries() {
    Folder folder(::fdopendir(::openat(at_.get(), ".", kFolderFlags)));
    if (!folder) return errnoError(errno, "open a folder in " + shown_);
    while (const dirent* entry = ::readdir(folder.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (unlink(name) || errno == ENOENT) continue;
      if (errno != EISDIR && errno != EPERM) return errnoError(errno, "remove " + name);
      UniqueFd below(::openat(at_.get(), name.c_str(), kFolderFlags));
      if (!below.valid() && errno == EACCES &&
          ::fchmodat(at_.get(), name.c_str(), 0700, 0) == 0) {
        below.reset(::openat(at_.get(), name.c_str(), kFolderFlags));
      }
      if (!below.valid()) return errnoError(errno, "open the folder " + name + " in " + shown_);
      at_ = std::move(below);
      BELAY_TRY(enter(name));
      return false;
    }
    return true;
  }

  /// Some tools leave folders that their owner may not write to.
  bool unlink(const std::string& name) {
    if (::unlinkat(at_.get(), name.c_str(), 0) == 0) return true;
    if (errno != EACCES || ::fchmod(at_.get(), 0700) != 0) return false;
    return ::unlinkat(at_.get(), name.c_str(), 0) == 0;
  }

  UniqueFd at_;
  const std::string shown_;
  std::vector<Level> levels_;
};

}  // namespace

Status removeTree(const std::string& path) {
  UniqueFd root(::open(path.c_str(), kFolderFlags));
  if (!root.valid() && errno == EACCES && ::chmod(path.c_str(), 0700) == 0)
    root.reset(::open(path.c_str(), kFolderFlags));
  if (!root.valid())
    return errno == ENOENT ? Status{} : Status{errnoError(errno, "open folder " + path)};
  BELAY_TRY(TreeRemover(std::move(root), path).run());
  if (::rmdir(path.c_str()) != 0) return errnoError(errno, "remove folder " + path);
  return {};
}

}  // namespace belay::base
