#include <memory>
#include <utility>

#include "agent/api/Checking.h"
#include "agent/api/Reads.h"
#include "agent/api/Trusting.h"
#include "agent/flow/Family.h"
#include "common/base/Units.h"

namespace belay::api {

using base::Result;
using json::Value;

namespace {

/// Where the flow is on its way from draft to live.
void addState(Value& out, const runtime::FlowState& state) {
  out.set("draft_digest", state.head.draftDigest)
      .set("updated_at", base::formatInstant(state.head.updatedMs));
  if (state.draft) out.set("draft_by", state.draft->by);
  if (state.newest) out.set("newest_release", releaseToJson(*state.newest));
  if (state.live) {
    Value live;
    live.set("release", state.live->release).set("digest", state.live->digest);
    live.set("promoted_at", base::formatInstant(state.live->atMs))
        .set("promoted_by", state.live->by);
    out.set("live", std::move(live));
  }
  out.set("archived", state.archived.has_value());
  if (!state.archived) return;
  out.set("archived_at", base::formatInstant(state.archived->atMs))
      .set("archived_by", state.archived->by);
}

Value stepsToJson(const flow::Flow& flow) {
  json::Array steps;
  for (const flow::Step& step : flow.steps) {
    Value out;
    out.set("id", step.id.str());
    if (!step.title.empty()) out.set("title", step.title);
    out.set("family", familyName(step.family)).set("effect", flow::effectClassName(step.effect));
    if (step.when) out.set("when", *step.when);
    if (step.next) out.set("next", *step.next);
    steps.push_back(std::move(out));
  }
  return Value(std::move(steps));
}

Value requirementsToJson(const flow::Flow& flow, const std::vector<journal::BindingRow>& bindings) {
  json::Array requires_;
  for (const flow::Requirement& requirement : flow.requirements) {
    Value out;
    out.set("name", requirement.name).set("type", requirement.type);
    for (const journal::BindingRow& binding : bindings) {
      if (binding.name == requirement.name) out.set("connection", binding.connection);
    }
    requires_.push_back(std::move(out));
  }
  return Value(std::move(requires_));
}

}  // namespace

Result<Value> readFlows(ReadContext& context, const ReadArguments&) {
  BELAY_ASSIGN(const std::vector<journal::FlowHeadRow> heads, context.journal.flowHeads());
  json::Array flows;
  for (const journal::FlowHeadRow& head : heads) {
    BELAY_ASSIGN(const std::uint64_t runs, context.journal.runsOfFlow(head.slug));
    BELAY_ASSIGN(const runtime::FlowState state, runtime::flowState(context.journal, head.slug));
    Value out;
    out.set("slug", head.slug).set("runs", runs);
    addState(out, state);
    flows.push_back(std::move(out));
  }
  Value out;
  out.set("flows", std::move(flows));
  return out;
}

Result<Value> readFlow(ReadContext& context, const ReadArguments& arguments) {
  const std::string& slug = arguments.param("slug");
  BELAY_ASSIGN(const runtime::FlowState state, runtime::flowState(context.journal, slug));
  const std::string& draft = state.head.draftDigest;
  BELAY_ASSIGN(const std::shared_ptr<const runtime::LoadedFlow> loaded, context.flows.get(draft));
  BELAY_ASSIGN(const std::vector<journal::BindingRow> bindings, context.journal.bindings(slug));
  BELAY_ASSIGN(const std::uint64_t runs, context.journal.runsOfFlow(slug));
  const flow::Flow& flow = loaded->flow;
  Value out;
  out.set("slug", slug).set("name", flow.name).set("description", flow.description);
  json::Array tags;
  for (const std::string& tag : flow.tags) tags.emplace_back(tag);
  out.set("tags", std::move(tags)).set("runs", runs);
  addState(out, state);
  BELAY_TRY(addPins(context, slug, out));
  if (flow.input) out.set("input", *flow.input);
  out.set("code", flow.code.has_value());
  out.set("steps", stepsToJson(flow)).set("requires", requirementsToJson(flow, bindings));
  if (arguments.flag("content")) {
    BELAY_ASSIGN(const std::optional<journal::FlowRow> row, context.journal.flowByDigest(draft));
    if (row) out.set("content", row->content).set("format", row->format);
  }
  Value data;
  data.set("flow", std::move(out));
  return data;
}

}  // namespace belay::api
