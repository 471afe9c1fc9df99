#include "agent/api/RunView.h"

#include <utility>

#include "agent/api/QueueView.h"
#include "agent/api/Reads.h"
#include "agent/engine/Names.h"
#include "agent/engine/Path.h"
#include "agent/flow/Family.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::api {

using json::Value;

namespace {

constexpr std::size_t kShortBytes = 2048;

/// Puts journaled JSON in as a value; `NAME_bytes` instead where it is too long to show.
void setJson(Value& out, const std::string& name, const std::string& text, bool full) {
  if (text.empty()) return;
  if (!full && text.size() > kShortBytes) {
    out.set(name + "_bytes", static_cast<std::int64_t>(text.size()));
    return;
  }
  auto parsed = json::parse(text);
  // The journal's own rows are strict JSON; a value that is not is shown as the text that it is.
  out.set(name, parsed ? std::move(*parsed) : Value(text));
}

void setInstant(Value& out, std::string_view name, std::int64_t atMs) {
  if (atMs != 0) out.set(name, base::formatInstant(atMs));
}

Value failureToJson(const engine::Failure& failure) {
  Value out;
  out.set("code", failure.code).set("class", flow::failureClassName(failure.kind));
  out.set("message", failure.message);
  if (failure.nothingLeft) out.set("nothing_left", true);
  return out;
}

Value attemptToJson(const AttemptRecord& attempt) {
  Value out;
  out.set("attempt", static_cast<std::int64_t>(attempt.attempt));
  setInstant(out, "started_at", attempt.startedMs);
  setInstant(out, "ended_at", attempt.endedMs);
  if (attempt.failure) out.set("error", failureToJson(*attempt.failure));
  if (attempt.delayMs != 0) out.set("next_after_ms", attempt.delayMs);
  return out;
}

Value waitToJson(const WaitRecord& wait, bool full) {
  Value out;
  out.set("id", wait.opened.wait.str()).set("kind", flow::waitKindName(wait.opened.kind));
  out.set("status",
          wait.resolved ? engine::answerName(wait.resolved->answer) : std::string_view("open"));
  setInstant(out, "opened_at", wait.openedMs);
  setInstant(out, "expires_at", wait.opened.expiresWallMs);
  if (!wait.opened.eventName.empty()) out.set("event", wait.opened.eventName);
  setJson(out, "request", wait.opened.requestJson, full);
  if (!wait.resolved) return out;
  setInstant(out, "answered_at", wait.resolvedMs);
  if (!wait.resolved->by.empty()) out.set("by", wait.resolved->by);
  setJson(out, "body", wait.resolved->bodyJson, full);
  if (!wait.resolved->decision.empty()) out.set("decision", wait.resolved->decision);
  return out;
}

void setNames(Value& out, std::string_view name, const std::vector<std::string>& names) {
  if (names.empty()) return;
  json::Array list;
  for (const std::string& text : names) list.emplace_back(text);
  out.set(name, std::move(list));
}

Value nextToJson(const engine::Next& next) {
  if (next.kind == engine::Next::Kind::kStep) return Value(next.step);
  return next.kind == engine::Next::Kind::kEnd ? Value("end") : Value();
}

Value childToJson(const base::RunId& id, const ChildRows& children) {
  Value out;
  out.set("run", id.str());
  const auto row = children.find(id);
  if (row == children.end()) return out;
  out.set("flow", row->second.slug);
  return out.set("status", engine::runStatusName(row->second.status));
}

/// What a coding agent used, however long its output is.
void setAgent(Value& out, const std::string& outputJson) {
  const auto output = json::parse(outputJson);
  const Value* usage = output ? output->find("usage") : nullptr;
  if (!usage) return;
  Value agent;
  agent.set("name", output->text("agent")).set("turns", output->integer("turns"));
  agent.set("tokens", usage->integer("input") + usage->integer("output"));
  if (const Value* cost = output->find("cost_usd")) agent.set("cost_usd", *cost);
  out.set("agent", std::move(agent));
}

Value visitToJson(const VisitRecord& visit, const flow::Flow* flow, const RunViewOptions& options,
                  std::int64_t nowMs) {
  const bool full = options.fullOutputs;
  Value out;
  out.set("step", visit.path).set("visit", static_cast<std::int64_t>(visit.visit));
  const VisitKind kind = kindOf(visit, flow);
  if (!kind.title.empty()) out.set("title", kind.title);
  if (kind.family) out.set("family", familyName(*kind.family));
  out.set("status", visitStatusName(visit.status));
  setInstant(out, "started_at", visit.startedMs);
  setInstant(out, "finished_at", visit.finishedMs);
  out.set("duration_ms", visit.active() ? nowMs - visit.startedMs : visit.durationMs);
  if (visit.started) {
    out.set("effect", flow::effectClassName(visit.started->effect));
    out.set("idempotency_key", visit.started->idempotencyKey);
    setJson(out, "rendered", visit.started->renderedJson, full);
    const base::RunId& child = visit.started->child;
    if (!child.empty()) out.set("child", childToJson(child, options.children));
  }
  json::Array attempts;
  for (const AttemptRecord& attempt : visit.attempts) attempts.push_back(attemptToJson(attempt));
  if (!attempts.empty()) out.set("attempts", std::move(attempts));
  if (options.progressOf && visit.active() && visit.started && !visit.attempts.empty()) {
    const std::string said = options.progressOf(visit);
    if (!said.empty()) out.set("progress", said);
  }
  if (!visit.heldBy.empty()) {
    Value held;
    held.set("by", visit.heldBy).set("until", base::formatInstant(visit.heldUntilMs));
    out.set("held", std::move(held));
  }
  if (visit.wait) out.set("wait", waitToJson(*visit.wait, full));
  if (!visit.ambiguousReason.empty()) out.set("ambiguous", visit.ambiguousReason);
  if (visit.resolution) {
    Value resolution;
    resolution.set("as", engine::resolutionName(visit.resolution->resolution));
    resolution.set("by", visit.resolution->by);
    if (!visit.resolution->note.empty()) resolution.set("note", visit.resolution->note);
    out.set("resolution", std::move(resolution));
  }
  if (visit.finished) {
    setJson(out, "output", visit.finished->outputJson, full);
    if (kind.family == flow::Family::kAgent) setAgent(out, visit.finished->outputJson);
    if (!visit.finished->outputRef.empty()) out.set("output_ref", visit.finished->outputRef);
    if (visit.finished->failure) out.set("error", failureToJson(*visit.finished->failure));
    out.set("next", nextToJson(visit.finished->next));
    setJson(out, "undo", visit.finished->undoJson, full);
    if (!visit.finished->undoRef.empty()) out.set("undo_ref", visit.finished->undoRef);
  }
  return out;
}

Value controlToJson(const ControlRecord& control) {
  Value out;
  out.set("at", base::formatInstant(control.atMs)).set("what", control.what);
  if (!control.by.empty()) out.set("by", control.by);
  if (!control.other.empty()) out.set("superseded_by", control.other);
  if (!control.step.empty()) out.set("step", control.step);
  return out;
}

}  // namespace

Value viewRun(const journal::RunRow& row, const RunHistory& history, const flow::Flow* flow,
              const RunViewOptions& options, std::int64_t nowMs) {
  Value run = runToJson(row, nowMs);
  const AdviceFacts facts{options.children, options.queue ? queueReason(*options.queue) : "",
                          options.diskFull};
  const Advice advice = adviseOn(row.id.str(), row.status, history, flow, nowMs, facts);
  if (!advice.reason.empty()) run.set("reason", advice.reason);
  if (options.queue) run.set("queue", queueToJson(*options.queue, true));
  if (history.created()) {
    setJson(run, "input", history.created()->inputJson, options.fullOutputs);
    setJson(run, "trigger", history.created()->triggerJson, options.fullOutputs);
    const engine::ParentStep& parent = history.created()->parent;
    if (!parent.run.empty()) {
      run.set("parent", parent.run.str()).set("parent_step", parent.key.path);
      run.set("depth", static_cast<std::int64_t>(history.created()->depth));
    }
  }
  setJson(run, "state", history.stateJson(), options.fullOutputs);
  if (history.finished()) {
    setJson(run, "output", history.finished()->outputJson, true);
    if (history.finished()->failure) run.set("error", failureToJson(*history.finished()->failure));
    if (!history.finished()->failedStep.empty())
      run.set("failed_step", history.finished()->failedStep);
    setNames(run, "compensated", history.finished()->compensated);
    setNames(run, "uncompensated", history.finished()->uncompensated);
  }
  json::Array steps;
  json::Array path;
  for (const VisitRecord& visit : history.visits()) {
    path.emplace_back(visit.visit == 1 ? visit.path
                                       : visit.path + "#" + std::to_string(visit.visit));
    if (!options.step.empty() && visit.path != options.step) continue;
    steps.push_back(visitToJson(visit, flow, options, nowMs));
  }
  json::Array logs;
  for (const LogRecord& log : history.logs()) {
    Value line;
    setInstant(line, "at", log.atMs);
    line.set("text", log.text);
    logs.push_back(std::move(line));
  }
  json::Array controls;
  for (const ControlRecord& control : history.controls())
    controls.push_back(controlToJson(control));
  json::Array actions;
  for (const std::string& action : advice.actions) actions.emplace_back(action);
  Value out;
  out.set("run", std::move(run)).set("steps", std::move(steps)).set("path", std::move(path));
  if (!logs.empty()) out.set("log", std::move(logs));
  out.set("controls", std::move(controls)).set("actions", std::move(actions));
  return out;
}

base::Result<Value> eventToJson(const journal::EventRow& row) {
  Value out;
  out.set("seq", row.seq).set("event", row.name).set("at", base::formatInstant(row.atMs));
  BELAY_ASSIGN(Value body, json::parse(row.body));
  out.set("body", std::move(body));
  return out;
}

}  // namespace belay::api
