#pragma once

#include <string>

#include "agent/runtime/Core.h"
#include "agent/runtime/RunScope.h"

namespace belay::runtime {

class Steps;

/// Performs what the engine owes to steps that hold steps: begins parallel, for_each and loop, asks
/// loops for their next round, and records their ends.
///
/// Threads: the loop.
/// Errors:  only those that end the transaction; what goes wrong with a step is the step's failure.
class BlockSteps {
 public:
  BlockSteps(Core& core, Steps& steps) : core_(core), steps_(steps) {}

  base::Status enter(LiveRun& run, const flow::Step& step, const json::Value& spec,
                     const engine::StepKey& key);
  base::Status nextRound(LiveRun& run, const engine::StepKey& key);
  /// The pause between two rounds is over.
  base::Status roundDue(LiveRun& run, const std::string& path);
  base::Status end(LiveRun& run, const engine::StepKey& key);

 private:
  base::Status enterForEach(LiveRun& run, const flow::Step& step, const json::Value& spec,
                            engine::BlockStarted started);
  base::Status enterLoop(LiveRun& run, const flow::Step& step, engine::BlockStarted started);
  base::Status succeed(LiveRun& run, const flow::Step& step, const engine::ActiveBlock& block);
  base::Result<std::int64_t> pauseOf(LiveRun& run, const flow::Step& step,
                                     const engine::StepKey& key, std::uint32_t round,
                                     const RunScope& scope);
  base::Status fail(LiveRun& run, const flow::Step& step, const engine::StepKey& key,
                    const base::Error& error);

  Core& core_;
  Steps& steps_;
};

}  // namespace belay::runtime
