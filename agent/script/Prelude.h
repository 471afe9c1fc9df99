#pragma once

#include <string_view>

namespace belay::script {

/// JavaScript that runs once in a new realm, before anything else: an expression that gives
/// `(now, random, roots, program) => …`. It puts the run's clock and randomness in place, takes out
/// what makes code from text, and freezes all that can be reached. NUL-terminated.
std::string_view preludeSource();

/// What the code of a run calls (Program.h): an expression that gives `[StepError, makeContext]`.
/// NUL-terminated.
std::string_view programApiSource();
/// Its name in stack traces, which are shown without it.
inline constexpr const char* kProgramApiLabel = "belay";

}  // namespace belay::script
