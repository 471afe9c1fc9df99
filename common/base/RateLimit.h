#pragma once

#include <chrono>
#include <cstdint>

namespace belay::base {

/// At most `max` within `per`, in the long run; `max` at once after a pause. `max` 0: no limit.
struct RateLimit {
  std::uint32_t max = 0;
  std::chrono::milliseconds per{0};
};

}  // namespace belay::base
