#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/engine/Event.h"

namespace belay::engine {

enum class RunStatus : std::uint8_t {
  kRunning,
  kWaiting,
  kPaused,
  kAmbiguous,
  kStopping,
  kSucceeded,
  kFailed,
  kStopped,
  kCancelled,
  kQueued,  ///< Exists and has not begun.
  kCount
};
std::string_view runStatusName(RunStatus status);
std::optional<RunStatus> runStatusFrom(std::string_view name);
bool isFinal(RunStatus status);

/// What started a run: the `type` of its trigger.
enum class TriggerKind : std::uint8_t {
  kManual,
  kSchedule,
  kWebhook,
  kEvent,
  kFlow,
  kReplay,
  kStart,  ///< Signed by a starter, and handed in from elsewhere.
  kCount
};
std::string_view triggerKindName(TriggerKind kind);
std::optional<TriggerKind> triggerKindFrom(std::string_view name);

enum class StepPhase : std::uint8_t {
  kStarted,
  kWaiting,
  kBackoff,
  kAmbiguous,
  kBlock,
  kChild,
  kReviewed  ///< Approved, and has still to start.
};

/// A visit that has begun and not ended.
struct ActiveStep {
  StepStarted started;  ///< For a wait: only the key is set.
  StepPhase phase = StepPhase::kStarted;
  std::optional<WaitOpened> wait;    ///< Set in kWaiting.
  std::optional<WaitOpened> review;  ///< The request that was approved; set from kReviewed on.
  std::optional<Failure> lastFailure;
  std::string heldBy;            ///< In kBackoff: the rate limit that `started` waits for, if any.
  std::int64_t startedAtMs = 0;  ///< First attempt, wall.
  std::int64_t backoffAtMs = 0;  ///< In kBackoff: since when, wall.
  std::int64_t backoffMs = 0;    ///< In kBackoff: how long from then.
};

/// Whether the step waits for a run that is asked to stop, and waited for, when the step is ended.
bool isAwaited(const ActiveStep& step);

/// The latest visit of a step that has ended.
struct StepRecord {
  StepKey key;
  StepOutcome outcome = StepOutcome::kSucceeded;
  std::string outputJson;
  std::string outputRef;
  std::optional<Failure> failure;
  base::RunId child;  ///< Of a flow step: the run of the last attempt.
  std::int64_t finishedAtMs = 0;
  std::int64_t durationMs = 0;
};

/// A parallel, for_each or loop that has begun and not ended. Its visit stands in `active` too, as
/// kBlock.
struct ActiveBlock {
  enum class Phase : std::uint8_t {
    kRunning,
    kRoundEnded,  ///< Of a loop: what follows has to be asked.
    kPausing,     ///< Of a loop: between two rounds.
    kFinalizing,
    kEnding,  ///< Has failed, and waits for the runs that it has asked to stop.
    kEnded    ///< Only its own end has to be recorded.
  };
  struct Child {
    std::string
        outputJson;  ///< Of its last step; empty: it failed, undefined, or kept as outputRef.
    std::string outputRef;
  };
  BlockStarted started;
  Phase phase = Phase::kRunning;
  std::uint32_t next = 0;  ///< First child that has not begun; of a loop: the round at hand.
  std::uint32_t running = 0;
  std::int64_t pauseAtMs = 0;  ///< Of a loop in kPausing: since when, wall, and for how long.
  std::int64_t pauseMs = 0;
  std::uint32_t ended = 0;
  std::vector<Child> children;     ///< Of those that have begun; of a loop: the last round alone.
  std::optional<Failure> failure;  ///< The first.
  std::string failedStep;          ///< Path.
};

/// A wait that was opened before the run came to it.
struct EarlyWait {
  WaitOpened opened;
  std::optional<WaitResolved> answer;
};

/// The run of a flow that is code.
struct CodeState {
  std::string interpreter;                   ///< That ran it last.
  std::map<std::string, std::string> calls;  ///< Definitions of those that have not ended, by path.
  bool due = true;                           ///< There are results that the code has not seen.
};

/// What takes the effect of a visit back that succeeded.
struct Undo {
  StepKey key;               ///< Of the visit.
  std::string renderedJson;  ///< Empty when kept as `ref`.
  std::string ref;
  std::int64_t timeoutMs = 0;
};

/// How many visits of a run can be undone at most.
inline constexpr std::size_t kUndosMax = 10'000;

/// A failure that expressions can read as `error`.
struct LastError {
  Failure failure;
  std::string step;
};

/// All that a run is, as its events say. Built by apply() alone.
struct RunState {
  base::RunId id;
  RunCreated created;
  std::int64_t createdAtMs = 0;
  std::int64_t updatedAtMs = 0;
  std::string stateJson;
  std::map<std::string, StepRecord> done;       ///< By path.
  std::map<std::string, std::uint32_t> visits;  ///< Visits begun, by path.
  std::vector<ActiveStep> active;
  std::map<std::string, ActiveBlock> blocks;  ///< By path.
  std::map<std::string, EarlyWait> early;     ///< By path of the wait's step.
  std::optional<CodeState> code;
  std::optional<LastError> lastError;
  std::vector<std::string> ready;  ///< Steps to enter next; see isHeld().
  bool paused = false;
  std::string pausedBy;  ///< The latest who did.
  bool queued = false;   ///< No step is entered until the run is admitted.
  bool stopping = false;
  bool stopsNow = false;   ///< While stopping: what was in flight has been ended.
  bool finalizes = false;  ///< While stopping: what finalizes its blocks still runs.
  bool cancelling = false;
  base::RunId supersededBy;  ///< Of a run that was cancelled for another one.
  std::optional<RunFinished> finished;
  std::optional<Failure> failure;  ///< Of the step that made the run fail, before it has finished.
  std::string failedStep;
  bool onFailureBegan = false;
  std::vector<Undo> undos;    ///< In the order in which their visits ended; the last goes first.
  bool compensating = false;  ///< The run has failed or was stopped, and its undos run.
  std::vector<std::string> compensated;    ///< Names of visits.
  std::vector<std::string> uncompensated;  ///< Their undo failed, or their run left something.

  RunStatus status() const;
  /// No step is entered, and code does not go on.
  bool isHeld() const { return paused || queued; }
  /// Whether a stop ends what stands at the path: all but what clears up.
  bool stopsAt(std::string_view path) const;
  /// Whether the step at the path is only waited for: what stood around it has ended, or the code
  /// that called it has given it up. Only steps that wait for another run are.
  bool isGivenUp(std::string_view path) const;
  ActiveStep* findActive(std::string_view path);
  const ActiveStep* findActive(std::string_view path) const;
};

}  // namespace belay::engine
