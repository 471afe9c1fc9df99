#pragma once

#include "agent/flow/Validate.h"

namespace belay {

// What the daemon gives to several of its parts.

/// The checks of what is written in flows. Each thread has its own.
flow::SyntaxCheck makeSyntaxCheck();

}  // namespace belay
