#pragma once

#include <string_view>

#include "agent/flow/Flow.h"
#include "common/json/Value.h"

namespace belay::flow {

/// Makes the model of a flow whose file has been found right; `text` is the file, verbatim, for the
/// digest.
Flow buildFlow(const json::Value& root, std::string_view text);
/// The same for one that is code; `source` is its module.
Flow buildCodeFlow(const json::Value& metadata, std::string_view text, std::string_view source);
/// One step that has been found right, by what the flow says for all of them.
Step buildStep(const json::Value& step, const Flow& flow, const json::Value& root);
/// The triggers of such a flow.
Triggers buildTriggers(const json::Value& root);

}  // namespace belay::flow
