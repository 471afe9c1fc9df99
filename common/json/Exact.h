#pragma once

#include <string_view>

#include "common/base/Result.h"

namespace belay::json {

/// As check(), and refuses whole numbers beyond 2^53, which would lose digits: for texts that
/// people write. Errors: those of parse().
base::Status checkExact(std::string_view text);

}  // namespace belay::json
