#include "agent/journal/Reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/Files.h"
#include "common/base/UniqueFd.h"

namespace belay::journal {

base::Status Reserve::take() {
  if (bytes_ == 0) return {};
  const base::UniqueFd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return base::errnoError(errno, "create reserve " + path_);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return base::errnoError(errno, "look at reserve " + path_);
  // Size alone would take a sparse file for a reserve.
  const auto allocated = static_cast<std::uint64_t>(info.st_blocks) * 512;
  if (static_cast<std::uint64_t>(info.st_size) >= bytes_ && allocated >= bytes_) return {};
  const int failed = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes_));
  if (failed == 0) return {};
  release();
  return base::errnoError(failed, "allocate reserve " + path_);
}

bool Reserve::hasRoom() const {
  if (bytes_ == 0) return true;
  struct statvfs info {};
  const std::string folder = path_.substr(0, path_.rfind('/'));
  if (::statvfs(folder.c_str(), &info) != 0) return false;
  // What the reserve itself gave back is no room: taking it at once would leave nothing for that
  // for which it is there.
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize >= 2 * bytes_;
}

void Reserve::release() noexcept { static_cast<void>(::unlink(path_.c_str())); }

}  // namespace belay::journal
