#pragma once

#include <cstdint>
#include <string>

#include "agent/runtime/Core.h"
#include "agent/runtime/RunScope.h"

namespace belay::runtime {

class Steps;

/// What takes the effects of steps back (`compensate:`). It is rendered when its step succeeds and
/// kept in that event; when the run fails or is stopped it is performed as a step of its own, the
/// latest first, on the way of all other steps: policy, journal, performer, retry.
///
/// Threads: the loop.
/// Errors:  those of Steps.
class Compensations {
 public:
  Compensations(Core& core, Steps& steps) : core_(core), steps_(steps) {}

  /// Adds to the end of a step that has succeeded what would undo it. Errors: of its expressions,
  /// which fail the step.
  base::Status attach(LiveRun& run, const flow::Step& step, engine::StepFinished& finished);
  /// Begins the undo that is due; nothing when there is none, or one is under way.
  base::Status start(LiveRun& run);
  /// Whether a run may begin a step: there is room for what would undo it, which names no secrets
  /// but those of the flow, as far as that is known before the effect. Errors: kLimit,
  /// kFlowSecretMisplaced.
  static base::Status mayBegin(const LiveRun& run, const flow::Step& step, const std::string& path);

 private:
  base::Result<std::string> renderedOf(const engine::Undo& undo) const;

  Core& core_;
  Steps& steps_;
};

}  // namespace belay::runtime
