#include "agent/engine/RunState.h"

#include <algorithm>

#include "agent/engine/Blocks.h"

namespace belay::engine {

namespace {

RunStatus statusOf(RunEnd end) {
  switch (end) {
    case RunEnd::kSucceeded:
      return RunStatus::kSucceeded;
    case RunEnd::kFailed:
      return RunStatus::kFailed;
    case RunEnd::kStopped:
      return RunStatus::kStopped;
    case RunEnd::kCancelled:
      return RunStatus::kCancelled;
  }
  return RunStatus::kFailed;
}

}  // namespace

bool isFinal(RunStatus status) {
  return status >= RunStatus::kSucceeded && status <= RunStatus::kCancelled;
}

RunStatus RunState::status() const {
  const auto any = [this](StepPhase phase) {
    return std::any_of(active.begin(), active.end(),
                       [phase](const ActiveStep& s) { return s.phase == phase; });
  };
  if (finished) return statusOf(finished->end);
  if (any(StepPhase::kAmbiguous)) return RunStatus::kAmbiguous;
  if (stopping || cancelling) return RunStatus::kStopping;
  if (queued) return RunStatus::kQueued;
  if (paused) return RunStatus::kPaused;
  const bool moves = !ready.empty() || any(StepPhase::kStarted) || any(StepPhase::kBackoff) ||
                     any(StepPhase::kReviewed) || (code && code->due);
  const bool pauses = std::any_of(blocks.begin(), blocks.end(), [](const auto& block) {
    return block.second.phase == ActiveBlock::Phase::kPausing;
  });
  const bool waits = pauses || any(StepPhase::kWaiting) || any(StepPhase::kChild);
  return !moves && waits ? RunStatus::kWaiting : RunStatus::kRunning;
}

const ActiveStep* RunState::findActive(std::string_view path) const {
  const auto found = std::find_if(active.begin(), active.end(), [path](const ActiveStep& step) {
    return step.started.key.path == path;
  });
  return found == active.end() ? nullptr : &*found;
}

bool isAwaited(const ActiveStep& step) {
  return step.phase == StepPhase::kChild && step.started.awaited;
}

bool RunState::stopsAt(std::string_view path) const {
  return stopping && !isUndo(path) && !(finalizes && isFinalize(path));
}

bool RunState::isGivenUp(std::string_view path) const {
  const ActiveStep* step = findActive(path);
  if (!step || !isAwaited(*step)) return false;
  if (code) return !code->calls.contains(std::string(path));
  return outermostEnding(*this, path).has_value();
}

ActiveStep* RunState::findActive(std::string_view path) {
  return const_cast<ActiveStep*>(std::as_const(*this).findActive(path));
}

}  // namespace belay::engine
