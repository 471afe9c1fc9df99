#include "agent/journal/TimerTable.h"

#include <algorithm>

#define BELAY_TIMER_QUERY                                                         \
  "SELECT t.run, r.id, t.key, t.boot_id, t.due_boot_ms, t.due_wall_ms, t.on_wall" \
  " FROM timers AS t JOIN runs AS r ON r.number = t.run "

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

// The rebase clamps what is left between nothing and what was left when the timer was armed.
TimerTable::TimerTable(Session& session, const base::Clock& clock)
    : session_(session),
      clock_(clock),
      put_(session.database(), "arm timer",
           "INSERT OR REPLACE INTO timers"
           " (run, key, boot_id, due_boot_ms, due_wall_ms, left_ms, on_wall)"
           " VALUES (?,?,?,?,?,?,?)"),
      remove_(session.database(), "disarm timer", "DELETE FROM timers WHERE run = ? AND key = ?"),
      removeOf_(session.database(), "disarm timers", "DELETE FROM timers WHERE run = ?"),
      find_(session.database(), "read timer", BELAY_TIMER_QUERY "WHERE t.run = ? AND t.key = ?"),
      dueBoot_(session.database(), "read due timers",
               BELAY_TIMER_QUERY
               "WHERE t.on_wall = 0 AND t.due_boot_ms <= ?"
               " ORDER BY t.due_boot_ms LIMIT ?"),
      dueWall_(session.database(), "read due timers",
               BELAY_TIMER_QUERY
               "WHERE t.on_wall = 1 AND t.due_wall_ms <= ?"
               " ORDER BY t.due_wall_ms LIMIT ?"),
      nextBoot_(session.database(), "read the next timer",
                "SELECT due_boot_ms FROM timers WHERE on_wall = 0 ORDER BY due_boot_ms LIMIT 1"),
      nextWall_(session.database(), "read the next timer",
                "SELECT due_wall_ms FROM timers WHERE on_wall = 1 ORDER BY due_wall_ms LIMIT 1"),
      rebase_(session.database(), "move timers to this boot",
              "UPDATE timers SET boot_id = ?1,"
              " due_boot_ms = ?2 + max(0, min(left_ms, due_wall_ms - ?3)),"
              " left_ms = max(0, min(left_ms, due_wall_ms - ?3))"
              " WHERE on_wall = 0 AND boot_id <> ?1") {}

Status TimerTable::put(const TimerRow& row) {
  const std::int64_t left = row.dueBootMs - clock_.sinceBoot().count();
  return session_.write(put_, row.runNumber, row.key, row.bootId, row.dueBootMs, row.dueWallMs,
                        std::max<std::int64_t>(left, 0), row.onWallClock ? 1 : 0);
}

Status TimerTable::remove(std::int64_t runNumber, std::string_view key) {
  return session_.write(remove_, runNumber, key);
}

Status TimerTable::removeOf(std::int64_t runNumber) { return session_.write(removeOf_, runNumber); }

Status TimerTable::collect(sqlite::Execution& rows, std::size_t most, std::vector<TimerRow>& into) {
  while (into.size() < most) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    auto run = base::RunId::parse(rows.text(1));
    if (!run.ok()) {
      return Error{ErrorCode::kJournalCorrupt,
                   "the id of run " + std::to_string(rows.integer(0)) + " is damaged"};
    }
    TimerRow row;
    row.runNumber = rows.integer(0);
    row.run = std::move(run).value();
    row.key = rows.string(2);
    row.bootId = rows.string(3);
    row.dueBootMs = rows.integer(4);
    row.dueWallMs = rows.integer(5);
    row.onWallClock = rows.integer(6) != 0;
    into.push_back(std::move(row));
  }
  return {};
}

Result<std::optional<TimerRow>> TimerTable::find(std::int64_t runNumber, std::string_view key) {
  BELAY_TRY(session_.usable());
  std::vector<TimerRow> found;
  sqlite::Execution rows(find_, runNumber, key);
  BELAY_TRY(collect(rows, 1, found));
  if (found.empty()) return std::optional<TimerRow>();
  return std::optional<TimerRow>(std::move(found.front()));
}

Result<std::vector<TimerRow>> TimerTable::due(std::int64_t bootMs, std::int64_t wallMs,
                                              std::size_t most) {
  BELAY_TRY(session_.usable());
  std::vector<TimerRow> found;
  sqlite::Execution boot(dueBoot_, bootMs, most);
  BELAY_TRY(collect(boot, most, found));
  sqlite::Execution wall(dueWall_, wallMs, most);
  BELAY_TRY(collect(wall, most, found));
  return found;
}

Result<NextDue> TimerTable::next() {
  BELAY_TRY(session_.usable());
  NextDue due;
  sqlite::Execution boot(nextBoot_);
  BELAY_ASSIGN(const bool onBoot, boot.next());
  if (onBoot) due.bootMs = boot.integer(0);
  sqlite::Execution wall(nextWall_);
  BELAY_ASSIGN(const bool onWall, wall.next());
  if (onWall) due.wallMs = wall.integer(0);
  return due;
}

Status TimerTable::rebase(std::string_view bootId, std::int64_t bootMs, std::int64_t wallMs) {
  return session_.write(rebase_, bootId, bootMs, wallMs);
}

}  // namespace belay::journal
