#include "agent/engine/Names.h"

#include <array>
#include <cstddef>

#include "agent/engine/RunState.h"

namespace belay::engine {

namespace {

constexpr std::array<std::string_view, 3> kOutcomes{"succeeded", "failed", "skipped"};
constexpr std::array<std::string_view, 3> kNexts{"step", "end", "fail"};
constexpr std::array<std::string_view, 4> kEnds{"succeeded", "failed", "stopped", "cancelled"};
constexpr std::array<std::string_view, 6> kAnswers{"approved",     "rejected",  "body",
                                                   "time_reached", "timed_out", "closed"};
constexpr std::array<std::string_view, 3> kResolutions{"succeeded", "failed", "retry"};
constexpr std::array<std::string_view, 3> kOnTimeouts{"reject", "fail", "continue"};
constexpr std::array<std::string_view, static_cast<std::size_t>(RunStatus::kCount)> kStatuses{
    "running",   "waiting", "paused",  "ambiguous", "stopping",
    "succeeded", "failed",  "stopped", "cancelled", "queued"};

constexpr std::array<std::string_view, static_cast<std::size_t>(TriggerKind::kCount)> kTriggers{
    "manual", "schedule", "webhook", "event", "flow", "replay", "start"};

template <typename Enum, std::size_t Count>
std::string_view nameOf(const std::array<std::string_view, Count>& names, Enum value) {
  return names.at(static_cast<std::size_t>(value));
}

template <typename Enum, std::size_t Count>
std::optional<Enum> fromName(const std::array<std::string_view, Count>& names,
                             std::string_view name) {
  for (std::size_t i = 0; i < Count; ++i) {
    if (names.at(i) == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 3> kBlockKinds{"parallel", "for_each", "loop"};

}  // namespace

std::string_view outcomeName(StepOutcome outcome) { return nameOf(kOutcomes, outcome); }
std::optional<StepOutcome> outcomeFrom(std::string_view name) {
  return fromName<StepOutcome>(kOutcomes, name);
}
std::string_view nextName(Next::Kind kind) { return nameOf(kNexts, kind); }
std::optional<Next::Kind> nextFrom(std::string_view name) {
  return fromName<Next::Kind>(kNexts, name);
}
std::string_view runEndName(RunEnd end) { return nameOf(kEnds, end); }
std::optional<RunEnd> runEndFrom(std::string_view name) { return fromName<RunEnd>(kEnds, name); }
std::string_view answerName(WaitAnswer answer) { return nameOf(kAnswers, answer); }
std::optional<WaitAnswer> answerFrom(std::string_view name) {
  return fromName<WaitAnswer>(kAnswers, name);
}
std::string_view resolutionName(Resolution resolution) { return nameOf(kResolutions, resolution); }
std::optional<Resolution> resolutionFrom(std::string_view name) {
  return fromName<Resolution>(kResolutions, name);
}
std::string_view blockKindName(BlockKind kind) { return nameOf(kBlockKinds, kind); }
std::optional<BlockKind> blockKindFrom(std::string_view name) {
  return fromName<BlockKind>(kBlockKinds, name);
}
std::string_view onTimeoutName(flow::OnTimeout onTimeout) { return nameOf(kOnTimeouts, onTimeout); }
std::optional<flow::OnTimeout> onTimeoutFrom(std::string_view name) {
  return fromName<flow::OnTimeout>(kOnTimeouts, name);
}
std::string_view runStatusName(RunStatus status) { return nameOf(kStatuses, status); }
std::optional<RunStatus> runStatusFrom(std::string_view name) {
  return fromName<RunStatus>(kStatuses, name);
}
std::string_view triggerKindName(TriggerKind kind) { return nameOf(kTriggers, kind); }
std::optional<TriggerKind> triggerKindFrom(std::string_view name) {
  return fromName<TriggerKind>(kTriggers, name);
}

}  // namespace belay::engine
