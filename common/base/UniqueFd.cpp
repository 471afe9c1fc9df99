#include "common/base/UniqueFd.h"

#include <unistd.h>

namespace belay::base {

void UniqueFd::reset(int fd) noexcept {
  // Linux frees the number even when close reports EINTR, so it is never repeated.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

}  // namespace belay::base
