#pragma once

#include "agent/runtime/Performer.h"
#include "agent/triggers/Events.h"

namespace belay::triggers {

/// `emit`: tells the host of an event, as `belay event emit` does. The waits that it answers and the
/// runs that it starts stand in the transaction that records the step: exactly once.
///
///   event: NAME, body: anything
/// Output: {answered, runs, refused?, skipped?}.
///
/// Threads:   the loop.
/// Ownership: borrows the events.
/// Errors:    kInvalidArgument for a name of more than 200 bytes; those of the expressions.
class EmitStep final : public runtime::InlineStep {
 public:
  explicit EmitStep(Events& events) : events_(events) {}

  base::Result<runtime::InlineOutcome> perform(const runtime::InlineContext& context) override;

 private:
  Events& events_;
};

}  // namespace belay::triggers
