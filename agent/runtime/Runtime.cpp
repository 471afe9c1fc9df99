#include "agent/runtime/Runtime.h"

#include <algorithm>

#include "agent/runtime/Pins.h"
#include "agent/script/QuickJsEvaluator.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using base::Status;

namespace {

/// With what the run begins, and with what it ends when it has failed.
void setBeginning(engine::RunCreated& created, const flow::Flow& flow) {
  if (flow.code)
    created.interpreter = script::interpreterVersion();
  else
    created.firstStep = flow.steps.front().id.str();
  if (flow.onFailure)
    created.onFailure = flow.steps[flow.blocks[*flow.onFailure].steps.front()].id.str();
}

/// Below 2^53, so that JSON has it exactly.
std::uint64_t seedOf(base::Random& random) {
  std::array<std::uint8_t, 6> noise{};
  random.fill(noise);
  std::uint64_t seed = 0;
  for (const std::uint8_t byte : noise) seed = seed << 8 | byte;
  return seed;
}

/// A rehearsal may name any; a host has no others.
engine::TriggerKind triggerOf(const std::string& triggerJson) {
  const auto trigger = json::parse(triggerJson);
  const std::string type = trigger ? trigger->text("type") : "";
  return engine::triggerKindFrom(type).value_or(engine::TriggerKind::kManual);
}

/// A run that cannot be read, which is in the log, must not keep all others from going on.
Status passOver(const Error& error) {
  return endsTransaction(error.code) ? Status{error} : Status{};
}

}  // namespace

Error diskIsFull() {
  return Error{
      ErrorCode::kDiskFull,
      "the disk is full: until there is room, only what ends, decides or removes something "
      "is taken",
      {"belay run cancel RUN", "belay journal prune --older-than 30d", "belay journal stats"}};
}

std::string whySkipped(const Started& started) {
  return (started.because.empty() ? "other runs have" : started.because.str() + " has") +
         " not ended (on_conflict: skip)";
}

Runtime::Runtime(World world, RuntimeSettings settings)
    : core_(world, std::move(settings)),
      admission_(core_),
      replacement_(core_, admission_,
                   [this](const StartRequest& request, std::int64_t place) {
                     return create(request, place);
                   }),
      waits_(core_),
      gates_(core_, waits_),
      starts_(core_, *this),
      steps_(core_, waits_, *this) {
  waits_.setSteps(steps_);
}

Status Runtime::recover() {
  World& world = core_.world();
  BELAY_TRY(world.journal.rebaseTimers(world.clock.bootId(), world.clock.sinceBoot().count(),
                                       world.clock.wallMs()));
  BELAY_ASSIGN(const std::vector<journal::RunRow> rows, world.journal.unfinishedRuns());
  for (const journal::RunRow& row : rows) BELAY_TRY(takeUp(row.id, true));
  admission_.lookAtAll();
  return replacement_.recover();
}

Status Runtime::takeUp(const RunId& id, bool recovering) {
  auto run = core_.runs().get(id);
  if (!run) return passOver(run.error());
  for (engine::Effect& effect : engine::owed((*run)->state)) {
    const auto* perform = std::get_if<engine::PerformStep>(&effect);
    if (perform && inFlight_.count({id, perform->key.path}) != 0) continue;
    core_.owe(id, std::move(effect), recovering);
  }
  return {};
}

Result<Started> Runtime::start(const StartRequest& request) {
  World& world = core_.world();
  if (!request.idempotencyKey.empty()) {
    BELAY_ASSIGN(const std::optional<RunId> known,
                 world.journal.runByStartKey(request.idempotencyKey));
    if (known) return Started{.run = *known, .existing = true};
  }
  if (refusal_) return *refusal_;
  BELAY_TRY(core_.guard().mayBegin());
  if (world.journal.fullMode()) return diskIsFull();
  BELAY_ASSIGN(const std::uint64_t active, core_.activeRuns());
  if (active >= core_.settings().activeRunsMax) {
    return Error{ErrorCode::kQueueFull,
                 "limits.active_runs = " + std::to_string(core_.settings().activeRunsMax) +
                     " runs have not ended"};
  }
  return create(request, 0);
}

Result<Started> Runtime::create(const StartRequest& request, std::int64_t place) {
  World& world = core_.world();
  BELAY_ASSIGN(const std::shared_ptr<const LoadedFlow> flow, core_.flows().get(request.digest));
  BELAY_TRY(refuseUnpinned(world.journal, world.policy, flow->flow.slug.str(), request.digest));

  json::Value input = request.input.isNull() ? json::Value(json::Object{}) : request.input;
  if (flow->inputSchema) {
    const auto violations = flow->inputSchema->coerce(input);
    if (!violations.empty()) {
      return Error{ErrorCode::kInputInvalid,
                   "input of flow " + flow->flow.slug.str() + ": " + json::describe(violations),
                   {"belay flow show " + flow->flow.slug.str()}};
    }
  }

  const std::string inputJson = json::print(input);
  BELAY_ASSIGN(Ticket ticket,
               admission_.ticketOf(*flow, request.source, inputJson, request.triggerJson));
  ticket.parent = request.parent.run;
  auto run = std::make_unique<LiveRun>();
  run->state.id = request.id;
  if (request.id.empty()) {
    BELAY_ASSIGN(run->state.id,
                 RunId::parse("r" + base::makeSortableId(world.clock.wallMs(), world.random)));
  }
  Admittance admittance{Admittance::Verdict::kQueue, journal::Turn::kQueued, {}};
  if (place == 0) {
    BELAY_ASSIGN(admittance, admission_.ask(ticket, run->state.id, request.by));
  }
  Started started{run->state.id};
  started.queued = admittance.verdict == Admittance::Verdict::kQueue;
  if (admittance.verdict == Admittance::Verdict::kSkip)
    return Started{.skipped = true, .because = admittance.because};
  run->flow = flow;
  run->row.id = run->state.id;
  run->row.slug = flow->flow.slug.str();
  run->row.flowDigest = request.digest;
  run->row.source = request.source;
  run->row.startedBy = request.by;
  run->row.parent = request.parent.run;
  run->row.trigger = triggerOf(request.triggerJson);
  if (started.queued) run->row.status = engine::RunStatus::kQueued;
  run->row.createdMs = run->row.updatedMs = world.clock.wallMs();
  BELAY_TRY(core_.create(*run));
  BELAY_TRY(admission_.take(run->head.number, ticket, admittance, place));
  if (!request.idempotencyKey.empty()) {
    BELAY_TRY(world.journal.addStartKey(request.idempotencyKey, run->state.id, run->row.createdMs));
  }

  engine::RunCreated created;
  created.slug = run->row.slug;
  created.flowDigest = request.digest;
  created.source = request.source;
  created.inputJson = inputJson;
  created.lane = ticket.lane;
  created.queued = started.queued;
  created.stateJson = flow->flow.state;
  created.triggerJson = request.triggerJson;
  created.startedBy = request.by;
  created.requester = request.requester;
  created.parent = request.parent;
  created.depth = request.depth;
  setBeginning(created, flow->flow);
  if (flow->flow.code) run->code = std::make_unique<CodeRun>();
  created.seed = request.seed ? *request.seed : seedOf(world.random);
  LiveRun& live = core_.runs().add(std::move(run));
  BELAY_TRY(core_.record(live, std::move(created)));
  return started;
}

Status Runtime::control(const RunId& id, Verb verb, const std::string& by) {
  BELAY_ASSIGN(LiveRun * run, core_.runs().get(id));
  const engine::RunState& state = run->state;
  if (state.finished) {
    return Error{
        ErrorCode::kRunFinished,
        "run " + id.str() + " has ended: " + std::string(engine::runStatusName(state.status())),
        {"belay run show " + id.str()}};
  }
  if (verb == Verb::kPause && state.stopping) {
    return Error{
        ErrorCode::kRunState,
        "run " + id.str() + " is being stopped: what is in flight is all that is left of it",
        {"belay run cancel " + id.str()}};
  }
  switch (verb) {
    // Asked twice is done once: the second asker wanted the same.
    case Verb::kPause:
      return state.paused ? Status{} : core_.record(*run, engine::RunPaused{by});
    case Verb::kResume:
      return state.paused ? core_.record(*run, engine::RunResumed{by}) : Status{};
    case Verb::kStop:
      return state.stopping ? Status{} : core_.record(*run, engine::stopOf(state, by));
    case Verb::kCancel:
      return core_.record(*run, engine::RunCancelRequested{by});
  }
  return {};
}

Status Runtime::retry(const RunId& id, const std::string& step, const std::string& by) {
  BELAY_TRY(core_.guard().mayBegin());
  BELAY_ASSIGN(LiveRun * run, core_.runs().get(id));
  const engine::RunState& state = run->state;
  if (!state.finished || state.finished->end == engine::RunEnd::kSucceeded) {
    return Error{ErrorCode::kRunState, "run " + id.str() + " is " +
                                           std::string(engine::runStatusName(state.status())) +
                                           "; only a run that failed or was ended can be retried"};
  }
  if (state.code) {
    return Error{ErrorCode::kRunState,
                 "run " + id.str() + " is of a flow that is code, which has no step to go on from",
                 {"belay run replay " + id.str()}};
  }
  // What the failed step builds on is gone: only a person knows from where it makes sense again.
  if (step.empty() && !state.finished->compensated.empty()) {
    return Error{ErrorCode::kRunState,
                 "run " + id.str() + " has taken back what " + state.finished->compensated.back() +
                     " and others did: say from which step it is to go on",
                 {"belay run show " + id.str(), "belay run retry " + id.str() + " --from STEP"}};
  }
  const std::string from = step.empty() ? state.finished->failedStep : step;
  if (!run->flow->flow.indexOf(from)) {
    return Error{ErrorCode::kFlowUnknownStep,
                 from.empty() ? "run " + id.str() + " did not fail in a step: name one"
                              : "the flow has no step \"" + from + "\"",
                 {"belay run retry " + id.str() + " --from STEP"}};
  }
  const Ticket ticket = Admission::ticketOf(*run);
  BELAY_ASSIGN(const Admittance admittance, admission_.ask(ticket, id, by));
  if (admittance.verdict == Admittance::Verdict::kSkip) {
    return Error{ErrorCode::kFlowBusy,
                 "run " + id.str() + " cannot go on: " + admittance.because.str() +
                     " of the same flow has not ended (on_conflict: skip)",
                 {"belay run list --flow " + ticket.slug}};
  }
  const bool queued = admittance.verdict == Admittance::Verdict::kQueue;
  BELAY_TRY(admission_.take(run->head.number, ticket, admittance));
  BELAY_TRY(core_.record(*run, engine::RunRetried{from, by, queued}));
  // Whoever asks next is judged by rows that say so.
  return core_.flush();
}

Status Runtime::resolve(const RunId& id, const std::string& step, engine::Resolution resolution,
                        const std::string& by, const std::string& note) {
  BELAY_TRY(core_.guard().mayBegin());
  BELAY_ASSIGN(LiveRun * run, core_.runs().get(id));
  return steps_.resolve(*run, step, resolution, by, note);
}

Status Runtime::finishAttempt(const RunId& id, const engine::StepKey& key, StepResult result) {
  inFlight_.erase({id, key.path});
  BELAY_ASSIGN(LiveRun * run, core_.runs().get(id));
  return steps_.finishAttempt(*run, key, std::move(result));
}

Result<bool> Runtime::fireTimers(std::size_t most) {
  World& world = core_.world();
  BELAY_ASSIGN(
      const std::vector<journal::TimerRow> timers,
      world.journal.dueTimers(world.clock.sinceBoot().count(), world.clock.wallMs(), most));
  for (const journal::TimerRow& timer : timers) BELAY_TRY(handleTimer(timer));
  return timers.size() == most;
}

Status Runtime::handleTimer(const journal::TimerRow& timer) {
  auto found = core_.runs().get(timer.run);
  journal::RunHead head;
  head.number = timer.runNumber;
  BELAY_TRY(core_.world().journal.removeTimer(head, timer.key));
  if (!found) return passOver(found.error());
  const std::size_t colon = timer.key.find(':');
  const std::string kind = timer.key.substr(0, colon);
  const std::string what = timer.key.substr(colon + 1);
  if (kind == "retry") return steps_.retryNow(**found, what);
  if (kind == "round") return steps_.blocks().roundDue(**found, what);
  BELAY_ASSIGN(const base::WaitId wait, base::WaitId::parse(what));
  return waits_.timeUp(**found, wait);
}

Status Runtime::advance(std::size_t most) {
  for (std::size_t i = 0; i < most; ++i) {
    const std::optional<Owed> owed = core_.takeOwed();
    if (!owed) break;
    BELAY_TRY(handle(*owed));
  }
  return {};
}

Status Runtime::handle(const Owed& owed) {
  auto found = core_.runs().get(owed.run);
  if (!found) return passOver(found.error());
  LiveRun* run = *found;
  if (const auto* close = std::get_if<engine::CloseWait>(&owed.effect))
    return waits_.close(*run, *close);
  if (const auto* cancel = std::get_if<engine::CancelStep>(&owed.effect)) {
    inFlight_.erase({owed.run, cancel->key.path});
    return steps_.cancel(*run, *cancel);
  }
  if (run->state.finished) return {};
  if (const auto* enter = std::get_if<engine::EnterStep>(&owed.effect)) {
    const auto& ready = run->state.ready;
    const bool due = std::find(ready.begin(), ready.end(), enter->path) != ready.end();
    // Paused or taken up twice since it was owed.
    return due && !run->state.isHeld() ? steps_.enter(*run, enter->path) : Status{};
  }
  if (const auto* perform = std::get_if<engine::PerformStep>(&owed.effect)) {
    return steps_.perform(*run, perform->key, owed.recovering);
  }
  if (std::holds_alternative<engine::StartUndo>(owed.effect))
    return steps_.compensations().start(*run);
  if (const auto* start = std::get_if<engine::StartReviewed>(&owed.effect))
    return run->state.paused ? Status{} : steps_.reviews().start(*run, start->key);
  // Of a run that stops nothing goes on but what clears up.
  const auto stopsAt = [run](const engine::StepKey& key) { return run->state.stopsAt(key.path); };
  if (const auto* next = std::get_if<engine::NextRound>(&owed.effect))
    return stopsAt(next->key) ? Status{} : steps_.blocks().nextRound(*run, next->key);
  if (const auto* end = std::get_if<engine::EndBlock>(&owed.effect))
    return stopsAt(end->key) ? Status{} : steps_.blocks().end(*run, end->key);
  if (std::holds_alternative<engine::AdvanceCode>(owed.effect)) return steps_.code().advance(*run);
  // A run that was asked to stop, or to undo, since that was owed ends in another way.
  const engine::RunEnd end = std::get<engine::FinishRun>(owed.effect).end;
  if (end != engine::endOf(run->state) || engine::hasToUndo(run->state)) return {};
  return steps_.finishRun(*run, end);
}

Status Runtime::flush() {
  BELAY_TRY(core_.flush());
  BELAY_ASSIGN(const bool quarantined, core_.guard().quarantined());
  if (quarantined) return {};
  BELAY_TRY(replacement_.work());
  BELAY_TRY(admission_.admit());
  return core_.flush();
}

void Runtime::carryOutOrders() {
  for (const Order& order : core_.takeOrders()) {
    if (const auto* start = std::get_if<StartAttempt>(&order)) {
      inFlight_.insert({start->attempt.run, start->attempt.key.path});
    }
    steps_.carryOut(order);
  }
}

void Runtime::forget() {
  for (RunId& id : core_.forget()) interrupted_.insert(std::move(id));
  core_.guard().forget();
  admission_.forget();
  replacement_.forget();
}

Status Runtime::takeUpAgain() {
  while (!interrupted_.empty()) {
    const RunId id = *interrupted_.begin();
    BELAY_ASSIGN(const std::optional<journal::RunRow> row, core_.world().journal.run(id));
    interrupted_.erase(id);
    if (row) BELAY_TRY(takeUp(id, false));
  }
  return {};
}

}  // namespace belay::runtime
