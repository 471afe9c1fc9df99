#pragma once

#include <string_view>

namespace belay::script {

/// JavaScript that runs once in a new realm, before anything else: an expression that gives
/// `(now, random, roots) => …`. It puts the run's clock and randomness in place, takes out what
/// makes code from text, and freezes all that can be reached. NUL-terminated.
std::string_view preludeSource();

}  // namespace belay::script
