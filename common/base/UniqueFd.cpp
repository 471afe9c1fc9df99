#include "common/base/UniqueFd.h"

#include <sys/resource.h>
#include <unistd.h>

namespace belay::base {

void UniqueFd::reset(int fd) noexcept {
  // Linux frees the number even when close reports EINTR, so it is never repeated.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

void raiseDescriptorLimit() noexcept {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &files));
}

}  // namespace belay::base
