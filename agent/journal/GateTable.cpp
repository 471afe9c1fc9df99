#include "agent/journal/GateTable.h"

#define BELAY_GATE_QUERY "SELECT g.request, g.wait, g.boot_id, g.run FROM gates AS g "

namespace belay::journal {

using base::Result;
using base::Status;

namespace {

// What the relay has been told of a gate.
constexpr std::int64_t kOpening = 1;
constexpr std::int64_t kEnd = 2;

GateRow readGate(const sqlite::Execution& rows) {
  return {rows.string(0), rows.string(1), rows.string(2), rows.integer(3)};
}

}  // namespace

GateTable::GateTable(Session& session)
    : session_(session),
      add_(session.database(), "open a gate",
           "INSERT INTO gates (request, wait, boot_id, run, told) VALUES (?,?,?,?,0)"),
      find_(session.database(), "find a gate", BELAY_GATE_QUERY "WHERE g.request = ?"),
      addDecision_(session.database(), "keep a decision",
                   "INSERT INTO gate_decisions (run, request, kid, text, at_ms)"
                   " SELECT run, ?1, ?2, ?3, ?4 FROM gates WHERE request = ?1"),
      decisions_(session.database(), "read decisions",
                 "SELECT kid, text FROM gate_decisions WHERE request = ? ORDER BY number"),
      untold_(session.database(), "find new gates",
              BELAY_GATE_QUERY
              "JOIN waits AS w ON w.id = g.wait WHERE g.told = 0 AND w.status = 0"
              " ORDER BY w.number LIMIT ?"),
      over_(session.database(), "find gates that are over",
            BELAY_GATE_QUERY
            "JOIN waits AS w ON w.id = g.wait WHERE g.told = 1 AND w.status <> 0 LIMIT ?"),
      toldAfter_(session.database(), "list gates",
                 BELAY_GATE_QUERY
                 "JOIN waits AS w ON w.id = g.wait WHERE g.told = 1 AND w.status = 0"
                 " AND g.request > ? ORDER BY g.request LIMIT ?"),
      setTold_(session.database(), "note a gate", "UPDATE gates SET told = ? WHERE request = ?"),
      forgetTold_(session.database(), "forget gates", "UPDATE gates SET told = 0 WHERE told = 1") {}

Status GateTable::add(const GateRow& row) {
  return session_.write(add_, row.request, row.wait, row.bootId, row.runNumber);
}

Result<std::optional<GateRow>> GateTable::find(std::string_view request) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(find_, request);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<GateRow>();
  return std::optional<GateRow>(readGate(rows));
}

Status GateTable::addDecision(std::string_view request, const GateDecisionRow& row,
                              std::int64_t atMs) {
  return session_.write(addDecision_, request, row.kid, row.text, atMs);
}

Result<std::vector<GateDecisionRow>> GateTable::decisions(std::string_view request) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(decisions_, request);
  std::vector<GateDecisionRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back({rows.string(0), rows.string(1)});
  }
}

Result<std::vector<GateRow>> GateTable::list(sqlite::Execution& rows) {
  std::vector<GateRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(readGate(rows));
  }
}

Result<std::vector<GateRow>> GateTable::untold(std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(untold_, most);
  return list(rows);
}

Result<std::vector<GateRow>> GateTable::over(std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(over_, most);
  return list(rows);
}

Result<std::vector<GateRow>> GateTable::toldAfter(std::string_view request, std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(toldAfter_, request, most);
  return list(rows);
}

Status GateTable::setTold(std::string_view request, bool over) {
  return session_.write(setTold_, over ? kEnd : kOpening, request);
}

Status GateTable::forgetTold() { return session_.write(forgetTold_); }

}  // namespace belay::journal
