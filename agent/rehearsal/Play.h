#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/engine/RunState.h"
#include "agent/flow/Flow.h"
#include "agent/journal/Rows.h"
#include "agent/rehearsal/Scenario.h"
#include "agent/rehearsal/StageWorld.h"
#include "common/base/Result.h"

namespace belay::rehearsal {

/// A checked flow and its content as a journal keeps it.
struct Script {
  flow::Flow flow;
  journal::FlowRow row;
};

/// A run that was rehearsed, to its end or to where it could not go on.
struct Played {
  engine::RunState state;
  std::vector<journal::EventRow> events;
  std::string missing;              ///< Step that the scenario has no answer for; empty: none.
  std::string stuck;                ///< Why it did not end, when it did not; empty: it did.
  std::vector<std::string> unused;  ///< Answers that nobody asked for.
  std::int64_t tookMs = 0;          ///< Simulated.
};

/// Runs a flow without the world: the same engine, loop, journal and expressions as on a host, a
/// clock that leaps to whatever is due next, and answers from the scenario. Nothing leaves the
/// process but files in a folder of its own, which is removed.
///
/// `scripts`: the first one runs; the others are live, for flows that it starts. `load` gives
/// resources that recorded answers name.
///
/// Threads: any, blocks.
/// Errors:  kInputInvalid and others of a start; kIo for the folder.
base::Result<Played> play(const std::vector<Script>& scripts, const Scenario& scenario,
                          const StageOutputs::Load& load);

}  // namespace belay::rehearsal
