#pragma once

#include <string_view>

#include "common/json/Value.h"

namespace belay::yaml {

/// What a plain scalar means, or why it is refused.
struct Resolved {
  json::Value value;
  std::string_view refused;  ///< Empty unless JSON cannot hold the value; then the reason.
};

/// Resolves a plain (unquoted) scalar by the core schema of YAML 1.2 (§10.3.2).
Resolved resolvePlain(std::string_view text);

}  // namespace belay::yaml
