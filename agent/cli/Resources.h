#pragma once

#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::cli {

/// The 64 digits of "res://sha256/…", or the digits themselves. Errors: kUsage.
base::Result<std::string> digestOf(std::string_view ref);

}  // namespace belay::cli
