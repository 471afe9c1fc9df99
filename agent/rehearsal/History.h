#pragma once

#include <string>
#include <vector>

#include "agent/flow/Flow.h"
#include "agent/journal/Rows.h"
#include "agent/rehearsal/Play.h"
#include "agent/rehearsal/Scenario.h"
#include "common/base/Result.h"

namespace belay::rehearsal {

/// The scenario that a recorded run was: its input, trigger, begin, and what its steps and waits
/// got, those that ran other flows among them. What a flow computes by itself (function, set,
/// switch, sleep, and code between its steps) is computed anew. Of a run that was retried, until it
/// ended first.
///
/// `events`: the whole history of the run; `flow`: what it was pinned to; `load` gives outputs that
/// are kept as resources.
/// Errors: kJournalCorrupt for what is no history; those of `load`.
base::Result<Scenario> scenarioOf(const std::string& name,
                                  const std::vector<journal::EventRow>& events,
                                  const flow::Flow& flow, const StageOutputs::Load& load);

/// A difference between a recorded run and its rehearsal with another content of the flow.
struct Change {
  enum class Kind : std::uint8_t {
    kPath,      ///< Another step came after `step`; as the first of a list: `step` is the list.
    kRendered,  ///< `step` does something else.
    kOutcome,   ///< The run, or `step`, ends in another way.
    kUnknown    ///< It cannot be said from `step` on: the record has no answer for it.
  };
  Kind kind = Kind::kPath;
  std::string step;  ///< Path; empty: the run as a whole.
  std::string was;
  std::string now;
};
std::string_view changeName(Change::Kind kind);

/// Where a rehearsal leaves the way that was recorded, and what its steps do otherwise. What has an
/// order is compared: the steps of one list, each branch, item and round for itself. Which of the
/// parts that run together is ahead of others is chance, and so is how far they had come when one of
/// them ended all. The first difference of a list ends it: what follows is another way.
std::vector<Change> compare(const std::vector<journal::EventRow>& recorded, const Played& played);

}  // namespace belay::rehearsal
