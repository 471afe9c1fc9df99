#pragma once

#include "agent/flow/Report.h"

namespace belay::flow {

/// Says of each step of a list, and of the lists within it, that no way leads to it. A `next` that
/// an expression chooses may lead anywhere in its list.
void reportUnreachable(const Node& steps, Report& report);

}  // namespace belay::flow
