#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/Installation.h"
#include "agent/jobs/UserPool.h"
#include "common/base/Environment.h"
#include "common/http/ProxySettings.h"

namespace belay::cli {

/// A proxy as settings write it: a URL, nothing, or "environment". Errors: kInvalidArgument.
base::Result<http::ProxySettings> proxyOf(const std::string& url,
                                          const std::vector<std::string>& noProxy,
                                          const base::EnvironmentLookup& environment);

/// A user that jobs.users names.
std::optional<jobs::JobUser> findJobUser(std::string_view name);

/// What parseSettings() does not look at and the daemon would refuse: connections, agents,
/// accounts, proxies, the socket, the policy. Errors: kSettingsInvalid with the option and its
/// place; of the policy what readPolicy() says.
base::Status checkSettings(const Installation& where, const base::EnvironmentLookup& environment);

}  // namespace belay::cli
