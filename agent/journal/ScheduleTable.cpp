#include "agent/journal/ScheduleTable.h"

#include <limits>

#define BELAY_SCHEDULE_QUERY                                                              \
  "SELECT number, slug, id, digest, release, since_s, handled_until_s, last_catch_up_ms," \
  " paused_since_s, paused_by, disabled_since_s FROM schedules "
#define BELAY_OCCURRENCE_QUERY                                                            \
  "SELECT schedule, due_s, last_s, count, outcome, reason, note, state, run_at_ms, by_s," \
  " run, release, decided_ms FROM occurrences "
#define BELAY_OLD_ROWS                                                   \
  "SELECT o.schedule, o.due_s FROM schedules AS s JOIN occurrences AS o" \
  " ON o.schedule = s.number AND o.due_s < ?1 WHERE o.last_s < ?1 AND o.state <> 0 "

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

ScheduleRow readSchedule(const sqlite::Execution& at) {
  ScheduleRow row;
  row.number = at.integer(0);
  row.slug = at.string(1);
  row.id = at.string(2);
  row.digest = at.string(3);
  row.release = at.integer(4);
  row.sinceS = at.integer(5);
  row.handledUntilS = at.integer(6);
  row.lastCatchUpMs = at.integer(7);
  row.pausedSinceS = at.integer(8);
  row.pausedBy = at.string(9);
  row.disabledSinceS = at.integer(10);
  return row;
}

Result<std::vector<ScheduleRow>> schedulesOf(sqlite::Execution& rows) {
  std::vector<ScheduleRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(readSchedule(rows));
  }
}

Result<OccurrenceRow> readOccurrence(const sqlite::Execution& at) {
  constexpr std::int64_t kByteMax = std::numeric_limits<std::uint8_t>::max();
  OccurrenceRow row;
  row.schedule = at.integer(0);
  row.dueS = at.integer(1);
  row.lastS = at.integer(2);
  const std::int64_t count = at.integer(3), outcome = at.integer(4), reason = at.integer(5);
  const std::int64_t state = at.integer(7);
  const auto isByte = [](std::int64_t value) { return value >= 0 && value <= kByteMax; };
  if (count < 1 || row.lastS < row.dueS || !isByte(outcome) || !isByte(reason) || state < 0 ||
      state > static_cast<std::int64_t>(OccurrenceState::kSettled)) {
    return Error{ErrorCode::kJournalCorrupt, "the row of schedule " + std::to_string(row.schedule) +
                                                 " due at " + std::to_string(row.dueS) +
                                                 " is damaged"};
  }
  row.count = static_cast<std::uint64_t>(count);
  row.outcome = static_cast<std::uint8_t>(outcome);
  row.reason = static_cast<std::uint8_t>(reason);
  row.note = at.string(6);
  row.state = static_cast<OccurrenceState>(state);
  row.runAtMs = at.integer(8);
  row.byS = at.integer(9);
  row.run = at.string(10);
  row.release = at.integer(11);
  row.decidedMs = at.integer(12);
  return row;
}

}  // namespace

ScheduleTable::ScheduleTable(Session& session)
    : session_(session),
      put_(session.database(), "keep schedule",
           "INSERT INTO schedules (slug, id, digest, release, since_s, handled_until_s,"
           " last_catch_up_ms, paused_since_s, paused_by, disabled_since_s)"
           " VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (slug, id) DO UPDATE SET"
           " digest = excluded.digest, release = excluded.release, since_s = excluded.since_s,"
           " handled_until_s = excluded.handled_until_s,"
           " last_catch_up_ms = excluded.last_catch_up_ms,"
           " paused_since_s = excluded.paused_since_s, paused_by = excluded.paused_by,"
           " disabled_since_s = excluded.disabled_since_s"),
      all_(session.database(), "list schedules", BELAY_SCHEDULE_QUERY "ORDER BY slug, id"),
      ofFlow_(session.database(), "list schedules of a flow",
              BELAY_SCHEDULE_QUERY "WHERE slug = ? ORDER BY id"),
      find_(session.database(), "find schedule", BELAY_SCHEDULE_QUERY "WHERE slug = ? AND id = ?"),
      putRow_(session.database(), "write the ledger of a schedule",
              "INSERT OR REPLACE INTO occurrences (schedule, due_s, last_s, count, outcome, reason,"
              " note, state, run_at_ms, by_s, run, release, decided_ms)"
              " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"),
      dropAfter_(session.database(), "take back rows of a schedule",
                 "DELETE FROM occurrences WHERE schedule = ? AND due_s > ? AND state <> 1"),
      waiting_(session.database(), "read what waits for its start",
               BELAY_OCCURRENCE_QUERY "WHERE schedule = ? AND state = 0 ORDER BY run_at_ms, due_s"),
      startedAfter_(session.database(), "read what was started",
                    "SELECT due_s FROM occurrences WHERE schedule = ? AND due_s > ? AND state = 1"
                    " ORDER BY due_s"),
      endingAfter_(session.database(), "read rows of several due times",
                   BELAY_OCCURRENCE_QUERY
                   "WHERE schedule = ? AND count > 1 AND last_s > ? ORDER BY due_s"),
      before_(session.database(), "read the ledger of a schedule",
              BELAY_OCCURRENCE_QUERY
              "WHERE schedule = ? AND due_s < ? ORDER BY due_s DESC LIMIT ?"),
      hasOld_(session.database(), "look for old rows of schedules", BELAY_OLD_ROWS "LIMIT 1"),
      prune_(session.database(), "remove old rows of schedules",
             "DELETE FROM occurrences WHERE (schedule, due_s) IN (" BELAY_OLD_ROWS "LIMIT ?2)"),
      lastChange_(session.database(), "look for changes of flows",
                  "SELECT max(number) FROM flow_changes"),
      changed_(session.database(), "find flows that changed",
               "SELECT DISTINCT slug FROM flow_changes WHERE number > ? ORDER BY slug") {}

Status ScheduleTable::put(ScheduleRow& row) {
  BELAY_TRY(session_.write(put_, row.slug, row.id, row.digest, row.release, row.sinceS,
                           row.handledUntilS, row.lastCatchUpMs, row.pausedSinceS, row.pausedBy,
                           row.disabledSinceS));
  if (row.number != 0) return {};
  BELAY_ASSIGN(const auto kept, find(row.slug, row.id));
  BELAY_CHECK(kept.has_value());
  row.number = kept->number;
  return {};
}

Result<std::vector<ScheduleRow>> ScheduleTable::all() {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(all_);
  return schedulesOf(rows);
}

Result<std::vector<ScheduleRow>> ScheduleTable::ofFlow(std::string_view slug) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(ofFlow_, slug);
  return schedulesOf(rows);
}

Result<std::optional<ScheduleRow>> ScheduleTable::find(std::string_view slug, std::string_view id) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(find_, slug, id);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? std::optional(readSchedule(rows)) : std::nullopt;
}

Status ScheduleTable::putOccurrence(const OccurrenceRow& row) {
  return session_.write(putRow_, row.schedule, row.dueS, row.lastS, row.count,
                        static_cast<int>(row.outcome), static_cast<int>(row.reason), row.note,
                        static_cast<int>(row.state), row.runAtMs, row.byS, row.run, row.release,
                        row.decidedMs);
}

Status ScheduleTable::dropAfter(std::int64_t schedule, std::int64_t dueS) {
  return session_.write(dropAfter_, schedule, dueS);
}

Result<std::vector<OccurrenceRow>> ScheduleTable::collect(sqlite::Execution& rows) {
  std::vector<OccurrenceRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    BELAY_ASSIGN(OccurrenceRow row, readOccurrence(rows));
    out.push_back(std::move(row));
  }
}

Result<std::vector<OccurrenceRow>> ScheduleTable::waiting(std::int64_t schedule) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(waiting_, schedule);
  return collect(rows);
}

Result<std::vector<std::int64_t>> ScheduleTable::startedAfter(std::int64_t schedule,
                                                              std::int64_t dueS) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(startedAfter_, schedule, dueS);
  std::vector<std::int64_t> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(rows.integer(0));
  }
}

Result<std::vector<OccurrenceRow>> ScheduleTable::endingAfter(std::int64_t schedule,
                                                              std::int64_t timeS) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(endingAfter_, schedule, timeS);
  return collect(rows);
}

Result<std::vector<OccurrenceRow>> ScheduleTable::before(std::int64_t schedule,
                                                         std::int64_t beforeS, std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(before_, schedule, beforeS, most);
  return collect(rows);
}

Result<std::uint64_t> ScheduleTable::prune(std::int64_t beforeS, std::size_t most) {
  BELAY_TRY(session_.usable());
  {
    // Where there is nothing to remove, nothing is written.
    sqlite::Execution rows(hasOld_, beforeS);
    BELAY_ASSIGN(const bool found, rows.next());
    if (!found) return std::uint64_t{0};
  }
  BELAY_TRY(session_.write(prune_, beforeS, most));
  return static_cast<std::uint64_t>(session_.database().changes());
}

Result<ScheduleTable::Changed> ScheduleTable::flowsChangedAfter(std::int64_t number) {
  BELAY_TRY(session_.usable());
  Changed out;
  {
    sqlite::Execution rows(lastChange_);
    BELAY_ASSIGN(const bool found, rows.next());
    if (found) out.last = rows.integer(0);
  }
  if (out.last <= number) return out;
  sqlite::Execution rows(changed_, number);
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.slugs.push_back(rows.string(0));
  }
}

}  // namespace belay::journal
