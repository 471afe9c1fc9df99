#pragma once

#include "agent/flow/Names.h"
#include "agent/flow/Report.h"

namespace belay::flow {

/// Says of each step that no way leads to it. A `next` that an expression chooses may lead
/// anywhere.
void reportUnreachable(const Node& steps, const FlowNames& names, Report& report);

}  // namespace belay::flow
