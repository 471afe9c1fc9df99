#include "agent/runtime/Waits.h"

#include <algorithm>
#include <utility>

#include "agent/engine/Path.h"
#include "agent/flow/Family.h"
#include "agent/runtime/GateRequests.h"
#include "agent/runtime/Gates.h"
#include "agent/runtime/Steps.h"
#include "agent/runtime/WaitAnswers.h"
#include "agent/script/TextOutput.h"
#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "common/json/Schema.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using engine::WaitAnswer;

namespace {

/// How the run opened a wait that is still open; null pointer: it is not.
const engine::WaitOpened* openedIn(const engine::RunState& state, const std::string& path,
                                   const base::WaitId& wait) {
  const engine::ActiveStep* active = state.findActive(path);
  if (active && active->wait && active->wait->wait == wait) return &*active->wait;
  const auto early = state.early.find(path);
  return early != state.early.end() && early->second.opened.wait == wait ? &early->second.opened
                                                                         : nullptr;
}

Result<base::WaitId> newWaitId(Core& core) {
  return base::WaitId::parse("w" + base::makeSortableId(core.wallMs(), core.world().random));
}

}  // namespace

/// A wait on its way into the journal.
struct Waits::Open {
  engine::WaitOpened event;
  bool isGate = false;  ///< People of the roster answer.
};

Status Waits::open(LiveRun& run, const flow::Step& step, const json::Value& spec,
                   const engine::StepKey& key, const RunScope& scope) {
  if (const auto early = run.state.early.find(key.path); early != run.state.early.end()) {
    const engine::EarlyWait wait = early->second;
    if (wait.answer) return finish(run, wait.opened, *wait.answer);
    return core_.record(run, wait.opened);
  }
  BELAY_ASSIGN(Open open, render(run, step, spec, key, scope));
  return recordOpen(run, std::move(open));
}

Status Waits::openEarly(LiveRun& run, const flow::Step& step, const std::string& stepPath,
                        const std::string& renderedJson, const RunScope& scope) {
  if (!flow::runsAsJob(step.family) || renderedJson.find("\"callback\"") == std::string::npos)
    return {};
  BELAY_ASSIGN(const json::Value rendered, json::parse(renderedJson));
  const std::string id = rendered.text("callback");
  const std::string path = engine::pathIn(engine::scopeOf(stepPath), id);
  if (id.empty() || run.state.early.count(path) != 0) return {};
  if (run.code) return openedByCode(run, path);
  const auto index = run.flow->flow.indexOf(id);
  if (!index)
    return Error{ErrorCode::kFlowUnknownStep,
                 "callback names \"" + id + "\", which is no step of the flow"};
  const auto visits = run.state.visits.find(path);
  const engine::StepKey key{path, visits == run.state.visits.end() ? 1u : visits->second + 1u, 1};
  BELAY_ASSIGN(Open open,
               render(run, run.flow->flow.steps[*index], run.flow->specs[*index], key, scope));
  return recordOpen(run, std::move(open));
}

/// What code will wait for is not known before it does.
Status Waits::openedByCode(const LiveRun& run, const std::string& path) {
  const engine::ActiveStep* active = run.state.findActive(path);
  if (active && active->wait && active->wait->kind == flow::WaitKind::kCallback) return {};
  return Error{ErrorCode::kFlowUnknownStep,
               "callback names \"" + path +
                   "\", and no wait of this name is open for a callback; "
                   "call ctx.wait first, and await it behind the step"};
}

std::string Waits::handedOut(const LiveRun& run, const std::string& stepPath,
                             const std::string& renderedJson) {
  if (renderedJson.find("\"callback\"") == std::string::npos) return {};
  const auto rendered = json::parse(renderedJson);
  const std::string id = rendered ? rendered->text("callback") : "";
  if (id.empty()) return {};
  const std::string path = engine::pathIn(engine::scopeOf(stepPath), id);
  const auto early = run.state.early.find(path);
  if (early != run.state.early.end()) return early->second.opened.wait.str();
  const engine::ActiveStep* active = run.state.findActive(path);
  return active && active->wait ? active->wait->wait.str() : "";
}

Result<Waits::Open> Waits::render(LiveRun& run, const flow::Step& step, const json::Value& spec,
                                  const engine::StepKey& key, const RunScope& scope) {
  BELAY_ASSIGN(const script::Evaluated text,
               core_.world().evaluator.renderValue(run.flow->module, spec, scope));
  BELAY_ASSIGN(json::Value rendered, json::parse(text.json));
  Open open;
  open.event.key = key;
  open.event.kind = step.wait.kind;
  open.event.onTimeout = step.wait.onTimeout;
  BELAY_TRY(begin(open, run, step.wait.timeout, scope));
  if (step.wait.kind == flow::WaitKind::kTime) {
    BELAY_TRY(renderTime(open, rendered));
    return open;
  }
  BELAY_TRY(renderRequest(open, run, rendered));
  return open;
}

Status Waits::begin(Open& open, LiveRun& run, const std::optional<std::string>& timeout,
                    const RunScope& scope) {
  BELAY_ASSIGN(open.event.wait, newWaitId(core_));
  if (!timeout) return {};
  auto delayMs = steps_->durationOf(run, *timeout, scope);
  if (!delayMs) return std::move(delayMs).error().in("timeout");
  open.event.delayMs = *delayMs;
  open.event.expiresWallMs = core_.wallMs() + open.event.delayMs;
  return {};
}

Status Waits::openReview(LiveRun& run, const flow::Review& review, const engine::StepKey& key,
                         json::Value request, const RunScope& scope) {
  Open open;
  open.event.key = key;
  open.event.kind = flow::WaitKind::kApproval;
  open.event.onTimeout = review.onTimeout;
  open.event.review = true;
  BELAY_TRY(begin(open, run, review.timeout, scope));
  json::Value rendered;
  rendered.set(flow::waitKindName(open.event.kind), std::move(request));
  BELAY_TRY(renderRequest(open, run, rendered));
  return recordOpen(run, std::move(open));
}

Status Waits::renderTime(Open& open, const json::Value& rendered) {
  const json::Value* until = rendered.find("until");
  if (until && until->isString()) {
    BELAY_ASSIGN(open.event.expiresWallMs, base::parseInstant(until->asString()));
    open.event.onWallClock = true;
    return {};
  }
  const json::Value* length = rendered.find("for");
  if (!length || !length->isString()) {
    return Error{ErrorCode::kInvalidArgument,
                 "step " + open.event.key.path + " needs for: or until: as a text"};
  }
  BELAY_ASSIGN(const std::chrono::milliseconds delay, base::parseDuration(length->asString()));
  open.event.delayMs = delay.count();
  open.event.expiresWallMs = core_.wallMs() + delay.count();
  return {};
}

Status Waits::renderRequest(Open& open, LiveRun& run, const json::Value& rendered) {
  const std::string kind(flow::waitKindName(open.event.kind));
  json::Value request;
  request.set("kind", kind);
  request.set("flow", run.state.created.slug);
  request.set("digest", run.state.created.flowDigest);
  request.set("run", run.state.id.str());
  request.set("step", open.event.key.path);
  request.set("visit", static_cast<std::int64_t>(open.event.key.visit));
  request.set("wait", open.event.wait.str());
  request.set("nonce", base::makeToken(core_.world().random));
  request.set("created_ms", core_.wallMs());
  if (open.event.expiresWallMs != 0) request.set("expires_ms", open.event.expiresWallMs);
  if (const json::Value* options = rendered.find(kind); options && options->isObject()) {
    for (const json::Member& member : options->asObject()) request.set(member.first, member.second);
  }
  if (open.event.kind == flow::WaitKind::kApproval) {
    BELAY_TRY(askForApproval(open, run, request));
    if (open.isGate) return {};
  }
  if (open.event.kind == flow::WaitKind::kEvent) {
    open.event.eventName = request.text("name");
    if (open.event.eventName.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   "step " + open.event.key.path + ": the event has no name"};
    }
  }
  open.event.requestJson = json::print(request);
  open.event.requestDigest = crypto::sha256(open.event.requestJson).hex();
  return {};
}

Status Waits::askForApproval(Open& open, LiveRun& run, json::Value& request) {
  BELAY_ASSIGN(json::Value artifacts, artifactsOf(run, open.event.key, request));
  request.set("artifacts", std::move(artifacts));
  engine::WaitOpened bounded = open.event;
  const std::int64_t longest = core_.world().policy.approvalExpires().count();
  if (bounded.delayMs == 0 || bounded.delayMs > longest) {
    bounded.delayMs = longest;
    bounded.expiresWallMs = core_.wallMs() + longest;
  }
  BELAY_ASSIGN(const auto asked, askPeople(core_, run, bounded, request));
  if (!asked) return {};
  open.event = std::move(bounded);
  open.event.requestJson = asked->print();
  open.event.requestDigest = crypto::sha256(open.event.requestJson).hex();
  open.isGate = true;
  return {};
}

Result<json::Value> Waits::artifactsOf(LiveRun& run, const engine::StepKey& key,
                                       const json::Value& rendered) {
  json::Array artifacts;
  const json::Value* given = rendered.find("artifacts");
  if (!given || !given->isArray()) return json::Value(std::move(artifacts));
  for (const json::Value& item : given->asArray()) {
    const std::string name = "artifact-" + std::to_string(artifacts.size() + 1);
    std::string ref = item.isString() ? item.asString() : item.text("ref");
    if (!ref.starts_with("res://")) {
      // What is small enough to stand in the journal is stored too: an approval is bound to a
      // digest.
      const std::string* text = script::textOf(item);
      const std::string content = text ? *text : json::print(item);
      BELAY_ASSIGN(
          journal::ResourceRow row,
          core_.world().outputs.store(content, text ? "text/plain" : "application/json", name));
      row.run = run.state.id;
      row.step = key.path;
      BELAY_TRY(core_.world().journal.addResource(row));
      ref = row.ref;
    }
    BELAY_ASSIGN(const std::optional<journal::ResourceRow> stored,
                 core_.world().journal.resource(ref));
    if (!stored)
      return Error{ErrorCode::kResourceNotFound,
                   "artifact " + ref + " is not a resource of this host"};
    json::Value artifact;
    artifact.set("name", item.text("name", stored->name));
    artifact.set("ref", stored->ref);
    artifact.set("digest", stored->digest);
    artifact.set("size", stored->size);
    artifact.set("media_type", stored->mediaType);
    artifacts.push_back(std::move(artifact));
  }
  return json::Value(std::move(artifacts));
}

Status Waits::recordOpen(LiveRun& run, Open open) {
  journal::WaitRow row;
  row.id = open.event.wait;
  row.run = run.state.id;
  row.slug = run.state.created.slug;
  row.step = open.event.key.path;
  row.kind = open.event.kind;
  row.requestJson = open.event.requestJson;
  row.requestDigest = open.event.requestDigest;
  row.eventName = open.event.eventName;
  row.openedMs = core_.wallMs();
  row.expiresMs = open.event.expiresWallMs;
  BELAY_TRY(core_.world().journal.addWait(row));
  if (open.isGate) BELAY_TRY(recordGate(run, open.event));
  BELAY_TRY(armTimer(run, open.event));
  return core_.record(run, std::move(open.event));
}

Status Waits::recordGate(const LiveRun& run, const engine::WaitOpened& opened) {
  journal::GateRow gate;
  gate.request = opened.requestDigest;
  gate.wait = opened.wait.str();
  gate.runNumber = run.head.number;
  BELAY_ASSIGN(gate.epoch, askedIn(core_));
  const base::Clock& clock = core_.world().clock;
  gate.seen = {clock.bootId(), clock.sinceBoot().count(), core_.wallMs()};
  gate.lifeMs = opened.delayMs;
  if (!gateOpenedMs_) gateOpenedMs_ = gate.seen.bootMs;
  return core_.world().journal.gates().add(gate);
}

Status Waits::armTimer(LiveRun& run, const engine::WaitOpened& opened) {
  if (opened.expiresWallMs == 0) return {};
  journal::TimerRow timer;
  timer.runNumber = run.head.number;
  timer.key = "wait:" + opened.wait.str();
  timer.bootId = core_.world().clock.bootId();
  timer.dueBootMs = core_.world().clock.sinceBoot().count() + opened.delayMs;
  timer.dueWallMs = opened.expiresWallMs;
  timer.onWallClock = opened.onWallClock;
  return core_.world().journal.putTimer(timer);
}

Result<journal::WaitRow> Waits::openRow(const base::WaitId& wait, flow::WaitKind kind) {
  auto read = core_.world().journal.wait(wait);
  if (!read) return ofOneRun(std::move(read).error());
  std::optional<journal::WaitRow> row = std::move(*read);
  if (!row)
    return Error{ErrorCode::kWaitNotFound, "there is no wait " + wait.str(), {"belay wait list"}};
  if (row->kind != kind) {
    return Error{ErrorCode::kWaitKind, "wait " + wait.str() + " is for " +
                                           (row->kind == flow::WaitKind::kTime
                                                ? "a time"
                                                : std::string("an answer of kind ") +
                                                      std::string(flow::waitKindName(row->kind)))};
  }
  if (row->status != journal::WaitStatus::kOpen) {
    return Error{ErrorCode::kWaitClosed,
                 "wait " + wait.str() + " is no longer open",
                 {"belay run show " + row->run.str()}};
  }
  return std::move(*row);
}

Status Waits::checkRequest(LiveRun& run, const journal::WaitRow& row,
                           const trust::VerifiedDecision& decision) {
  const auto refused = [&row](const std::string& why) {
    return Error{ErrorCode::kDecisionInvalid,
                 "the decision about wait " + row.id.str() + " is refused: " + why,
                 {"belay wait show " + row.id.str()}};
  };
  const trust::DecisionKeys::Known* key = core_.world().decisionKeys.find(decision.kid);
  if (!key || key->decisionClass != decision.decision.decisionClass)
    return refused("its key is not believed any more");
  const engine::WaitOpened* opened = openedIn(run.state, row.step, row.id);
  if (!opened) return Error{ErrorCode::kWaitClosed, "wait " + row.id.str() + " is no longer open"};
  // What a person saw is the row; what the run asked is in its chain.
  if (opened->requestJson != row.requestJson)
    return refused("the wait shows another request than its run made");
  if (decision.decision.request != crypto::sha256(opened->requestJson))
    return refused("it answers another request");
  return {};
}

Status Waits::checkInTime(LiveRun& run, const base::WaitId& wait) {
  // Due, and the loop has not come to it yet: after a start, answers come before timers.
  BELAY_ASSIGN(const std::optional<journal::TimerRow> timer,
               core_.world().journal.timer(run.head, "wait:" + wait.str()));
  if (!timer) return {};
  const bool due = timer->onWallClock ? timer->dueWallMs <= core_.wallMs()
                                      : timer->dueBootMs <= core_.world().clock.sinceBoot().count();
  if (due)
    return Error{ErrorCode::kWaitClosed,
                 "wait " + wait.str() + " has expired",
                 {"belay run show " + run.state.id.str()}};
  return {};
}

Status Waits::answerApproval(const base::WaitId& wait, const trust::VerifiedDecision& verified,
                             const std::string& by) {
  BELAY_TRY(core_.guard().mayBegin());
  BELAY_ASSIGN(const journal::WaitRow row, openRow(wait, flow::WaitKind::kApproval));
  BELAY_ASSIGN(LiveRun * run, core_.runs().get(row.run));
  BELAY_TRY(checkRequest(*run, row, verified));
  BELAY_ASSIGN(const bool isForPeople, isGate(core_.world().journal, row.requestJson));
  if (isForPeople) {
    return Error{ErrorCode::kDecisionClass,
                 "wait " + wait.str() + " is answered by people of the roster",
                 {"belay decision request " + wait.str() + " --out FILE",
                  "belay approve --request FILE --key KEYFILE --out FILE"}};
  }
  BELAY_ASSIGN(const json::Value request, json::parse(row.requestJson));
  BELAY_ASSIGN(json::Value form, json::parse(verified.decision.formJson));
  const bool approved = verified.decision.answer == trust::DecisionAnswer::kApprove;
  BELAY_TRY(checkForm(request, form, approved));
  engine::WaitResolved resolved;
  resolved.wait = wait;
  resolved.key.path = row.step;
  resolved.answer = approved ? WaitAnswer::kApproved : WaitAnswer::kRejected;
  resolved.bodyJson = decisionBody(form, verified.decision.comment);
  resolved.decision = verified.compact;
  resolved.by = by;
  return resolve(*run, std::move(resolved),
                 approved ? journal::WaitStatus::kAnswered : journal::WaitStatus::kRejected);
}

Status Waits::checkInTime(const journal::WaitRow& row) {
  BELAY_ASSIGN(LiveRun * run, core_.runs().get(row.run));
  const Status inTime = checkInTime(*run, row.id);
  if (inTime || inTime.error().code != ErrorCode::kWaitClosed) return inTime;
  return Error{ErrorCode::kDecisionExpired, "the request of wait " + row.id.str() + " has expired"};
}

Result<journal::WaitRow> Waits::openApproval(const base::WaitId& wait) {
  return openRow(wait, flow::WaitKind::kApproval);
}

Status Waits::answerGate(const journal::WaitRow& row, const trust::Tally& tally,
                         const std::string& decisions) {
  BELAY_ASSIGN(LiveRun * run, core_.runs().get(row.run));
  const engine::WaitOpened* opened = openedIn(run->state, row.step, row.id);
  if (!opened) return Error{ErrorCode::kWaitClosed, "wait " + row.id.str() + " is no longer open"};
  // What a person saw is the row; what the run asked is in its chain.
  if (opened->requestJson != row.requestJson) {
    return Error{ErrorCode::kDecisionInvalid,
                 "the wait " + row.id.str() + " shows another request than its run made",
                 {"belay journal verify"}};
  }
  const bool approved = tally.state == trust::Tally::State::kApproved;
  engine::WaitResolved resolved;
  resolved.wait = row.id;
  resolved.key.path = row.step;
  resolved.answer = approved ? WaitAnswer::kApproved : WaitAnswer::kRejected;
  resolved.bodyJson = decisionBody(tally.form, tally.comment, tally.unseen);
  resolved.decision = decisions;
  resolved.by = tally.by;
  return resolve(*run, std::move(resolved),
                 approved ? journal::WaitStatus::kAnswered : journal::WaitStatus::kRejected);
}

Result<std::optional<std::string>> Waits::openAnew(LiveRun& run, const journal::WaitRow& row) {
  const engine::ActiveStep* active = run.state.findActive(row.step);
  const bool waits = active && active->phase == engine::StepPhase::kWaiting && active->wait &&
                     active->wait->wait == row.id;
  if (!waits) return std::optional<std::string>();
  BELAY_ASSIGN(const std::optional<journal::TimerRow> timer,
               core_.world().journal.timer(run.head, "wait:" + row.id.str()));
  Open open;
  open.event = *active->wait;
  open.isGate = true;
  open.event.replaces = row.id;
  // As much longer as the old one would have waited.
  open.event.delayMs = timer ? timer->dueBootMs - core_.world().clock.sinceBoot().count() : 0;
  if (open.event.delayMs <= 0) return std::optional<std::string>();
  open.event.expiresWallMs = core_.wallMs() + open.event.delayMs;
  BELAY_ASSIGN(open.event.wait, newWaitId(core_));
  BELAY_ASSIGN(const statement::Request request, askAnew(core_, open.event, open.event.delayMs));
  open.event.requestJson = request.print();
  open.event.requestDigest = crypto::sha256(open.event.requestJson).hex();
  std::string digest = open.event.requestDigest;
  BELAY_TRY(core_.world().journal.closeWait(row.id, journal::WaitStatus::kClosed, core_.wallMs()));
  BELAY_TRY(core_.world().journal.removeTimer(run.head, "wait:" + row.id.str()));
  BELAY_TRY(recordOpen(run, std::move(open)));
  return std::optional<std::string>(std::move(digest));
}

Status Waits::expire(const base::WaitId& wait) {
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, core_.world().journal.wait(wait));
  if (!row) return {};
  BELAY_ASSIGN(LiveRun* const run, core_.runs().get(row->run));
  return timeUp(*run, wait);
}

Status Waits::answerCallback(const base::WaitId& wait, const std::string& bodyJson,
                             const std::string& by) {
  BELAY_TRY(core_.guard().mayBegin());
  BELAY_ASSIGN(const journal::WaitRow row, openRow(wait, flow::WaitKind::kCallback));
  BELAY_ASSIGN(const json::Value request, json::parse(row.requestJson));
  std::string body = bodyJson;
  if (!request.flag("handoff") || !givesUp(body)) BELAY_TRY(checkBody(request, body));
  BELAY_ASSIGN(LiveRun * run, core_.runs().get(row.run));
  engine::WaitResolved resolved;
  resolved.wait = wait;
  resolved.key.path = row.step;
  resolved.answer = WaitAnswer::kBody;
  resolved.bodyJson = std::move(body);
  resolved.by = by;
  return resolve(*run, std::move(resolved), journal::WaitStatus::kAnswered);
}

Result<Emitted> Waits::emit(const std::string& name, const std::string& bodyJson,
                            const std::string& by, const std::string& slug) {
  BELAY_TRY(core_.guard().mayBegin());
  constexpr std::size_t kWaitsMax = 10'000;
  constexpr std::size_t kNameBytesMax = 200;
  if (name.empty() || name.size() > kNameBytesMax)
    return Error{ErrorCode::kInvalidArgument, "the name of an event has 1 to 200 bytes"};
  Emitted emitted;
  const auto rows = core_.world().journal.waitsForEvent(name, kWaitsMax);
  if (!rows) return ofOneRun(rows.error());
  const std::string event = eventJson(name, bodyJson, core_.wallMs());
  for (const journal::WaitRow& row : *rows) {
    if (!slug.empty() && row.slug != slug) continue;
    const auto found = core_.runs().get(row.run);
    if (!found && endsTransaction(found.error().code)) return found.error();
    // A run that cannot be read, which is in the log, must not keep the others from hearing.
    if (!found) continue;
    LiveRun* run = *found;
    // A damaged row may name any step; the run's own chain says where it waits.
    if (!openedIn(run->state, row.step, row.id)) continue;
    const flow::Step& step = stepAt(*run, row.step);
    if (!step.wait.match.empty()) {
      RunScope scope(*run, core_.world().outputs, row.step, 1, core_.wallMs());
      scope.showEvent(event);
      const auto matches = core_.world().evaluator.test(run->flow->module, step.wait.match, scope);
      // An event that makes the condition throw is not one that was meant.
      if (!matches || !*matches) continue;
    }
    engine::WaitResolved resolved;
    resolved.wait = row.id;
    resolved.key.path = row.step;
    resolved.answer = WaitAnswer::kBody;
    resolved.bodyJson = bodyJson;
    resolved.by = by;
    const Status answered = resolve(*run, std::move(resolved), journal::WaitStatus::kAnswered);
    // Its run was stopped in this very transaction, and its row is about to be closed.
    if (!answered && answered.error().code == ErrorCode::kWaitClosed) continue;
    BELAY_TRY(answered);
    ++emitted.answered;
  }
  return emitted;
}

Status Waits::timeUp(LiveRun& run, const base::WaitId& wait) {
  const auto read = core_.world().journal.wait(wait);
  if (!read) return unreadable(run, wait, read.error());
  const std::optional<journal::WaitRow>& row = *read;
  if (!row || row->status != journal::WaitStatus::kOpen) return {};
  engine::WaitResolved resolved;
  resolved.wait = wait;
  resolved.key.path = row->step;
  const bool reached = row->kind == flow::WaitKind::kTime;
  resolved.answer = reached ? WaitAnswer::kTimeReached : WaitAnswer::kTimedOut;
  Status answered =
      resolve(run, std::move(resolved),
              reached ? journal::WaitStatus::kAnswered : journal::WaitStatus::kTimedOut);
  // Its run was stopped in this very transaction, and its row is about to be closed.
  if (!answered && answered.error().code == ErrorCode::kWaitClosed) return {};
  return answered;
}

Status Waits::resolve(LiveRun& run, engine::WaitResolved resolved, journal::WaitStatus status) {
  const engine::WaitOpened* found = openedIn(run.state, resolved.key.path, resolved.wait);
  if (!found)
    return Error{ErrorCode::kWaitClosed, "wait " + resolved.wait.str() + " is no longer open"};
  const bool byTime =
      resolved.answer == WaitAnswer::kTimeReached || resolved.answer == WaitAnswer::kTimedOut;
  if (!byTime) BELAY_TRY(checkInTime(run, resolved.wait));
  const engine::WaitOpened opened = *found;
  const bool isActive = run.state.findActive(resolved.key.path) != nullptr;
  resolved.key = opened.key;
  BELAY_TRY(core_.world().journal.closeWait(resolved.wait, status, core_.wallMs()));
  BELAY_TRY(core_.world().journal.removeTimer(run.head, "wait:" + resolved.wait.str()));
  BELAY_TRY(core_.record(run, resolved));
  // An early answer is kept until the run comes to its wait.
  return isActive ? finish(run, opened, resolved) : Status{};
}

Status Waits::finish(LiveRun& run, const engine::WaitOpened& opened,
                     const engine::WaitResolved& resolved) {
  // What was approved is owed as an effect, and held while the run is paused.
  if (opened.review && resolved.answer == WaitAnswer::kApproved) return {};
  const flow::Step& step = stepAt(run, opened.key.path);
  engine::StepFinished finished;
  finished.key = opened.key;
  finished.outputJson = waitOutput(opened, resolved, core_.wallMs());
  const bool failOnReject = opened.review || step.wait.failOnReject;
  if (const auto failure = waitFailure(opened, resolved, failOnReject)) {
    return steps_->fail(run, step, std::move(finished), *failure);
  }
  return steps_->succeed(run, step, std::move(finished));
}

Status Waits::close(LiveRun& run, const engine::CloseWait& close) {
  const Status closed =
      core_.world().journal.closeWait(close.wait, journal::WaitStatus::kClosed, core_.wallMs());
  if (!closed && closed.error().code != ErrorCode::kWaitClosed) {
    BELAY_TRY(unreadable(run, close.wait, closed.error()));
  }
  // Last: where a write has damaged the journal, this one fails too.
  return core_.world().journal.removeTimer(run.head, "wait:" + close.wait.str());
}

Status Waits::unreadable(LiveRun& run, const base::WaitId& wait, Error error) {
  error = ofOneRun(std::move(error));
  if (endsTransaction(error.code)) return error;
  core_.world().log.error("wait.unreadable", error,
                          {{"run", run.state.id.str()}, {"wait", wait.str()}});
  return {};
}

}  // namespace belay::runtime
