#include "agent/triggers/Ledger.h"

#include <algorithm>

namespace belay::triggers {

using base::Result;
using journal::OccurrenceRow;
using journal::OccurrenceState;
using journal::ScheduleRow;

// The journal keeps both as numbers: another order would change what its rows mean.
static_assert(int(Outcome::kRan) == 0 && int(Outcome::kCaughtUp) == 1 &&
              int(Outcome::kSkipped) == 2 && int(Outcome::kSuperseded) == 3 &&
              int(Outcome::kCount) == 4);
static_assert(int(SkipReason::kNone) == 0 && int(SkipReason::kMissed) == 1 &&
              int(SkipReason::kTooOld) == 2 && int(SkipReason::kOverMax) == 3 &&
              int(SkipReason::kPaused) == 4 && int(SkipReason::kDisabled) == 5 &&
              int(SkipReason::kRefused) == 6 && int(SkipReason::kCount) == 7);

Moment momentOf(std::int64_t wallMs) { return Moment{std::chrono::milliseconds{wallMs}}; }
std::int64_t secondsOf(Instant due) { return due.time_since_epoch().count(); }
Instant instantOf(std::int64_t seconds) { return Instant{std::chrono::seconds{seconds}}; }

Occurrence occurrenceOf(const OccurrenceRow& row) {
  Occurrence out;
  out.due = instantOf(row.dueS);
  out.last = instantOf(row.lastS);
  out.count = row.count;
  // A row of a later version says at least that it does not run.
  const bool known = row.outcome < static_cast<std::uint8_t>(Outcome::kCount);
  out.outcome = known ? static_cast<Outcome>(row.outcome) : Outcome::kSkipped;
  if (row.reason < static_cast<std::uint8_t>(SkipReason::kCount))
    out.reason = static_cast<SkipReason>(row.reason);
  out.runAt = momentOf(row.runAtMs);
  if (row.byS != 0) out.by = instantOf(row.byS);
  out.note = row.note;
  return out;
}

OccurrenceRow rowOf(const Occurrence& occurrence, const ScheduleRow& schedule, std::int64_t nowMs) {
  OccurrenceRow row;
  row.schedule = schedule.number;
  row.dueS = secondsOf(occurrence.due);
  row.lastS = secondsOf(occurrence.last);
  row.count = occurrence.count;
  row.outcome = static_cast<std::uint8_t>(occurrence.outcome);
  row.reason = static_cast<std::uint8_t>(occurrence.reason);
  row.note = occurrence.note;
  row.state = occurrence.runs() ? OccurrenceState::kWaiting : OccurrenceState::kSettled;
  row.runAtMs = occurrence.runAt.time_since_epoch().count();
  row.byS = occurrence.by ? secondsOf(*occurrence.by) : 0;
  row.release = schedule.release;
  row.decidedMs = nowMs;
  return row;
}

Result<LedgerView> viewOf(journal::ScheduleTable& table, const ScheduleRow& schedule, Moment now) {
  LedgerView view;
  view.handledUntil = instantOf(schedule.handledUntilS);
  if (schedule.lastCatchUpMs != 0) view.lastCatchUp = momentOf(schedule.lastCatchUpMs);
  BELAY_ASSIGN(const std::vector<OccurrenceRow> waiting, table.waiting(schedule.number));
  for (const OccurrenceRow& row : waiting) view.pending.push_back(occurrenceOf(row));
  const Instant second = std::chrono::floor<std::chrono::seconds>(now);
  const std::int64_t border = secondsOf(std::min(second, view.handledUntil));
  BELAY_ASSIGN(const std::vector<std::int64_t> started,
               table.startedAfter(schedule.number, border));
  for (const std::int64_t due : started) view.started.push_back(instantOf(due));
  if (second >= view.handledUntil) return view;
  BELAY_ASSIGN(const std::vector<OccurrenceRow> ahead,
               table.endingAfter(schedule.number, secondsOf(second)));
  for (const OccurrenceRow& row : ahead) view.ahead.push_back(occurrenceOf(row));
  return view;
}

std::vector<OffPeriod> offPeriods(const ScheduleRow& schedule, Moment now) {
  const Instant second = std::chrono::floor<std::chrono::seconds>(now);
  // A clock that was put back does not switch anything on.
  const auto since = [&](std::int64_t seconds) { return std::min(instantOf(seconds), second); };
  std::vector<OffPeriod> out;
  if (schedule.pausedSinceS != 0)
    out.push_back({since(schedule.pausedSinceS), std::nullopt, SkipReason::kPaused});
  if (schedule.disabledSinceS == 0) return out;
  const Instant disabled = since(schedule.disabledSinceS);
  if (!out.empty() && out.front().from < disabled)
    out.front().until = disabled;
  else
    out.clear();
  out.push_back({disabled, std::nullopt, SkipReason::kDisabled});
  return out;
}

}  // namespace belay::triggers
