#include <memory>
#include <utility>

#include "agent/api/Reads.h"
#include "agent/api/RunView.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

Error noFlow(std::string_view slug, const std::vector<journal::FlowHeadRow>& heads) {
  std::vector<std::string_view> names;
  for (const journal::FlowHeadRow& head : heads) names.push_back(head.slug);
  std::string message = "there is no flow \"" + base::visible(slug) + "\" on this host";
  if (const auto near = base::nearest(slug, names)) message += "; did you mean \"" + *near + "\"?";
  return Error{ErrorCode::kNotFound, std::move(message), {"belay flow list", "belay flow run FILE"}};
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
    Value out;
    out.set("slug", head.slug).set("draft_digest", head.draftDigest).set("runs", runs);
    out.set("updated_at", base::formatInstant(head.updatedMs));
    flows.push_back(std::move(out));
  }
  Value out;
  out.set("flows", std::move(flows));
  return out;
}

Result<Value> readFlow(ReadContext& context, const ReadArguments& arguments) {
  const std::string& slug = arguments.param("slug");
  BELAY_ASSIGN(const std::optional<journal::FlowHeadRow> head, context.journal.flowHead(slug));
  if (!head) {
    BELAY_ASSIGN(const std::vector<journal::FlowHeadRow> heads, context.journal.flowHeads());
    return noFlow(slug, heads);
  }
  BELAY_ASSIGN(const std::shared_ptr<const runtime::LoadedFlow> loaded,
               context.flows.get(head->draftDigest));
  BELAY_ASSIGN(const std::vector<journal::BindingRow> bindings, context.journal.bindings(slug));
  BELAY_ASSIGN(const std::uint64_t runs, context.journal.runsOfFlow(slug));
  const flow::Flow& flow = loaded->flow;
  Value out;
  out.set("slug", slug).set("name", flow.name).set("description", flow.description);
  json::Array tags;
  for (const std::string& tag : flow.tags) tags.emplace_back(tag);
  out.set("tags", std::move(tags)).set("draft_digest", head->draftDigest).set("runs", runs);
  out.set("updated_at", base::formatInstant(head->updatedMs));
  if (flow.input) out.set("input", *flow.input);
  out.set("steps", stepsToJson(flow)).set("requires", requirementsToJson(flow, bindings));
  if (arguments.flag("content")) {
    BELAY_ASSIGN(const std::optional<journal::FlowRow> row, context.journal.flowByDigest(head->draftDigest));
    if (row) out.set("content", row->content).set("format", row->format);
  }
  Value data;
  data.set("flow", std::move(out));
  return data;
}

}  // namespace belay::api
