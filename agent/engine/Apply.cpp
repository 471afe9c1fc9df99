#include <algorithm>
#include <utility>

#include "agent/engine/Blocks.h"
#include "agent/engine/Engine.h"
#include "agent/engine/Path.h"

namespace belay::engine {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// One application of one event: the state, what is owed, and one method per event.
class Application {
 public:
  Application(RunState& state, std::int64_t atMs, std::vector<Effect>& effects)
      : state_(state), atMs_(atMs), effects_(effects), blocks_(state, atMs, effects) {}

  Status on(const RunCreated& e) {
    if (!state_.created.flowDigest.empty()) return misfit("the run exists already");
    state_.created = e;
    state_.createdAtMs = atMs_;
    state_.stateJson = e.stateJson;
    state_.queued = e.queued;
    if (e.interpreter.empty())
      blocks_.enter(e.firstStep);
    else
      state_.code.emplace().interpreter = e.interpreter;
    advanceCode();
    return {};
  }

  Status on(const StepStarted& e) {
    const StepPhase phase = e.child.empty() ? StepPhase::kStarted : StepPhase::kChild;
    ActiveStep* again = state_.findActive(e.key.path);
    if (again) {
      if (!isNext(*again, e.key)) return misfit("step " + e.key.path + " has already started");
      again->started = e;
      again->heldBy.clear();
      again->phase = phase;
    } else {
      BELAY_TRY(isUndo(e.key.path) ? undoIsDue(e.key) : leaveReady(e.key));
      ActiveStep active;
      active.started = e;
      active.phase = phase;
      active.startedAtMs = atMs_;
      state_.active.push_back(std::move(active));
    }
    // A child run was created with this event, and its end is this step's.
    if (e.child.empty()) effects_.push_back(PerformStep{e.key});
    return {};
  }

  Status on(const StepFinished& e) {
    // Steps that the loop performs itself have no intent of their own: they come straight from
    // ready.
    base::RunId child;
    const bool wasGivenUp = state_.isGivenUp(e.key.path);
    if (const ActiveStep* active = state_.findActive(e.key.path)) {
      if (active->started.key.visit != e.key.visit)
        return misfit("another visit of " + e.key.path + " is active");
      child = active->started.child;
      dropActive(e.key.path);
    } else {
      BELAY_TRY(isUndo(e.key.path) ? undoIsDue(e.key) : leaveReady(e.key));
    }
    if (e.stands) state_.uncompensated.push_back(visitName(e.key));
    if (isUndo(e.key.path)) return undone(e);
    keepUndo(e);
    if (state_.code) return endCall(e);
    if (wasGivenUp) {
      blocks_.endGivenUp(e.key.path);
      finishWhenIdle();
      return {};
    }
    state_.done[e.key.path] = StepRecord{e.key,     e.outcome, e.outputJson, e.outputRef,
                                         e.failure, child,     atMs_,        e.durationMs};
    state_.early.erase(e.key.path);
    if (e.failure) state_.lastError = LastError{*e.failure, e.key.path};
    if (!e.stateJson.empty()) state_.stateJson = e.stateJson;
    blocks_.end(e.key);
    goOn(e);
    finishWhenIdle();
    return {};
  }

  Status on(const StepHeld& e) {
    const StepKey& key = e.attempt.key;
    ActiveStep* held = state_.findActive(key.path);
    if (held && !isNext(*held, key)) return misfit("step " + key.path + " has already started");
    if (!held) {
      BELAY_TRY(isUndo(key.path) ? undoIsDue(key) : leaveReady(key));
      held = &state_.active.emplace_back();
      held->startedAtMs = atMs_;
    }
    held->started = e.attempt;
    held->heldBy = e.bucket;
    beginBackoff(*held, e.delayMs);
    return {};
  }

  Status on(const BlockStarted& e) {
    BELAY_TRY(leaveReady(e.key));
    ActiveStep active;
    active.started.key = e.key;
    active.phase = StepPhase::kBlock;
    active.startedAtMs = atMs_;
    state_.active.push_back(std::move(active));
    blocks_.start(e);
    return {};
  }

  Status on(const RoundStarted& e) {
    if (!blocks_.advance(e))
      return misfit("round " + std::to_string(e.round) + " of " + e.key.path);
    return {};
  }

  Status on(const CodeAdvanced& e) {
    if (!state_.code || !state_.code->due) return misfit("its code had nothing to do");
    CodeState& code = *state_.code;
    code.due = e.more;
    if (!e.interpreter.empty()) code.interpreter = e.interpreter;
    if (!e.stateJson.empty()) state_.stateJson = e.stateJson;
    for (const CodeCall& call : e.calls) {
      const std::string& path = call.key.path;
      if (!code.calls.emplace(path, call.definitionJson).second)
        return misfit("step " + path + " has not ended");
      blocks_.enter(path);
    }
    // Last: what was asked for may have been given up within the same round.
    for (const std::string& beginning : e.cancelled) blocks_.drop(beginning);
    if (!e.failure) return {};
    state_.failure = e.failure;
    state_.failedStep = e.failedStep;
    finishWhenIdle();
    return {};
  }

  Status on(const AttemptFailed& e) {
    ActiveStep* active = state_.findActive(e.key.path);
    if (!active || !isInFlight(*active)) return misfit("step " + e.key.path + " is not in flight");
    active->lastFailure = e.failure;
    if (e.stands) state_.uncompensated.push_back(visitName(e.key));
    // A run that stops makes no further attempt.
    if (state_.stopsAt(e.key.path)) {
      dropActive(e.key.path);
      finishWhenIdle();
      return {};
    }
    beginBackoff(*active, e.delayMs);
    return {};
  }

  Status on(const WaitOpened& e) {
    if (!e.replaces.empty()) {
      ActiveStep* asked = state_.findActive(e.key.path);
      const bool open = asked && asked->phase == StepPhase::kWaiting && asked->wait &&
                        asked->wait->wait == e.replaces;
      if (!open) return misfit("wait " + e.replaces.str() + " is not open");
      asked->wait = e;
      return {};
    }
    ActiveStep* again = e.review ? state_.findActive(e.key.path) : nullptr;
    if (again) {
      if (!isNext(*again, e.key)) return misfit("step " + e.key.path + " has none to review");
      again->phase = StepPhase::kWaiting;
      again->wait = e;
      again->review.reset();
      return {};
    }
    if (!isReady(e.key.path)) {
      if (e.review) return misfit("step " + e.key.path + " is not due");
      state_.early[e.key.path] = EarlyWait{e, std::nullopt};
      return {};
    }
    BELAY_TRY(leaveReady(e.key));
    state_.early.erase(e.key.path);
    ActiveStep active;
    active.started.key = e.key;
    active.phase = StepPhase::kWaiting;
    active.wait = e;
    active.startedAtMs = atMs_;
    state_.active.push_back(std::move(active));
    return {};
  }

  Status on(const WaitResolved& e) {
    const auto early = state_.early.find(e.key.path);
    if (early != state_.early.end() && early->second.opened.wait == e.wait) {
      early->second.answer = e;
      return {};
    }
    ActiveStep* active = state_.findActive(e.key.path);
    if (!active || !active->wait || active->wait->wait != e.wait) {
      return misfit("wait " + e.wait.str() + " is not open");
    }
    if (!active->wait->review || e.answer != WaitAnswer::kApproved) return {};
    active->review = std::exchange(active->wait, std::nullopt);
    active->phase = StepPhase::kReviewed;
    if (!state_.paused) effects_.push_back(StartReviewed{active->review->key});
    return {};
  }

  Status on(const StepAmbiguous& e) {
    ActiveStep* active = state_.findActive(e.key.path);
    if (!active || active->phase != StepPhase::kStarted)
      return misfit("step " + e.key.path + " is not in flight");
    active->phase = StepPhase::kAmbiguous;
    return {};
  }

  Status on(const AmbiguityResolved& e) {
    ActiveStep* active = state_.findActive(e.key.path);
    if (!active || active->phase != StepPhase::kAmbiguous)
      return misfit("step " + e.key.path + " is not ambiguous");
    if (e.resolution == Resolution::kRetry) beginBackoff(*active, 0);
    return {};
  }

  Status on(const RunPaused& e) {
    if (state_.finished) return misfit("the run has ended");
    state_.paused = true;
    state_.pausedBy = e.by;
    controlChildren(ControlChild::Verb::kPause);
    return {};
  }

  Status on(const RunResumed&) {
    state_.paused = false;
    enterReady();
    for (const ActiveStep& step : state_.active) {
      if (step.phase == StepPhase::kReviewed) effects_.push_back(StartReviewed{step.review->key});
      if (step.phase != StepPhase::kBackoff) continue;
      // What a peer asked for holds over a pause.
      effects_.push_back(
          ArmRetry{step.started.key, delayLeftMs(step.backoffAtMs, step.backoffMs, atMs_)});
    }
    blocks_.resume();
    controlChildren(ControlChild::Verb::kResume);
    advanceCode();
    if (state_.compensating && state_.active.empty()) effects_.push_back(StartUndo{});
    return {};
  }

  Status on(const RunStopRequested& e) {
    if (state_.finished) return misfit("the run has ended");
    state_.stopping = true;
    state_.stopsNow = e.now;
    state_.finalizes = e.finalizes;
    state_.paused = false;
    const auto ends = [this](std::string_view path) { return state_.stopsAt(path); };
    std::erase_if(state_.ready, ends);
    blocks_.closeEarly(ends);
    // The blocks stay: what is in flight within them still sees its item when it ends.
    blocks_.dropSteps([&](const ActiveStep& step) {
      const bool mayEnd = isInFlight(step) && (!e.now || step.phase == StepPhase::kChild);
      return !mayEnd && ends(step.started.key.path);
    });
    controlChildren(e.now ? ControlChild::Verb::kStopNow : ControlChild::Verb::kStop);
    finishWhenIdle();
    return {};
  }

  Status on(const RunCancelRequested& e) {
    if (state_.finished) return misfit("the run has ended");
    state_.cancelling = true;
    state_.supersededBy = e.supersededBy;
    state_.paused = false;
    state_.ready.clear();
    giveUpUndo();
    blocks_.closeEarly(&anyPath);
    state_.blocks.clear();
    blocks_.dropSteps([](const ActiveStep&) { return true; });
    finishWhenIdle();
    return {};
  }

  Status on(const RunFinished& e) {
    if (state_.finished) return misfit("the run has ended already");
    state_.finished = e;
    blocks_.closeEarly(&anyPath);
    state_.blocks.clear();
    state_.active.clear();
    state_.ready.clear();
    if (state_.code) state_.code->calls.clear();
    return {};
  }

  Status on(const RunRetried& e) {
    if (!state_.finished) return misfit("the run has not ended");
    state_.finished.reset();
    state_.failure.reset();
    state_.failedStep.clear();
    state_.paused = state_.stopping = state_.cancelling = state_.onFailureBegan = false;
    state_.stopsNow = state_.finalizes = false;
    state_.supersededBy = {};
    state_.queued = e.queued;
    state_.compensating = false;
    state_.compensated.clear();
    state_.uncompensated.clear();
    blocks_.enter(e.step);
    return {};
  }

  Status on(const RunAdmitted&) {
    if (!state_.queued || state_.finished) return misfit("the run is not queued");
    state_.queued = false;
    enterReady();
    advanceCode();
    return {};
  }

 private:
  Error misfit(const std::string& why) const {
    return Error{ErrorCode::kJournalCorrupt,
                 "run " + state_.id.str() + ": an event does not fit: " + why};
  }

  /// A call of code: what follows is for the code to say, unless the run is being ended. Its result
  /// is in the journal, from where the code gets it; the state does not grow by it.
  Status endCall(const StepFinished& e) {
    state_.code->calls.erase(e.key.path);
    state_.early.erase(e.key.path);
    if (state_.stopping || state_.cancelling || state_.failure) {
      finishWhenIdle();
      return {};
    }
    if (!std::exchange(state_.code->due, true)) advanceCode();
    return {};
  }

  /// Where the run, or the child that the step is the last of, goes on.
  void goOn(const StepFinished& e) {
    const std::string_view scope = scopeOf(e.key.path);
    if (e.next.kind == Next::Kind::kStep) {
      if (!state_.stopsAt(e.key.path)) blocks_.enter(pathIn(scope, e.next.step));
    } else if (!scope.empty() && !state_.stopsAt(e.key.path)) {
      blocks_.endChild(e);
    } else if (e.next.kind == Next::Kind::kFail && !state_.failure) {
      state_.failure = e.failure;
      state_.failedStep = e.key.path;
    }
  }

  static bool anyPath(std::string_view /*path*/) { return true; }

  static bool isInFlight(const ActiveStep& step) {
    return step.phase == StepPhase::kStarted || step.phase == StepPhase::kChild;
  }

  void controlChildren(ControlChild::Verb verb) {
    for (const ActiveStep& step : state_.active) {
      const bool clearsUp =
          (verb == ControlChild::Verb::kStop || verb == ControlChild::Verb::kStopNow) &&
          !state_.stopsAt(step.started.key.path);
      if (step.phase == StepPhase::kChild && !clearsUp)
        effects_.push_back(ControlChild{verb, step.started.child});
    }
  }

  void enterReady() {
    if (state_.isHeld()) return;
    for (const std::string& path : state_.ready) effects_.push_back(EnterStep{path});
  }

  void advanceCode() {
    if (state_.code && state_.code->due && !state_.isHeld()) effects_.push_back(AdvanceCode{});
  }

  /// Whether this is the attempt that an active step makes next.
  static bool isNext(const ActiveStep& step, const StepKey& key) {
    if (step.phase == StepPhase::kReviewed) return key == step.review->key;
    if (step.phase != StepPhase::kBackoff || key.visit != step.started.key.visit) return false;
    return key.attempt == step.started.key.attempt + (step.heldBy.empty() ? 1 : 0);
  }

  bool isReady(const std::string& path) const {
    return std::find(state_.ready.begin(), state_.ready.end(), path) != state_.ready.end();
  }

  Status leaveReady(const StepKey& key) {
    const auto found = std::find(state_.ready.begin(), state_.ready.end(), key.path);
    if (found == state_.ready.end()) return misfit("step " + key.path + " is not due");
    std::uint32_t& visits = state_.visits[key.path];
    if (key.visit != visits + 1)
      return misfit("visit " + std::to_string(key.visit) + " of step " + key.path);
    visits = key.visit;
    state_.ready.erase(found);
    return {};
  }

  void keepUndo(const StepFinished& e) {
    if (e.undoJson.empty() && e.undoRef.empty()) return;
    state_.undos.push_back(
        Undo{{e.key.path, e.key.visit, 1}, e.undoJson, e.undoRef, e.undoTimeoutMs});
  }

  /// One after the other, the latest visit first.
  Status undoIsDue(const StepKey& key) const {
    const bool due = state_.compensating && state_.active.empty() && !state_.undos.empty() &&
                     undoPath(state_.undos.back().key.path) == key.path &&
                     state_.undos.back().key.visit == key.visit;
    return due ? Status{} : Status{misfit(key.path + " is not due")};
  }

  /// A failure of an undo is on record, and the others still run.
  Status undone(const StepFinished& e) {
    auto& names = e.failure ? state_.uncompensated : state_.compensated;
    names.push_back(visitName(state_.undos.back().key));
    state_.undos.pop_back();
    finishWhenIdle();
    return {};
  }

  /// How far an undo has come that is ended is not known: a run that is retried must not begin it
  /// again under the same key.
  void giveUpUndo() {
    const bool tried =
        std::any_of(state_.active.begin(), state_.active.end(),
                    [](const ActiveStep& step) { return isUndo(step.started.key.path); });
    if (!tried) return;
    state_.uncompensated.push_back(visitName(state_.undos.back().key));
    state_.undos.pop_back();
  }

  void beginBackoff(ActiveStep& step, std::int64_t delayMs) {
    step.phase = StepPhase::kBackoff;
    step.backoffAtMs = atMs_;
    step.backoffMs = delayMs;
    effects_.push_back(ArmRetry{step.started.key, delayMs});
  }

  void dropActive(const std::string& path) {
    std::erase_if(state_.active,
                  [&path](const ActiveStep& step) { return step.started.key.path == path; });
  }

  void finishWhenIdle();

  RunState& state_;
  std::int64_t atMs_;
  std::vector<Effect>& effects_;
  Blocks blocks_;
};

void Application::finishWhenIdle() {
  if (state_.finished || !state_.active.empty() || !state_.ready.empty()) return;
  if (state_.finalizes && !state_.cancelling && blocks_.finalizeNext()) return;
  if (hasToUndo(state_)) {
    state_.compensating = true;
    if (!state_.paused) effects_.push_back(StartUndo{});
    return;
  }
  if (endOf(state_) == RunEnd::kFailed && !state_.stopping && !state_.created.onFailure.empty() &&
      !state_.onFailureBegan) {
    state_.onFailureBegan = true;
    blocks_.enter(state_.created.onFailure);
    return;
  }
  effects_.push_back(FinishRun{endOf(state_)});
}

}  // namespace

RunEnd endOf(const RunState& state) {
  if (state.cancelling) return RunEnd::kCancelled;
  if (state.failure) return RunEnd::kFailed;
  return state.stopping ? RunEnd::kStopped : RunEnd::kSucceeded;
}

bool hasToUndo(const RunState& state) {
  const RunEnd end = endOf(state);
  return (end == RunEnd::kFailed || end == RunEnd::kStopped) && !state.undos.empty() &&
         !state.onFailureBegan;
}

Result<std::vector<Effect>> apply(RunState& state, const Event& event) {
  std::vector<Effect> effects;
  Application application(state, event.atMs, effects);
  BELAY_TRY(std::visit([&application](const auto& e) { return application.on(e); }, event.body));
  state.updatedAtMs = event.atMs;
  return effects;
}

std::vector<Effect> owed(const RunState& state) {
  std::vector<Effect> effects;
  if (state.finished) return effects;
  if (!state.isHeld()) {
    for (const std::string& path : state.ready) effects.push_back(EnterStep{path});
  }
  for (const ActiveStep& step : state.active) {
    if (step.phase == StepPhase::kStarted) effects.push_back(PerformStep{step.started.key});
    if (step.phase == StepPhase::kReviewed && !state.paused)
      effects.push_back(StartReviewed{step.review->key});
  }
  for (const auto& [path, block] : state.blocks) {
    if (state.stopsAt(path)) continue;
    if (block.phase == ActiveBlock::Phase::kRoundEnded)
      effects.push_back(NextRound{block.started.key});
    if (block.phase == ActiveBlock::Phase::kEnded) effects.push_back(EndBlock{block.started.key});
  }
  const bool ends = state.stopping || state.cancelling || state.failure;
  if (state.code && !ends) {
    if (state.code->due && !state.isHeld()) effects.push_back(AdvanceCode{});
    return effects;
  }
  if (!state.active.empty() || !state.ready.empty()) return effects;
  if (!hasToUndo(state))
    effects.push_back(FinishRun{endOf(state)});
  else if (!state.paused)
    effects.push_back(StartUndo{});
  return effects;
}

}  // namespace belay::engine
