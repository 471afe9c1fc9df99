#pragma once

#include <string>
#include <vector>

#include "agent/runtime/HostEpoch.h"

namespace belay {

/// The files that name the machine, as they are now; those that cannot be read, or are empty, are
/// left out. Threads: any.
runtime::MachineFacts readMachine(const std::vector<std::string>& files);

}  // namespace belay
