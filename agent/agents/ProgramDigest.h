#pragma once

#include <string>

#include "common/base/Result.h"

namespace belay::agents {

/// SHA-256 of a program's content, in lower-case digits. Links are followed: the program is what
/// they lead to. Errors: kAgentNotFound, kIo.
base::Result<std::string> programDigest(const std::string& path);

}  // namespace belay::agents
