#pragma once

#include <string>
#include <string_view>

#include "agent/cli/Invocation.h"
#include "common/base/Result.h"

namespace belay::cli {

/// The 64 digits of "res://sha256/…", or the digits themselves. Errors: kUsage.
base::Result<std::string> digestOf(std::string_view ref);
/// The content of a resource, checked against its digest; from the store when no daemon runs.
/// Errors: those of the read; kLimit above 64 MiB.
base::Result<std::string> readResource(Invocation& invocation, std::string_view ref);

}  // namespace belay::cli
