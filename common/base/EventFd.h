#pragma once

#include "common/base/UniqueFd.h"

namespace belay::base {

/// A flag that threads can wait for with poll(2) and epoll(7).
///
/// Threads: any.
class EventFd {
 public:
  EventFd();
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;

  /// Makes fd() readable until clear().
  void signal() noexcept;
  void clear() noexcept;
  int fd() const noexcept { return fd_.get(); }

 private:
  // Self-synchronised: the kernel's counter is the flag.
  UniqueFd fd_;
};

}  // namespace belay::base
