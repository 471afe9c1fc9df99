#pragma once

#include "agent/settings/Settings.h"
#include "common/base/Result.h"

namespace belay {

/// Puts limits.memory and limits.cpu on this process. Memory is bounded softly, so that jobs can be
/// given the host's own bound back (see liftMemoryLimit()). Errors: kSettingsInvalid when the host
/// does not allow it.
base::Status applyLimits(const settings::LimitSettings& limits);

/// For the spawner: jobs are bounded by settings of their own.
void liftMemoryLimit() noexcept;

}  // namespace belay
