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

RetryDecision decideRetry(const flow::Step& step, const StepKey& key, const Failure& failure, double randomUnit,
                          std::int64_t retryAfterMs) {
  if (key.attempt >= step.retry.maxAttempts || !namesClass(step.retry, failure.kind)) return {};
  // What may have taken effect is never repeated blindly.
  if (step.effect == flow::EffectClass::kOnce && !failure.nothingLeft) return {};
  const flow::Backoff& backoff = step.retry.backoff;
  const double longest = static_cast<double>(backoff.max.count());
  const double grown = static_cast<double>(backoff.initial.count()) * std::pow(backoff.factor, key.attempt - 1.0);
  const double delay = std::min(grown, longest);
  const double jittered = delay * (1.0 - backoff.jitter) + delay * backoff.jitter * randomUnit;
  return {true, std::max(static_cast<std::int64_t>(jittered), retryAfterMs)};
}

}  // namespace belay::engine
