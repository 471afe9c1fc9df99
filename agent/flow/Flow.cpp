#include "agent/flow/Flow.h"

#include <algorithm>
#include <array>

namespace belay::flow {

namespace {

constexpr std::array<std::string_view, 3> kEffectClasses{"pure", "idempotent", "once"};
constexpr std::array<std::string_view, static_cast<std::size_t>(FailureClass::kCount)>
    kFailureClasses{"timeout",   "rate_limited", "unavailable", "server_error",
                    "exit_code", "connection",   "other"};
constexpr std::array<std::string_view, static_cast<std::size_t>(WaitKind::kCount)> kWaitKinds{
    "approval", "callback", "event", "time"};

template <typename Enum, std::size_t kSize>
std::optional<Enum> fromName(const std::array<std::string_view, kSize>& names,
                             std::string_view name) {
  for (std::size_t i = 0; i < kSize; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view effectClassName(EffectClass effect) {
  return kEffectClasses.at(static_cast<std::size_t>(effect));
}

std::string_view failureClassName(FailureClass failure) {
  return kFailureClasses.at(static_cast<std::size_t>(failure));
}

std::optional<EffectClass> effectClassFrom(std::string_view name) {
  return fromName<EffectClass>(kEffectClasses, name);
}

std::optional<FailureClass> failureClassFrom(std::string_view name) {
  return fromName<FailureClass>(kFailureClasses, name);
}

std::string_view waitKindName(WaitKind kind) {
  return kWaitKinds.at(static_cast<std::size_t>(kind));
}

std::optional<WaitKind> waitKindFrom(std::string_view name) {
  return fromName<WaitKind>(kWaitKinds, name);
}

std::optional<std::size_t> Flow::indexOf(std::string_view id) const {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].id.str() == id) return i;
  }
  return std::nullopt;
}

bool isApproval(const Step& step) {
  return step.family == Family::kWait && step.wait.kind == WaitKind::kApproval;
}

const Step* Flow::find(std::string_view id) const {
  const bool undo = id.ends_with(kUndoSuffix);
  const auto index = indexOf(undo ? id.substr(0, id.size() - kUndoSuffix.size()) : id);
  if (!index || !undo) return index ? &steps[*index] : nullptr;
  return steps[*index].undo ? &undos[*steps[*index].undo] : nullptr;
}

std::optional<std::size_t> Flow::behind(std::size_t step) const {
  const std::vector<std::size_t>& list = blocks[steps[step].block].steps;
  const auto found = std::find(list.begin(), list.end(), step);
  if (found == list.end() || found + 1 == list.end()) return std::nullopt;
  return *(found + 1);
}

}  // namespace belay::flow
