#pragma once

#include "agent/flow/Names.h"
#include "agent/flow/Report.h"
#include "common/base/Result.h"

namespace belay::flow {

/// What the tables cannot say of `agents:`: names that there are, keys that go together.
void checkHandles(const Node& root, const FlowNames& names, Report& report);
/// Says so when the flow has no agent of this name.
void checkHandleName(const Node& name, const FlowNames& names, Report& report);

/// `agents:` of the settings, by the same tables: an object of definitions by name, each with its
/// adapter; null is none. Errors: kSettingsInvalid for the first that is wrong.
base::Status checkHostAgents(const json::Value& section);

}  // namespace belay::flow
