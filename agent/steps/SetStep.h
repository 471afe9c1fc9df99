#pragma once

#include "agent/runtime/Performer.h"

namespace belay::steps {

/// `set`: replaces members of the run's state. Its output is what it set. Threads: the loop.
class SetStep final : public runtime::InlineStep {
 public:
  base::Result<runtime::InlineOutcome> perform(const runtime::InlineContext& context) override;
};

}  // namespace belay::steps
