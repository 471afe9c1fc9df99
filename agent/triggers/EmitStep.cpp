#include "agent/triggers/EmitStep.h"

#include "common/json/Json.h"

namespace belay::triggers {

using base::Result;

Result<runtime::InlineOutcome> EmitStep::perform(const runtime::InlineContext& context) {
  auto rendered = context.evaluator.renderValue(context.module, context.spec, context.scope);
  if (!rendered) return std::move(rendered).error().in("step " + context.step.id.str());
  BELAY_ASSIGN(const json::Value spec, json::parse(rendered->json));
  const json::Value* body = spec.find("body");
  Emission emission;
  emission.name = spec.text("event");
  emission.bodyJson = body ? json::print(*body) : "null";
  emission.by = "run:" + context.run.id.str();
  const engine::RunCreated& created = context.run.created;
  // Whoever asked for this run has asked for those that it starts.
  emission.requester = created.requester.empty() ? created.startedBy : created.requester;
  emission.depth = created.depth + 1;
  BELAY_ASSIGN(const EventOutcome outcome, events_.emit(emission));
  return runtime::InlineOutcome{json::print(outcomeJson(outcome)), {}};
}

}  // namespace belay::triggers
