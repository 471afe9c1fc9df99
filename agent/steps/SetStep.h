#pragma once

#include <cstddef>

#include "agent/runtime/Performer.h"

namespace belay::steps {

/// `set`: replaces members of the run's state. Its output is what it set. Threads: the loop.
/// Errors: kLimit when the state would be larger than kStateBytesMax: each event of a set holds it.
class SetStep final : public runtime::InlineStep {
 public:
  static constexpr std::size_t kStateBytesMax = 256u << 10;

  base::Result<runtime::InlineOutcome> perform(const runtime::InlineContext& context) override;
};

}  // namespace belay::steps
