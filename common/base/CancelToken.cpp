#include "common/base/CancelToken.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "common/base/Check.h"

namespace belay::base {

CancelToken::CancelToken() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Without descriptors nothing of the daemon works any more; a restart is safe.
  BELAY_CHECK(event_.valid());
}

void CancelToken::cancel() noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the token is cancelled already.
  [[maybe_unused]] const ssize_t wrote = ::write(event_.get(), &one, sizeof one);
}

bool CancelToken::cancelled() const noexcept {
  pollfd entry{event_.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

}  // namespace belay::base
