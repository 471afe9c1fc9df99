#pragma once

#include "agent/jobs/JobOutcome.h"
#include "agent/steps/ToolStep.h"

namespace belay::steps {

/// How a program of a step says that it ended; what it does not say is not guessed: without a
/// result, what it did is unknown.
struct ToolVerdict {
  json::Value output;  ///< An object.
  std::optional<engine::Failure> failure;
  bool unknown = false;  ///< It is not known whether it took effect.
  std::int64_t retryAfterMs = 0;
};
ToolVerdict judgeTool(const runtime::Attempt& attempt, const ToolPlan& plan,
                      const jobs::JobOutcome& outcome);

/// Of a step whose job was ended by its deadline: kStepTimeout.
base::Error timeoutOf(const runtime::Attempt& attempt);
/// The failure that an error becomes, with the class that retry.on can name.
engine::Failure toolFailure(const base::Error& error, bool nothingLeft);

}  // namespace belay::steps
