#pragma once

#include <string>
#include <vector>

#include "agent/flow/Validate.h"
#include "agent/settings/StateLayout.h"
#include "common/base/Environment.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"
#include "common/http/ProxySettings.h"

namespace belay {

// What the daemon gives to several of its parts.

/// A proxy as settings write it: a URL, nothing, or "environment". Errors: kUrlInvalid.
base::Result<http::ProxySettings> proxyOf(const std::string& url,
                                          const std::vector<std::string>& noProxy,
                                          const base::EnvironmentLookup& environment);

/// Holds the state folder for one daemon, for as long as the descriptor is open. Makes nothing in a
/// folder of another user, who could not open it. Errors: kNotInitialised, kAlreadyRunning,
/// kStateFolderUnsafe, kNetworkFileSystem, kIo.
base::Result<base::UniqueFd> lockState(const settings::StateLayout& layout);

/// The checks of what is written in flows. Each thread has its own.
flow::SyntaxCheck makeSyntaxCheck();

}  // namespace belay
