#pragma once

#include <string_view>

#include "common/base/Result.h"

namespace belay::base {

/// What the name of a secret looks like, wherever one is stored or used. Capital and small letters
/// differ.
inline constexpr std::string_view kSecretNamePattern = "[A-Za-z0-9_][A-Za-z0-9_-]{0,63}";

/// True for kSecretNamePattern, and only then.
bool isSecretName(std::string_view name);

/// Errors: kInvalidArgument with the pattern, unless isSecretName().
Status checkSecretName(std::string_view name);

}  // namespace belay::base
