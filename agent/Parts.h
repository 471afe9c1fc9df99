#pragma once

#include "agent/flow/Validate.h"
#include "agent/settings/StateLayout.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"

namespace belay {

// What the daemon gives to several of its parts.

/// Holds the state folder for one daemon, for as long as the descriptor is open. Makes nothing in a
/// folder of another user, who could not open it. Errors: kNotInitialised, kAlreadyRunning,
/// kStateFolderUnsafe, kNetworkFileSystem, kIo.
base::Result<base::UniqueFd> lockState(const settings::StateLayout& layout);

/// The checks of what is written in flows. Each thread has its own.
flow::SyntaxCheck makeSyntaxCheck();

}  // namespace belay
