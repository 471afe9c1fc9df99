#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "agent/triggers/Occurrence.h"

namespace belay::triggers {

/// How late a due time may be found and still count as due just now, if nothing newer is due.
inline constexpr std::chrono::seconds kOnTime{60};
/// How many rows one plan makes at most for single due times, and as many again for those of off
/// periods; older ones share rows.
inline constexpr std::size_t kSingleRowsMax = 1000;

/// A time in which the schedule is off: [from, until), or without end.
struct OffPeriod {
  Instant from;
  std::optional<Instant> until;
  SkipReason reason = SkipReason::kPaused;  ///< kPaused or kDisabled.
};

/// What the ledger knows of one schedule, as far as a plan needs it.
struct LedgerView {
  /// Every due time up to here has its row. To begin with: when the schedule came to life.
  Instant handledUntil;
  /// Rows that run and have not been started.
  std::vector<Occurrence> pending;
  /// Due times whose run has been started, as far as they are after `handledUntil`, or after the
  /// clock where that is earlier. Empty unless the clock was put back.
  std::vector<Instant> started;
  /// When the clock is before `handledUntil`: the rows of several due times that end after it.
  std::vector<Occurrence> ahead;
  /// When the newest catch-up starts or started.
  std::optional<Moment> lastCatchUp;
};

/// What to write to the ledger, all in one transaction, and what to wait for.
struct Plan {
  /// First: delete the rows that were not started and are due after this. Their due times did not
  /// come: the clock was put back. They get rows again when they come.
  std::optional<Instant> voidAfter;
  /// Then: insert these rows, or put them in the place of the row with the same `due`. Ascending.
  std::vector<Occurrence> rows;
  /// The next LedgerView::handledUntil.
  Instant handledUntil;
  /// When to plan again at the latest, or to start a row; nothing: not before something changes.
  std::optional<Moment> wakeAt;
};

/// Decides about every due time that has passed and has no row, and about rows that should have
/// been started and were not. Call it at `wakeAt`, after a start, after the host was suspended,
/// after the clock was set, and, with the old schedule, before a schedule changes. Then start the
/// rows whose `runAt` has passed.
///
///  - The newest due time runs ("ran") if it is at most kOnTime old, `jitterOf` later than due.
///  - All older ones, and rows not started kOnTime after their time, were missed: `on_missed`,
///    `max` and `window` say which are caught up. The first catch-up starts `jitterOf` from now,
///    each other `spacing` after the one before it, also over several plans.
///  - Due times in an off period are skipped, and so are rows that waited for their start when it
///    began: being off and on again never makes a catch-up. While off, nothing is started.
///  - Each due time has one row, or is counted in one. Of more than kSingleRowsMax due times the
///    older ones share rows, one for each reason and stretch of time.
///  - A clock that was put back: rows of due times that are yet to come are void unless started,
///    and what was started never runs again. A row that would wait for its start longer than jitter
///    and spacings explain was decided by a clock that was ahead: it gets a new time.
///
/// Pure: the same arguments give the same plan. Its work is bounded by the days that have passed,
/// the off periods and the rows in `ledger`, not by how often the schedule was due.
/// `off` is ascending and does not overlap.
Plan plan(const Schedule& schedule, const LedgerView& ledger, const std::vector<OffPeriod>& off,
          Moment now);

}  // namespace belay::triggers
