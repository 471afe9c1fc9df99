#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/agents/DriveResult.h"
#include "agent/jobs/JobOutcome.h"
#include "agent/runtime/Performer.h"
#include "agent/steps/AgentPlan.h"
#include "agent/steps/Outputs.h"
#include "common/base/UniqueFd.h"

namespace belay::steps {

/// What the jobs of an agent left.
struct AgentEnd {
  jobs::JobOutcome agent;
  std::optional<jobs::JobOutcome> end;  ///< Of the job that says what has changed.
  base::UniqueFd diff;                  ///< Its standard output.
  /// As in agent.files; invalid for those with a problem.
  std::vector<base::Result<base::UniqueFd>> files;
};

engine::Failure failureOf(const base::Error& error, bool nothingLeft);

/// What a run of an agent means to its step: success or failure, whether it is tried again, and
/// what its ledger is to know. Without an output.
runtime::StepResult resultOf(const runtime::Attempt& attempt, const AgentPlan& plan,
                             const agents::DriveResult& drive);

/// The same with the output: text, diff and collected files are stored, secrets masked.
/// Threads: any; reads what may be large.
runtime::StepResult gatherAgent(const runtime::Attempt& attempt, const AgentPlan& plan,
                                const AgentEnd& ended, Outputs& outputs);

}  // namespace belay::steps
