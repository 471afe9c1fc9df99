#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "agent/engine/RunState.h"

namespace belay::engine {

// What the world owes a run after an event: data, performed by agent/runtime after the commit.

/// Evaluate and enter a step.
struct EnterStep {
  std::string path;
};
/// Do what was recorded as StepStarted.
struct PerformStep {
  StepKey key;
};
/// Start the attempt whose effect was approved.
struct StartReviewed {
  StepKey key;
};
/// Undo the latest visit that can be undone.
struct StartUndo {};
/// Make the next attempt after a delay.
struct ArmRetry {
  StepKey key;
  std::int64_t delayMs = 0;
};
/// End the attempt that is in flight, at once.
struct CancelStep {
  StepKey key;
  std::string definitionJson = {};  ///< Of a call of code, which the state then has no more.
};
/// What is asked of a run goes on to the runs that its steps have started.
struct ControlChild {
  enum class Verb : std::uint8_t {
    kPause,
    kResume,
    kStop,
    kStopNow,  ///< What is in flight ends too, and what was done is undone.
    kCancel
  } verb = Verb::kCancel;
  base::RunId child;
};
/// Close an open wait without an answer.
struct CloseWait {
  StepKey key;
  base::WaitId wait;
};
/// Decide whether a loop makes a further round, and record it or the end of the loop.
struct NextRound {
  StepKey key;
};
/// Begin the next round of a loop after a delay.
struct ArmRound {
  StepKey key;
  std::int64_t delayMs = 0;
};
/// All children have ended: gather their outputs and record the end of the step that holds them.
struct EndBlock {
  StepKey key;
};
/// Give the code of the run the results that it has not seen, and record what it asks for.
struct AdvanceCode {};
/// Evaluate the output and record the end of the run.
struct FinishRun {
  RunEnd end = RunEnd::kSucceeded;
};

using Effect =
    std::variant<EnterStep, PerformStep, ArmRetry, CancelStep, CloseWait, FinishRun, NextRound,
                 ArmRound, EndBlock, ControlChild, AdvanceCode, StartReviewed, StartUndo>;

/// Changes `state` as `event` says and returns what is owed now. Pure: no clock, no I/O, no
/// evaluation.
///
/// Threads: any, one at a time per state.
/// Errors:  kJournalCorrupt when the event does not fit the state (its history is then not one of
/// this engine).
base::Result<std::vector<Effect>> apply(RunState& state, const Event& event);

/// What is still owed to a state that was rebuilt from its events: the effects of apply that were
/// not yet answered. Attempts that had started come as PerformStep: the caller decides by effect
/// class and by what it can prove.
std::vector<Effect> owed(const RunState& state);

/// How a run ends that has nothing left to do.
RunEnd endOf(const RunState& state);
/// Whether a run that has nothing left to do has something to undo.
bool hasToUndo(const RunState& state);
/// The stop of a run as it is, with what is still to be done then.
RunStopRequested stopOf(const RunState& state, std::string by, bool now = false);

/// What follows a failed attempt: another one, or the end of the visit.
struct RetryDecision {
  bool retry = false;
  std::int64_t delayMs = 0;
};
/// `randomUnit` is in [0, 1); `retryAfterMs` is what the peer asked for, 0 when it did not.
RetryDecision decideRetry(const flow::Step& step, const StepKey& key, const Failure& failure,
                          double randomUnit, std::int64_t retryAfterMs);

/// The pause after `times` earlier ones; `randomUnit` in [0, 1] is what the jitter makes of its
/// share, 1 the whole.
std::int64_t backoffDelayMs(const flow::Backoff& backoff, std::uint32_t times, double randomUnit);
/// What is left of a delay that began at `beganMs`, by the wall clock; one that was set back makes
/// it no longer.
std::int64_t delayLeftMs(std::int64_t beganMs, std::int64_t delayMs, std::int64_t nowMs);

/// Digest of epoch, run, step path and visit: the same over attempts.
std::string idempotencyKey(std::string_view epoch, const base::RunId& run, const StepKey& key);

}  // namespace belay::engine
