#pragma once

#include <cstdint>

#include "common/base/Result.h"

namespace belay {

// Each bounds this process, and by 0 nothing. Errors: kSettingsInvalid when the host does not allow
// it.

/// limits.memory, softly, so that jobs can be given the host's own bound back (see
/// liftMemoryLimit()).
base::Status limitMemory(std::uint64_t bytes);
/// limits.cpu, also for what this process starts from now on.
base::Status limitProcessors(std::int64_t most);

/// For the spawner: jobs are bounded by settings of their own.
void liftMemoryLimit() noexcept;

}  // namespace belay
