#include "agent/runtime/Steps.h"

#include <algorithm>
#include <utility>

#include "agent/engine/Names.h"
#include "agent/engine/Path.h"
#include "agent/flow/Family.h"
#include "agent/runtime/FlowSecrets.h"
#include "agent/runtime/Waits.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using engine::Next;
using engine::StepFinished;
using engine::StepKey;
using engine::StepOutcome;

StepAt findStep(const LiveRun& run, const std::string& path) {
  if (run.code) {
    const flow::CallStep& call = run.code->at(path);
    return {call.step, call.spec};
  }
  const auto index = run.flow->flow.indexOf(engine::stepIdOf(path));
  BELAY_CHECK(index.has_value());
  return {run.flow->flow.steps[*index], run.flow->specs[*index]};
}

const flow::Step& stepAt(const LiveRun& run, const std::string& path) {
  const flow::Step* step = stepOf(run, path);
  BELAY_CHECK(step != nullptr);
  return *step;
}

void Steps::setPerformer(flow::Family family, Performer& performer) {
  performers_.at(static_cast<std::size_t>(family)) = &performer;
}

void Steps::setInline(flow::Family family, InlineStep& step) {
  inlines_.at(static_cast<std::size_t>(family)) = &step;
}

Performer& Steps::performerOf(flow::Family family) {
  Performer* performer = performers_.at(static_cast<std::size_t>(family));
  BELAY_CHECK(performer != nullptr);
  return *performer;
}

RunScope Steps::scopeOf(LiveRun& run, const StepKey& key) const {
  return RunScope(run, core_.world().outputs, key.path, key.visit, core_.wallMs());
}

Status Steps::enter(LiveRun& run, const std::string& path) {
  const auto& [step, spec] = findStep(run, path);
  const auto visits = run.state.visits.find(path);
  const StepKey key{path, visits == run.state.visits.end() ? 1u : visits->second + 1u, 1};
  if (const Status trusted = core_.trusts(run); !trusted) {
    StepFinished finished;
    finished.key = key;
    // Beyond on_error, which would only be the next step that may not begin.
    return recordFailure(run, step, std::move(finished), failureOf(trusted.error()),
                         Next{Next::Kind::kFail, {}});
  }
  if (key.visit > step.maxVisits) {
    StepFinished finished;
    finished.key = key;
    // Beyond on_error: a loop that never ends must not be kept alive by its own error path.
    return recordFailure(
        run, step, std::move(finished),
        failureOf(Error{ErrorCode::kStepVisits, "step " + path + " was visited more than " +
                                                    std::to_string(step.maxVisits) +
                                                    " times (max_visits)"}),
        Next{Next::Kind::kFail, {}});
  }
  if (step.when) {
    const RunScope scope = scopeOf(run, key);
    auto holds = core_.world().evaluator.test(run.flow->module, *step.when, scope);
    if (!holds) {
      StepFinished finished;
      finished.key = key;
      return fail(run, step, std::move(finished), failureOf(std::move(holds).error().in("when")));
    }
    if (!*holds) return skip(run, step, key);
  }
  Status may = core_.world().policy.checkFamily(flow::familyName(step.family)).status();
  if (may) may = Compensations::mayBegin(run, step, key.path);
  if (!may) {
    StepFinished finished;
    finished.key = key;
    return fail(run, step, std::move(finished), failureOf(may.error()));
  }
  return enterFamily(run, step, spec, key);
}

Status Steps::enterFamily(LiveRun& run, const flow::Step& step, const json::Value& spec,
                          const StepKey& key) {
  switch (step.family) {
    case flow::Family::kSwitch:
      return enterSwitch(run, step, key);
    case flow::Family::kFunction:
    case flow::Family::kKv:
    case flow::Family::kSet:
    case flow::Family::kEmit:
    case flow::Family::kSearch:
      return enterInline(run, step, spec, key);
    case flow::Family::kParallel:
    case flow::Family::kForEach:
    case flow::Family::kLoop:
      return blocks_.enter(run, step, spec, key);
    case flow::Family::kFlow:
      return children_.enter(run, step, spec, key);
    case flow::Family::kSleep:
    case flow::Family::kWait: {
      const RunScope scope = scopeOf(run, key);
      auto opened = waits_.open(run, step, spec, key, scope);
      if (opened.ok() || endsTransaction(opened.error().code)) return opened;
      StepFinished finished;
      finished.key = key;
      return fail(run, step, std::move(finished), failureOf(opened.error()));
    }
    default:
      return startPerformed(run, step, spec, key);
  }
}

Status Steps::skip(LiveRun& run, const flow::Step& step, const StepKey& key) {
  StepFinished finished;
  finished.key = key;
  finished.outcome = StepOutcome::kSkipped;
  return succeed(run, step, std::move(finished));
}

Status Steps::enterSwitch(LiveRun& run, const flow::Step& step, const StepKey& key) {
  const RunScope scope = scopeOf(run, key);
  StepFinished finished;
  finished.key = key;
  for (const flow::SwitchCase& option : step.cases) {
    Result<bool> holds = true;
    if (option.when) holds = core_.world().evaluator.test(run.flow->module, *option.when, scope);
    if (!holds)
      return fail(run, step, std::move(finished), failureOf(std::move(holds).error().in("switch")));
    if (!*holds) continue;
    finished.next =
        option.next == "end" ? Next{Next::Kind::kEnd, {}} : Next{Next::Kind::kStep, option.next};
    return core_.record(run, std::move(finished));
  }
  return fail(
      run, step, std::move(finished),
      failureOf(Error{ErrorCode::kSwitchNoCase, "no case of switch " + key.path + " holds"}));
}

Status Steps::enterInline(LiveRun& run, const flow::Step& step, const json::Value& spec,
                          const StepKey& key) {
  InlineStep* performer = inlines_.at(static_cast<std::size_t>(step.family));
  BELAY_CHECK(performer != nullptr);
  const RunScope scope = scopeOf(run, key);
  const std::int64_t startedMs = core_.world().clock.sinceBoot().count();
  const InlineContext context{step,
                              run.state,
                              key,
                              run.flow->module,
                              scope,
                              core_.world().evaluator,
                              core_.world().journal,
                              spec,
                              core_.wallMs()};
  auto outcome = performer->perform(context);
  // An event may have answered a wait of this very run, and ended what the step stands in.
  const auto& ready = run.state.ready;
  if (std::find(ready.begin(), ready.end(), key.path) == ready.end())
    return outcome || !endsTransaction(outcome.error().code) ? Status{} : outcome.error();
  StepFinished finished;
  finished.key = key;
  finished.durationMs = core_.world().clock.sinceBoot().count() - startedMs;
  if (!outcome) {
    if (endsTransaction(outcome.error().code)) return std::move(outcome).error();
    return fail(run, step, std::move(finished), failureOf(outcome.error()));
  }
  finished.outputJson = std::move(outcome->outputJson);
  finished.stateJson = std::move(outcome->stateJson);
  return succeed(run, step, std::move(finished));
}

Result<std::string> Steps::render(LiveRun& run, const flow::Step& step, const json::Value& spec,
                                  const StepKey& key) {
  const RunScope scope = scopeOf(run, key);
  auto rendered = core_.world().evaluator.renderValue(run.flow->module, spec, scope);
  if (!rendered) return std::move(rendered).error().in("step " + step.id.str());
  BELAY_TRY(checkSecrets(run, spec, rendered->json));
  return std::move(rendered->json);
}

Result<std::int64_t> Steps::timeoutOf(LiveRun& run, const flow::Step& step, const StepKey& key) {
  if (!step.timeout) return std::int64_t{0};
  auto timeoutMs = durationOf(run, *step.timeout, scopeOf(run, key));
  if (!timeoutMs) return std::move(timeoutMs).error().in("timeout");
  return timeoutMs;
}

Result<std::int64_t> Steps::durationOf(LiveRun& run, const std::string& text, const RunScope& scope,
                                       std::int64_t leastMs) {
  BELAY_ASSIGN(const std::string rendered,
               core_.world().evaluator.renderText(run.flow->module, text, scope));
  BELAY_ASSIGN(const std::chrono::milliseconds duration, base::parseDuration(rendered));
  // To what counts down, 0 would mean that there is no end.
  if (duration.count() < leastMs)
    return Error{ErrorCode::kInvalidArgument, "it must be longer than 0s"};
  return std::int64_t{duration.count()};
}

Status Steps::startPerformed(LiveRun& run, const flow::Step& step, const json::Value& spec,
                             const StepKey& key) {
  StepFinished failed;
  failed.key = key;
  const bool keeps = (flow::familyRow(step.family).options & flow::kTakesPersist) != 0;
  if (keeps && step.persist != flow::Persist::kNever) {
    if (const Status room = checkQuota(run, 0); !room)
      return fail(run, step, std::move(failed), failureOf(room.error()));
  }
  auto rendered = render(run, step, spec, key);
  if (!rendered) return fail(run, step, std::move(failed), failureOf(rendered.error()));
  auto timeoutMs = timeoutOf(run, step, key);
  if (!timeoutMs) return fail(run, step, std::move(failed), failureOf(timeoutMs.error()));

  if (step.family == flow::Family::kAgent) {
    rendered = agents_.prepared(run.state.id, key, *rendered);
    if (!rendered && endsTransaction(rendered.error().code)) return rendered.error();
    if (!rendered) return fail(run, step, std::move(failed), failureOf(rendered.error()));
  }
  if (step.review) return reviews_.ask(run, step, key, *rendered, *timeoutMs);
  return startAttempt(run, step, key, std::move(*rendered), *timeoutMs);
}

engine::StepStarted Steps::intend(LiveRun& run, const flow::Step& step, const StepKey& key,
                                  std::string renderedJson, std::int64_t timeoutMs) const {
  engine::StepStarted started;
  started.key = key;
  started.effect = step.effect;
  started.renderedJson = std::move(renderedJson);
  started.idempotencyKey = engine::idempotencyKey(core_.settings().epoch, run.state.id, key);
  started.bootId = core_.world().clock.bootId();
  started.timeoutMs = timeoutMs;
  return started;
}

Status Steps::startAttempt(LiveRun& run, const flow::Step& step, const StepKey& key,
                           std::string renderedJson, std::int64_t timeoutMs) {
  // Whom this step hands a callback's token to may answer before the run comes to the wait.
  Status opened = waits_.openEarly(run, step, key.path, renderedJson, scopeOf(run, key));
  if (!opened) {
    if (endsTransaction(opened.error().code)) return opened;
    StepFinished failed;
    failed.key = key;
    return fail(run, step, std::move(failed), failureOf(opened.error()));
  }
  return begin(run, step, intend(run, step, key, std::move(renderedJson), timeoutMs), false);
}

Status Steps::begin(LiveRun& run, const flow::Step& step, engine::StepStarted started,
                    bool isTurn) {
  std::vector<RateLimits::Limit> limits = RateLimits::limitsOf(run, step);
  BELAY_ASSIGN(auto connection, connectionLimit(run, step, started));
  if (connection) limits.push_back(std::move(*connection));
  if (limits.empty()) return core_.record(run, std::move(started));
  auto hold = limits_.take(limits, isTurn);
  if (!hold) {
    if (endsTransaction(hold.error().code)) return hold.error();
    StepFinished failed;
    failed.key = started.key;
    return fail(run, step, std::move(failed), failureOf(hold.error()));
  }
  if (!*hold) return core_.record(run, std::move(started));
  return core_.record(
      run, engine::StepHeld{std::move(started), std::move((*hold)->bucket), (*hold)->delayMs});
}

Result<std::optional<RateLimits::Limit>> Steps::connectionLimit(
    LiveRun& run, const flow::Step& step, const engine::StepStarted& started) {
  std::optional<RateLimits::Limit> limit;
  if (started.renderedJson.find("\"connection\"") == std::string::npos) return limit;
  BELAY_ASSIGN(const Attempt attempt, attemptOf(run, step, started));
  const auto connection = performerOf(step.family).connectionOf(attempt);
  if (connection) limit.emplace(RateLimits::connectionBucket(connection->name), connection->limit);
  return limit;
}

Result<Attempt> Steps::attemptOf(LiveRun& run, const flow::Step& step,
                                 const engine::StepStarted& started) {
  Attempt attempt;
  attempt.run = run.state.id;
  attempt.slug = run.state.created.slug;
  attempt.key = started.key;
  attempt.family = step.family;
  attempt.effect = started.effect;
  attempt.persist = step.persist;
  attempt.keeping = step.keeping;
  attempt.renderedJson = started.renderedJson;
  attempt.idempotencyKey = started.idempotencyKey;
  attempt.bootId = started.bootId;
  attempt.timeoutMs = started.timeoutMs;
  attempt.callbackWait = Waits::handedOut(run, started.key.path, attempt.renderedJson);
  BELAY_ASSIGN(const std::vector<journal::BindingRow> bindings,
               core_.world().journal.bindings(attempt.slug));
  for (const journal::BindingRow& binding : bindings)
    attempt.bindings[binding.name] = binding.connection;
  return attempt;
}

Status Steps::perform(LiveRun& run, const StepKey& key, bool recovering) {
  const engine::ActiveStep* active = run.state.findActive(key.path);
  // Cancelled, or ended otherwise, since it was queued.
  if (!active || active->started.key != key || active->phase != engine::StepPhase::kStarted)
    return {};
  const flow::Step& step = stepAt(run, key.path);
  BELAY_ASSIGN(Attempt attempt, attemptOf(run, step, active->started));

  // The only path to a performer, and so the only place where the policy is asked. What is adopted
  // was asked for before.
  const bool adopts = recovering && performerOf(step.family).recovers();
  if (const Status permitted = adopts ? Status{} : permitNow(run, step, attempt); !permitted) {
    StepResult refused;
    refused.ok = false;
    refused.failure = failureOf(permitted.error());
    return finishAttempt(run, key, std::move(refused));
  }
  if (recovering && !performerOf(step.family).recovers() &&
      attempt.effect == flow::EffectClass::kOnce) {
    return core_.record(
        run, engine::StepAmbiguous{
                 key,
                 "the daemon ended while the step was in flight, and it is not known whether it "
                 "took effect"});
  }
  core_.order(StartAttempt{std::move(attempt), recovering});
  return {};
}

Status Steps::permitNow(LiveRun& run, const flow::Step& step, const Attempt& attempt) {
  BELAY_ASSIGN(const trust::RenderedEffect effect, permit(run, attempt));
  return reviews_.check(step, *run.state.findActive(attempt.key.path), effect);
}

Result<trust::RenderedEffect> Steps::permit(LiveRun& run, const Attempt& attempt) {
  BELAY_TRY(core_.trusts(run));
  BELAY_ASSIGN(trust::RenderedEffect effect, performerOf(attempt.family).describe(attempt));
  BELAY_TRY(core_.world().policy.check(effect, core_.wallMs()).status());
  return effect;
}

std::int64_t Steps::elapsedMs(const LiveRun& run, const StepKey& key) const {
  const engine::ActiveStep* active = run.state.findActive(key.path);
  return active ? std::max<std::int64_t>(core_.world().clock.wallMs() - active->startedAtMs, 0) : 0;
}

Status Steps::cancel(LiveRun& run, const engine::CancelStep& cancel) {
  const StepKey& key = cancel.key;
  flow::Family family = flow::Family::kCount;
  if (cancel.definitionJson.empty()) {
    family = stepAt(run, key.path).family;
  } else {
    BELAY_ASSIGN(const flow::CallStep call,
                 flow::callStep(run.flow->flow, engine::stepIdOf(key.path), cancel.definitionJson));
    family = call.step.family;
  }
  core_.order(CancelAttempt{family, run.state.id, key});
  return core_.world().journal.removeTimer(run.head, "retry:" + key.path);
}

Status Steps::finishRun(LiveRun& run, engine::RunEnd end) {
  engine::RunFinished finished;
  finished.end = end;
  finished.failure = run.state.failure;
  finished.failedStep = run.state.failedStep;
  finished.compensated = run.state.compensated;
  finished.uncompensated = run.state.uncompensated;
  if (end == engine::RunEnd::kCancelled && !run.state.supersededBy.empty()) {
    finished.failure = failureOf(
        Error{ErrorCode::kRunSuperseded, "superseded by " + run.state.supersededBy.str()});
  }
  const Status trusted = core_.trusts(run);
  if (end == engine::RunEnd::kSucceeded && !trusted) {
    finished.end = end = engine::RunEnd::kFailed;
    finished.failure = failureOf(trusted.error());
  }
  if (end == engine::RunEnd::kSucceeded && run.flow->output) {
    const RunScope scope = scopeOf(run, StepKey{"output", 1, 1});
    auto output = core_.world().evaluator.renderValue(run.flow->module, *run.flow->output, scope);
    if (output) {
      finished.outputJson = std::move(output->json);
    } else {
      finished.end = engine::RunEnd::kFailed;
      finished.failure = failureOf(std::move(output).error().in("output"));
      finished.failedStep = "output";
    }
  }
  if (finished.end == engine::RunEnd::kSucceeded) finished.uncompensated.clear();
  // Of a run that was cancelled, or has only its output wrong, nothing is taken back.
  for (auto undo = run.state.undos.rbegin();
       finished.end != engine::RunEnd::kSucceeded && undo != run.state.undos.rend(); ++undo)
    finished.uncompensated.push_back(engine::visitName(undo->key));
  return endRun(run, std::move(finished));
}

Status Steps::endRun(LiveRun& run, engine::RunFinished finished) {
  BELAY_TRY(core_.record(run, std::move(finished)));
  BELAY_TRY(core_.world().journal.removeTimersOf(run.head));
  if (!run.flow->flow.agents.empty()) BELAY_TRY(agents_.drop(run.state.id, core_.wallMs()));
  return children_.ended(run);
}

Status Steps::resolve(LiveRun& run, const std::string& path, engine::Resolution resolution,
                      const std::string& by, const std::string& note) {
  const engine::ActiveStep* active = run.state.findActive(path);
  if (!active || active->phase != engine::StepPhase::kAmbiguous) {
    std::string others;
    for (const engine::ActiveStep& each : run.state.active) {
      if (each.phase == engine::StepPhase::kAmbiguous)
        others += (others.empty() ? "; ambiguous there: " : ", ") + each.started.key.path;
    }
    return Error{ErrorCode::kRunState,
                 "step " + path + " of run " + run.state.id.str() + " is not ambiguous" + others,
                 {"belay run show " + run.state.id.str()}};
  }
  StepFinished finished;
  finished.key = active->started.key;
  const flow::Step& step = stepAt(run, path);
  BELAY_TRY(core_.record(run, engine::AmbiguityResolved{finished.key, resolution, by, note}));
  if (resolution == engine::Resolution::kRetry) return {};
  // Nobody knows the output; an empty one lets expressions ask for its members.
  finished.outputJson = "{}";
  if (resolution == engine::Resolution::kSucceeded) return succeed(run, step, std::move(finished));
  finished.outputJson.clear();
  return fail(run, step, std::move(finished),
              failureOf(Error{ErrorCode::kStepFailed,
                              "resolved as failed by " + by + (note.empty() ? "" : ": " + note)}));
}

Status Steps::keepLarge(LiveRun& run, StepFinished& finished) {
  // What a peer sent must not become a record that nobody can read again.
  if (!finished.outputJson.empty()) {
    Status sound = json::check(finished.outputJson, kOutputLimits);
    if (!sound) return std::move(sound).error().in("the output");
  }
  if (finished.outputJson.size() <= core_.settings().inlineBytesMax) return {};
  BELAY_ASSIGN(finished.outputRef,
               storeLarge(run, finished.key.path, finished.outputJson, "output"));
  finished.outputJson.clear();
  return {};
}

Result<std::string> Steps::storeLarge(LiveRun& run, const std::string& path,
                                      const std::string& text, const std::string& what) {
  const std::string name(engine::stepIdOf(path));
  BELAY_ASSIGN(journal::ResourceRow row,
               core_.world().outputs.store(text, "application/json", name + "." + what + ".json"));
  row.run = run.state.id;
  row.step = path;
  const flow::Step* step = what == "output" ? stepOf(run, path) : nullptr;
  if (step) row.keep = step->keeping.keep;
  BELAY_TRY(core_.world().journal.addResource(row));
  return row.ref;
}

Status Steps::keepOrDrop(LiveRun& run, StepFinished& finished) {
  const Status kept = keepLarge(run, finished);
  if (kept || endsTransaction(kept.error().code)) return kept;
  finished.outputJson.clear();
  return {};
}

Status Steps::endUndo(LiveRun& run, StepFinished finished) {
  BELAY_TRY(keepOrDrop(run, finished));
  finished.next = Next{Next::Kind::kEnd, {}};
  return core_.record(run, std::move(finished));
}

Status Steps::succeed(LiveRun& run, const flow::Step& step, StepFinished finished) {
  if (engine::isUndo(finished.key.path)) return endUndo(run, std::move(finished));
  const auto failed = [&](const Error& error) -> Status {
    if (endsTransaction(error.code)) return error;
    engine::Failure failure = failureOf(error);
    failure.nothingLeft = false;  // What it does is done.
    return fail(run, step, std::move(finished), std::move(failure));
  };
  const Status attached = compensations_.attach(run, step, finished);
  if (!attached) return failed(attached.error());
  if (const Status kept = keepLarge(run, finished); !kept) {
    finished.outputJson.clear();
    return failed(kept.error());
  }
  auto next = chooseNext(run, step, finished);
  if (!next) return failed(next.error());
  finished.next = std::move(*next);
  return core_.record(run, std::move(finished));
}

Status Steps::fail(LiveRun& run, const flow::Step& step, StepFinished finished,
                   engine::Failure failure) {
  finished.outcome = StepOutcome::kFailed;
  finished.failure = failure;
  if (engine::isUndo(finished.key.path)) return endUndo(run, std::move(finished));
  BELAY_TRY(keepOrDrop(run, finished));
  Next next{Next::Kind::kFail, {}};
  if (step.onError.kind == flow::OnError::Kind::kStep)
    next = Next{Next::Kind::kStep, step.onError.step.str()};
  if (step.onError.kind == flow::OnError::Kind::kSkip) {
    auto chosen = chooseNext(run, step, finished);
    if (chosen)
      next = std::move(*chosen);
    else
      failure = failureOf(chosen.error());
  }
  return recordFailure(run, step, std::move(finished), std::move(failure), std::move(next));
}

Status Steps::recordFailure(LiveRun& run, const flow::Step& step, StepFinished finished,
                            engine::Failure failure, Next next) {
  static_cast<void>(step);
  finished.outcome = StepOutcome::kFailed;
  finished.failure = std::move(failure);
  finished.stateJson.clear();
  finished.next = std::move(next);
  return core_.record(run, std::move(finished));
}

Result<Next> Steps::chooseNext(LiveRun& run, const flow::Step& step, const StepFinished& finished) {
  if (run.code) return Next{Next::Kind::kEnd, {}};
  const auto follow = [&]() -> Next {
    const flow::Flow& flow = run.flow->flow;
    const auto behind = flow.behind(*flow.indexOf(step.id.str()));
    if (!behind) return Next{Next::Kind::kEnd, {}};
    return Next{Next::Kind::kStep, flow.steps[*behind].id.str()};
  };
  if (!step.next) return follow();
  std::string name = *step.next;
  if (name.find("${{") != std::string::npos) {
    RunScope scope = scopeOf(run, finished.key);
    scope.overlay(finished);
    auto rendered = core_.world().evaluator.renderText(run.flow->module, name, scope);
    if (!rendered) return std::move(rendered).error().in("next");
    name = std::move(*rendered);
    if (name.empty()) return follow();
  }
  if (name == "end") return Next{Next::Kind::kEnd, {}};
  const auto target = run.flow->flow.indexOf(name);
  if (!target || run.flow->flow.steps[*target].block != step.block) {
    return Error{ErrorCode::kStepUnknownNext, "next of step " + step.id.str() + " gave \"" + name +
                                                  "\", which is no step of its list"};
  }
  return Next{Next::Kind::kStep, std::move(name)};
}

void Steps::carryOut(const Order& order) {
  if (const auto* start = std::get_if<StartAttempt>(&order)) {
    Performer& performer = performerOf(start->attempt.family);
    if (start->recovering && performer.recovers())
      performer.recover(start->attempt);
    else
      performer.start(start->attempt);
    return;
  }
  const auto& cancel = std::get<CancelAttempt>(order);
  if (Performer* performer = performers_.at(static_cast<std::size_t>(cancel.family))) {
    performer->cancel(cancel.run, cancel.key);
  }
}

}  // namespace belay::runtime
