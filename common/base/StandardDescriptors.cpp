#include "common/base/StandardDescriptors.h"

#include <fcntl.h>
#include <unistd.h>

namespace belay::base {

void fillStandardDescriptors() noexcept {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0)
      static_cast<void>(::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR));
  }
}

}  // namespace belay::base
