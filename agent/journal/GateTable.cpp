#include "agent/journal/GateTable.h"

#include <algorithm>

#define BELAY_GATE_QUERY                                                               \
  "SELECT g.request, g.wait, g.run, g.epoch, g.next, g.boot_id, g.boot_ms, g.wall_ms," \
  " g.age_ms, g.life_ms FROM gates AS g "
// From the open waits, of which there is an index.
#define BELAY_OPEN_GATES \
  BELAY_GATE_QUERY "JOIN waits AS w ON w.id = g.wait WHERE w.status = 0 AND w.kind = 0"

namespace belay::journal {

using base::Result;
using base::Status;

namespace {

// What the relay has been told of a gate.
constexpr std::int64_t kOpening = 1;
constexpr std::int64_t kEnd = 2;
// 3: it had no room for it (LinkTable).

/// A clock that is put right by so much was not set back.
constexpr std::int64_t kDriftMs = 5 * 60 * 1'000;

GateRow readGate(const sqlite::Execution& rows) {
  GateRow row;
  row.request = rows.string(0);
  row.wait = rows.string(1);
  row.runNumber = rows.integer(2);
  row.epoch = rows.string(3);
  row.next = rows.string(4);
  row.seen = {rows.string(5), rows.integer(6), rows.integer(7)};
  row.ageMs = rows.integer(8);
  row.lifeMs = rows.integer(9);
  return row;
}

}  // namespace

std::optional<std::int64_t> GateRow::ageAt(const HostMoment& now) const {
  if (now.bootId == seen.bootId) return ageMs + std::max<std::int64_t>(now.bootMs - seen.bootMs, 0);
  if (now.wallMs < seen.wallMs - kDriftMs) return std::nullopt;
  return ageMs + std::max(now.bootMs, now.wallMs - seen.wallMs);
}

GateTable::GateTable(Session& session)
    : session_(session),
      add_(session.database(), "open a gate",
           "INSERT INTO gates (request, wait, run, epoch, told, next, boot_id, boot_ms, wall_ms,"
           " age_ms, life_ms) VALUES (?,?,?,?,0,?,?,?,?,?,?)"),
      find_(session.database(), "find a gate", BELAY_GATE_QUERY "WHERE g.request = ?"),
      ofOtherEpochs_(session.database(), "find gates of other epochs",
                     BELAY_OPEN_GATES " AND g.epoch <> ? LIMIT ?"),
      supersede_(session.database(), "supersede a gate",
                 "UPDATE gates SET next = ? WHERE request = ?"),
      open_(session.database(), "read open gates", BELAY_OPEN_GATES),
      setAge_(session.database(), "note a gate's age",
              "UPDATE gates SET boot_id = ?, boot_ms = ?, wall_ms = ?, age_ms = ?"
              " WHERE request = ?"),
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
      forgetTold_(session.database(), "forget gates",
                  "UPDATE gates SET told = 0 WHERE told IN (1, 3)") {}

Status GateTable::add(const GateRow& row) {
  return session_.write(add_, row.request, row.wait, row.runNumber, row.epoch, row.next,
                        row.seen.bootId, row.seen.bootMs, row.seen.wallMs, row.ageMs, row.lifeMs);
}

Status GateTable::supersede(std::string_view request, std::string_view next) {
  return session_.write(supersede_, next, request);
}

Status GateTable::setAge(const GateRow& row) {
  return session_.write(setAge_, row.seen.bootId, row.seen.bootMs, row.seen.wallMs, row.ageMs,
                        row.request);
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

Result<std::vector<GateRow>> GateTable::ofOtherEpochs(std::string_view epoch, std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(ofOtherEpochs_, epoch, most);
  return list(rows);
}

Result<std::vector<GateRow>> GateTable::open() {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(open_);
  return list(rows);
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
