#pragma once

#include <cstdint>
#include <string>

#include "agent/runtime/Core.h"

namespace belay::runtime {

class Steps;
class Waits;

/// Approvals that stand before steps (`review:`). The step is rendered first; the request holds
/// what was rendered and what exactly it comes to on this host, and that is what is performed once
/// it is approved: nothing is evaluated again.
///
/// Threads: the loop.
/// Errors:  only those that end the transaction; what goes wrong with a step is the step's failure.
class Reviews {
 public:
  Reviews(Core& core, Steps& steps, Waits& waits) : core_(core), steps_(steps), waits_(waits) {}

  /// Asks for the approval of an attempt, when the policy would let it pass; `question`: of one
  /// whose step has no review of its own.
  base::Status ask(LiveRun& run, const flow::Step& step, const engine::StepKey& key,
                   const std::string& renderedJson, std::int64_t timeoutMs,
                   const std::string& question = {});
  /// Starts the attempt that was approved; asks anew when the approval does not hold any more.
  base::Status start(LiveRun& run, const engine::StepKey& key);
  /// Whether the approval of a step, if it has one, still holds for a further attempt; why it does
  /// not goes to the log. Errors: those that end the transaction.
  base::Result<bool> holds(const engine::ActiveStep& active);
  /// That an attempt of a step with a review comes to what was approved, secrets' versions and
  /// resolved paths included, and that the approval holds. Errors: kReviewChanged naming what
  /// differs; of stillApproved().
  base::Status check(const flow::Step& step, const engine::ActiveStep& active,
                     const trust::RenderedEffect& effect);

 private:
  base::Status open(LiveRun& run, const flow::Step& step, const engine::StepStarted& intended,
                    const std::string& question);

  Core& core_;
  Steps& steps_;
  Waits& waits_;
};

/// Whether an attempt is only good with an approval: its step has a review, or a person was asked.
bool isReviewed(const flow::Step* step, const engine::ActiveStep& active);

}  // namespace belay::runtime
