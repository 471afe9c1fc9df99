#include "agent/steps/SetStep.h"

#include <utility>

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
    return Error{ErrorCode::kInvalidArgument, "step " + context.key.path + ": set must hold names and values"};
  }
  BELAY_ASSIGN(json::Value state, json::parse(context.run.stateJson.empty() ? "{}" : context.run.stateJson));
  for (const json::Member& member : changes.asObject()) state.set(member.first, member.second);
  return runtime::InlineOutcome{std::move(rendered.json), json::print(state)};
}

}  // namespace belay::steps
