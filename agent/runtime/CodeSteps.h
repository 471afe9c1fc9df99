#pragma once

#include <string>
#include <vector>

#include "agent/runtime/Core.h"
#include "agent/script/Limits.h"

namespace belay::runtime {

class Steps;

/// Takes the code of runs on: gives it the results that it has not seen, and records what it asks
/// for, or how it ended. A run's program stays in memory while the run moves, within a bound; the
/// others are made again from the journal.
///
/// Threads: the loop.
/// Errors:  only those that end the transaction; what goes wrong with the code fails its run.
class CodeSteps {
 public:
  CodeSteps(Core& core, Steps& steps) : core_(core), steps_(steps) {}

  base::Status advance(LiveRun& run);

 private:
  struct Kept {
    base::RunId run;
    std::size_t bytes = 0;
  };

  base::Status evaluate(LiveRun& run);
  base::Status make(LiveRun& run);
  base::Status replay(LiveRun& run, std::vector<CodeRound> rounds);
  base::Status settle(LiveRun& run, const CodeResult& result);
  base::Status record(LiveRun& run);
  base::Status recordCalls(LiveRun& run, engine::CodeAdvanced advanced);
  static void drop(CodeRun& code);
  base::Status fail(LiveRun& run, engine::Failure failure, std::string step);
  void keep(const LiveRun& run);

  Core& core_;
  Steps& steps_;
  std::vector<Kept> kept_;  // the programs that are in memory, the least recently used first
};

}  // namespace belay::runtime
