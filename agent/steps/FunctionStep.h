#pragma once

#include "agent/runtime/Performer.h"

namespace belay::steps {

/// `function`: calls a function of the flow (`name`) or `code` with `input`, by default the run's.
/// Threads: the loop.
class FunctionStep final : public runtime::InlineStep {
 public:
  base::Result<runtime::InlineOutcome> perform(const runtime::InlineContext& context) override;
};

}  // namespace belay::steps
