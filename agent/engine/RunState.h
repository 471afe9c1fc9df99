#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/engine/Event.h"

namespace belay::engine {

enum class RunStatus : std::uint8_t {
  kRunning, kWaiting, kPaused, kAmbiguous, kStopping, kSucceeded, kFailed, kStopped, kCancelled, kCount
};
std::string_view runStatusName(RunStatus status);
std::optional<RunStatus> runStatusFrom(std::string_view name);
bool isFinal(RunStatus status);

enum class StepPhase : std::uint8_t { kStarted, kWaiting, kBackoff, kAmbiguous };

/// A visit that has begun and not ended.
struct ActiveStep {
  StepStarted started;            ///< For a wait: only the key is set.
  StepPhase phase = StepPhase::kStarted;
  std::optional<WaitOpened> wait;  ///< Set in kWaiting.
  std::optional<Failure> lastFailure;
  std::int64_t startedAtMs = 0;   ///< First attempt, wall.
  std::int64_t backoffAtMs = 0;   ///< In kBackoff: since when, wall.
  std::int64_t backoffMs = 0;     ///< In kBackoff: how long from then.
};

/// The latest visit of a step that has ended.
struct StepRecord {
  StepKey key;
  StepOutcome outcome = StepOutcome::kSucceeded;
  std::string outputJson;
  std::string outputRef;
  std::optional<Failure> failure;
  std::int64_t finishedAtMs = 0;
  std::int64_t durationMs = 0;
};

/// A wait that was opened before the run came to it.
struct EarlyWait {
  WaitOpened opened;
  std::optional<WaitResolved> answer;
};

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
  std::map<std::string, StepRecord> done;          ///< By path.
  std::map<std::string, std::uint32_t> visits;     ///< Visits begun, by path.
  std::vector<ActiveStep> active;
  std::map<std::string, EarlyWait> early;          ///< By path of the wait's step.
  std::optional<LastError> lastError;
  std::vector<std::string> ready;                  ///< Steps to enter next; held while paused.
  bool paused = false;
  bool stopping = false;
  bool cancelling = false;
  std::optional<RunFinished> finished;
  std::optional<Failure> failure;                  ///< Of the step that made the run fail, before it has finished.
  std::string failedStep;

  RunStatus status() const;
  ActiveStep* findActive(std::string_view path);
  const ActiveStep* findActive(std::string_view path) const;
};

}  // namespace belay::engine
