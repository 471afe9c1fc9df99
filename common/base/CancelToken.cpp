#include "common/base/CancelToken.h"

#include <poll.h>

namespace belay::base {

bool CancelToken::cancelled() const noexcept {
  pollfd entry{event_.fd(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

}  // namespace belay::base
