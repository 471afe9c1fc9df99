#include "common/base/EventFd.h"

#include <sys/eventfd.h>

#include "common/base/Check.h"

namespace belay::base {

EventFd::EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Without descriptors nothing of the program works any more; a restart is safe.
  BELAY_CHECK(fd_.valid());
}

void EventFd::signal() noexcept {
  // Fails only when the counter is full, and then the flag is up already.
  const int result = ::eventfd_write(fd_.get(), 1);
  static_cast<void>(result);
}

void EventFd::clear() noexcept {
  eventfd_t value = 0;
  // Fails only when the flag is down already.
  const int result = ::eventfd_read(fd_.get(), &value);
  static_cast<void>(result);
}

}  // namespace belay::base
