#pragma once

#include <string>

#include "common/base/Result.h"

namespace belay::tools {

/// From here on it is bytes of others that are read: this thread and those that it starts execute
/// nothing any more, and touch no file but those of `folder` (empty: none). What the kernel cannot
/// keep from it is left. Errors: kIo.
base::Status confine(const std::string& folder);

}  // namespace belay::tools
