#pragma once

#include <functional>
#include <optional>
#include <string>

namespace belay::base {

/// Looks up one variable of the environment. Only main.cpp knows the real one; everybody else is
/// given this, so that a test can say what the environment is.
///
/// Threads: any.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

}  // namespace belay::base
