#pragma once

#include <string>

#include "common/base/Result.h"
#include "common/base/UniqueFd.h"

namespace belay::agents {

// Files of trees that an agent has written. Errors: kInvalidArgument for a path that is absolute,
// empty, or has "." or ".." in it; kNotFound; kIo, for a link in it too.

/// A regular file below `root`, for reading; no link is followed on the way, and no FIFO or device
/// is opened.
base::Result<base::UniqueFd> openBeneath(const std::string& root, const std::string& path);
/// A new file below `root` in place of what stands there, with the folders that it needs; no link
/// is followed.
base::Result<base::UniqueFd> createBeneath(const std::string& root, const std::string& path);

}  // namespace belay::agents
