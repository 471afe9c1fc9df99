#pragma once

#include <string_view>

#include "agent/flow/Flow.h"
#include "common/json/Value.h"

namespace belay::flow {

/// Makes the model of a flow whose file has been found right; `text` is the file, verbatim, for the
/// digest.
Flow buildFlow(const json::Value& root, std::string_view text);
/// The triggers of such a flow.
Triggers buildTriggers(const json::Value& root);

}  // namespace belay::flow
