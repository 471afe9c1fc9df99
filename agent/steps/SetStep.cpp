#include "agent/steps/SetStep.h"

#include <utility>

#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;

Result<runtime::InlineOutcome> SetStep::perform(const runtime::InlineContext& context) {
  BELAY_ASSIGN(script::Evaluated rendered,
               context.evaluator.renderValue(context.module, context.spec, context.scope));
  BELAY_ASSIGN(const json::Value changes, json::parse(rendered.json));
  if (!changes.isObject()) {
    return Error{ErrorCode::kInvalidArgument,
                 "step " + context.key.path + ": set must hold names and values"};
  }
  BELAY_ASSIGN(json::Value state,
               json::parse(context.run.stateJson.empty() ? "{}" : context.run.stateJson));
  for (const json::Member& member : changes.asObject()) state.set(member.first, member.second);
  std::string changed = json::print(state);
  if (changed.size() > kStateBytesMax) {
    return Error{ErrorCode::kLimit, "step " + context.key.path + " makes the state " +
                                        base::formatBytes(changed.size()) +
                                        " large, and it may have " +
                                        base::formatBytes(kStateBytesMax) +
                                        "; leave large values in the outputs of their steps"};
  }
  return runtime::InlineOutcome{std::move(rendered.json), std::move(changed)};
}

}  // namespace belay::steps
