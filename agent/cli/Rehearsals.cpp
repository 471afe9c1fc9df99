#include "agent/cli/Rehearsals.h"

#include "agent/cli/FlowFiles.h"
#include "agent/cli/Resources.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kEventsMax = 100'000;
constexpr std::size_t kEventsPerRead = 1000;

/// The data of an answer that is no error.
Result<Value> dataOf(Result<api::Envelope> answer) {
  if (!answer) return std::move(answer).error();
  if (answer->error) return std::move(*answer->error);
  return std::move(answer->data);
}

}  // namespace

Result<rehearsal::Script> scriptOf(const api::FlowText& content) {
  flow::Checked checked = api::checkFlowText(content, makeSyntaxCheck());
  if (!checked.flow) return api::firstError(checked);
  rehearsal::Script script{std::move(*checked.flow), {}};
  script.row = {script.flow.digest, script.flow.slug.str(),
                std::string(flow::formatName(content.format)), content.text, 0};
  return script;
}

Result<rehearsal::Script> storedScript(Invocation& invocation, const std::string& slug,
                                       const std::string& which) {
  Target target(pathOf("/v1/flows", slug, "/content"));
  BELAY_ASSIGN(Value data, dataOf(invocation.get(target.add("of", which).str())));
  data.set("file", slug + ".flow." + data.text("format"));
  BELAY_ASSIGN(const api::FlowText content, api::readFlowText(data));
  return scriptOf(content);
}

Result<Recorded> recordOf(Invocation& invocation, const std::string& run) {
  BELAY_ASSIGN(const Value shown, dataOf(invocation.get(pathOf("/v1/runs", run))));
  const Value* row = shown.find("run");
  if (!row) return Error{ErrorCode::kRunNotFound, "there is no run " + run};
  Recorded out{row->text("id"), row->text("flow"), row->text("digest"), row->text("status"), {}};
  while (true) {
    Target target(pathOf("/v1/runs", out.run, "/events"));
    target.add("after", std::to_string(out.events.empty() ? 0 : out.events.back().seq));
    target.add("limit", std::to_string(kEventsPerRead));
    BELAY_ASSIGN(const Value page, dataOf(invocation.get(target.str())));
    const Value* events = page.find("events");
    if (!events || events->asArray().empty()) return out;
    for (const Value& event : events->asArray()) {
      BELAY_ASSIGN(const std::int64_t at, base::parseInstant(event.text("at")));
      out.events.push_back({static_cast<std::uint64_t>(event.integer("seq")), event.text("event"),
                            at, json::print(*event.find("body"))});
    }
    if (out.events.size() > kEventsMax) {
      return Error{ErrorCode::kLimit,
                   "run " + out.run + " has more than " + std::to_string(kEventsMax) + " events"};
    }
  }
}

rehearsal::StageOutputs::Load loaderOf(Invocation& invocation) {
  return [&invocation](std::string_view ref) { return readResource(invocation, ref); };
}

std::string sentenceOf(const rehearsal::Change& change) {
  using Kind = rehearsal::Change::Kind;
  const std::string step = shown(change.step), was = shown(change.was), now = shown(change.now);
  switch (change.kind) {
    case Kind::kRendered:
      return step + " does something else";
    case Kind::kUnknown:
      return step + " is reached, of which the run has no record";
    case Kind::kOutcome:
      return (step.empty() ? "the run" : step) + " ends as " + now + ", it was " + was;
    case Kind::kPath:
      break;
  }
  return "after " + (step.empty() ? "the start" : step) + " comes " + now + ", it was " + was;
}

}  // namespace belay::cli
