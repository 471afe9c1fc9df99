#pragma once

#include <vector>

#include "agent/journal/ScheduleTable.h"
#include "agent/triggers/Plan.h"
#include "common/base/Result.h"

namespace belay::triggers {

// Between what the journal keeps of a schedule and what plan() works with. Threads: the journal's
// owner.

/// A moment of the wall clock.
Moment momentOf(std::int64_t wallMs);
/// A due time as the journal keeps it.
std::int64_t secondsOf(Instant due);
Instant instantOf(std::int64_t seconds);

Occurrence occurrenceOf(const journal::OccurrenceRow& row);
/// A row that was just decided, by the schedule of a release.
journal::OccurrenceRow rowOf(const Occurrence& occurrence, const journal::ScheduleRow& schedule,
                             std::int64_t nowMs);

/// What plan() needs to know at `now`.
base::Result<LedgerView> viewOf(journal::ScheduleTable& table, const journal::ScheduleRow& schedule,
                                Moment now);
/// Since when the schedule is off and why, if it is: at most two periods, of which the last has no
/// end. Periods that have ended do not matter, because what was due in them has its rows.
std::vector<OffPeriod> offPeriods(const journal::ScheduleRow& schedule, Moment now);

}  // namespace belay::triggers
