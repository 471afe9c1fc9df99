#pragma once

#include <cstdint>

namespace belay::agents {

/// What this process and all that descend from it have for themselves now, in bytes: pages that are
/// resident and not of a file or shared memory. 0 where the kernel does not say. Threads: any.
std::uint64_t ownMemory();

}  // namespace belay::agents
