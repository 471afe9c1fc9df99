#include "common/tls/Deadline.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/Files.h"
#include "common/base/Units.h"

namespace belay::tls {

namespace {

using std::chrono::milliseconds;

/// poll(2) counts in an int; a longer wait is made of several.
constexpr milliseconds kPollMax{3'600'000};

base::Error timedOut(milliseconds timeout) {
  return base::Error{base::ErrorCode::kTimeout,
                     "no answer within " + base::formatDuration(timeout)};
}

}  // namespace

Deadline Deadline::within(milliseconds timeout) const {
  Deadline sooner(clock_, timeout, cancel_);
  return sooner.until_ < until_ ? sooner : *this;
}

milliseconds Deadline::left() const {
  return std::max(milliseconds{0}, until_ - clock_.sinceBoot());
}

base::Status Deadline::check() const {
  if (left().count() == 0) return timedOut(timeout_);
  return {};
}

base::Status Deadline::wait(int fd, short events, milliseconds silenceMax) const {
  const Deadline bound = silenceMax.count() > 0 ? within(silenceMax) : *this;
  while (true) {
    const milliseconds left = bound.left();
    std::array<pollfd, 2> entries{{{fd, events, 0}, {cancel_ ? cancel_->fd() : -1, POLLIN, 0}}};
    const int ready =
        ::poll(entries.data(), entries.size(), static_cast<int>(std::min(left, kPollMax).count()));
    if (ready < 0 && errno != EINTR) return base::errnoError(errno, "wait for a socket");
    if (ready > 0 && entries[1].revents != 0) {
      return base::Error{base::ErrorCode::kCancelled, "it was cancelled"};
    }
    if (ready > 0) return {};
    if (left.count() == 0) return timedOut(bound.timeout_);
  }
}

}  // namespace belay::tls
