#include <algorithm>
#include <cmath>

#include "agent/engine/Engine.h"

namespace belay::engine {

namespace {

bool namesClass(const flow::Retry& retry, flow::FailureClass kind) {
  if (retry.on.empty()) return kind != flow::FailureClass::kOther;
  return std::find(retry.on.begin(), retry.on.end(), kind) != retry.on.end();
}

}  // namespace

RetryDecision decideRetry(const flow::Step& step, const StepKey& key, const Failure& failure,
                          double randomUnit, std::int64_t retryAfterMs) {
  if (key.attempt >= step.retry.maxAttempts || !namesClass(step.retry, failure.kind)) return {};
  // What may have taken effect is never repeated blindly.
  if (step.effect == flow::EffectClass::kOnce && !failure.nothingLeft) return {};
  return {true,
          std::max(backoffDelayMs(step.retry.backoff, key.attempt - 1, randomUnit), retryAfterMs)};
}

std::int64_t backoffDelayMs(const flow::Backoff& backoff, std::uint32_t times, double randomUnit) {
  const double longest = static_cast<double>(backoff.max.count());
  const double grown =
      static_cast<double>(backoff.initial.count()) * std::pow(backoff.factor, times);
  const double delay = std::min(grown, longest);
  return static_cast<std::int64_t>(delay - delay * backoff.jitter * (1.0 - randomUnit));
}

std::int64_t delayLeftMs(std::int64_t beganMs, std::int64_t delayMs, std::int64_t nowMs) {
  const std::int64_t goneMs = std::max<std::int64_t>(nowMs - beganMs, 0);
  return std::max<std::int64_t>(delayMs - goneMs, 0);
}

}  // namespace belay::engine
