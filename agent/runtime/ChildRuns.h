#pragma once

#include "agent/runtime/Core.h"
#include "agent/runtime/Starts.h"

namespace belay::runtime {

class Steps;

/// Performs the steps that run another flow. The child is created in the transaction that records
/// the step's start, and its end is recorded together with the step's: there is no moment in which
/// a crash could make two of them, or lose one.
///
/// Threads: the loop.
/// Errors:  only those that end the transaction; what goes wrong with a step is the step's failure.
class ChildRuns {
 public:
  ChildRuns(Core& core, Steps& steps, Starter& starter)
      : core_(core), steps_(steps), starter_(starter) {}

  void setStandIn(ChildStandIn& standIn) { standIn_ = &standIn; }

  base::Status enter(LiveRun& run, const flow::Step& step, const json::Value& spec,
                     const engine::StepKey& key);
  /// Makes an attempt: a child run of its own.
  base::Status begin(LiveRun& run, engine::StepStarted started);
  /// A run has ended: so has the step that started it, if it is still there.
  base::Status ended(LiveRun& child);

 private:
  base::Result<base::RunId> start(LiveRun& run, engine::StepStarted& started);

  Core& core_;
  Steps& steps_;
  Starter& starter_;
  ChildStandIn* standIn_ = nullptr;
};

/// Runs that may stand below each other, the topmost not counted.
inline constexpr std::uint32_t kChildDepthMax = 8;

}  // namespace belay::runtime
