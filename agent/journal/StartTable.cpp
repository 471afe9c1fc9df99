#include "agent/journal/StartTable.h"

#include <utility>

#define BELAY_START_QUERY \
  "SELECT digest, person, key, what, outcome, code, run, run_id, at_ms, until_ms FROM starts "

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

StartTable::StartTable(Session& session)
    : session_(session),
      add_(session.database(), "keep a start",
           "INSERT INTO starts (digest, person, key, what, outcome, code, run, run_id, at_ms,"
           " until_ms) VALUES (?,?,?,?,?,?,?,?,?,?)"),
      find_(session.database(), "find a start",
            BELAY_START_QUERY "WHERE digest = ? AND person = ?"),
      accepted_(session.database(), "find a start by its key",
                BELAY_START_QUERY
                "WHERE person = ? AND key = ? AND outcome = 0 ORDER BY at_ms LIMIT 1"),
      runNumber_(session.database(), "find the row of a run",
                 "SELECT number FROM runs WHERE id = ?"),
      withoutRun_(session.database(), "count starts",
                  "SELECT count(*) FROM (SELECT 1 FROM starts WHERE run = 0 LIMIT ?)"),
      lastEnded_(session.database(), "find old starts",
                 "SELECT coalesce(max(until_ms), 0) FROM (SELECT until_ms FROM starts"
                 " WHERE run = 0 AND until_ms <= ? ORDER BY until_ms LIMIT ?)"),
      drop_(session.database(), "drop old starts",
            "DELETE FROM starts WHERE run = 0 AND until_ms <= ?") {}

Status StartTable::add(const StartRow& row) {
  return session_.write(add_, row.digest, row.person, row.key, row.what,
                        static_cast<std::int64_t>(row.outcome), row.code, row.runNumber, row.run,
                        row.atMs, row.untilMs);
}

Result<std::optional<StartRow>> StartTable::one(sqlite::Execution& rows) {
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<StartRow>{};
  const std::int64_t outcome = rows.integer(4);
  if (outcome < 0 || outcome >= static_cast<std::int64_t>(StartRow::Outcome::kCount)) {
    return Error{
        ErrorCode::kJournalCorrupt, "what became of a start is damaged", {"belay journal verify"}};
  }
  StartRow row;
  row.digest = rows.string(0);
  row.person = rows.string(1);
  row.key = rows.string(2);
  row.what = rows.string(3);
  row.outcome = static_cast<StartRow::Outcome>(outcome);
  row.code = rows.string(5);
  row.runNumber = rows.integer(6);
  row.run = rows.string(7);
  row.atMs = rows.integer(8);
  row.untilMs = rows.integer(9);
  return std::optional(std::move(row));
}

Result<std::optional<StartRow>> StartTable::find(std::string_view digest, std::string_view person) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(find_, digest, person);
  return one(rows);
}

Result<std::optional<StartRow>> StartTable::accepted(std::string_view person,
                                                     std::string_view key) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(accepted_, person, key);
  return one(rows);
}

Result<std::int64_t> StartTable::runNumber(std::string_view run) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(runNumber_, run);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? rows.integer(0) : 0;
}

Result<std::int64_t> StartTable::withoutRun(std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(withoutRun_, most);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? rows.integer(0) : 0;
}

Result<std::int64_t> StartTable::sweep(std::int64_t nowMs, std::size_t most) {
  BELAY_TRY(session_.usable());
  std::int64_t last = 0;
  {
    sqlite::Execution rows(lastEnded_, nowMs, most);
    BELAY_ASSIGN(const bool found, rows.next());
    if (found) last = rows.integer(0);
  }
  // The statement must be reset before another one writes.
  if (last > 0) BELAY_TRY(session_.write(drop_, last));
  return last;
}

}  // namespace belay::journal
