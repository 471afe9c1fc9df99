#pragma once

#include <optional>

#include "agent/flow/Expressions.h"
#include "agent/flow/Report.h"
#include "agent/flow/Start.h"

namespace belay::flow {

/// What the tables cannot say of `concurrency`: which options go together, and what its key may
/// name.
void checkConcurrency(const Node& root, Report& report, Expressions& expressions);

/// Of a flow that has been checked; nothing when it has none.
std::optional<Concurrency> concurrencyOf(const json::Value& root);
OnNewRelease onNewReleaseOf(const json::Value& root);

}  // namespace belay::flow
