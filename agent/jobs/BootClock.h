#pragma once

#include <cstdint>

namespace belay::jobs {

// The clocks of spawner and supervisor, which are processes of their own: the daemon's injected
// clock does not reach them.

/// Milliseconds since boot, suspend included (CLOCK_BOOTTIME).
std::int64_t bootMs();
/// Milliseconds since 1970.
std::int64_t wallMs();

}  // namespace belay::jobs
