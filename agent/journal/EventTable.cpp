#include "agent/journal/EventTable.h"

#include <algorithm>

#include "agent/journal/Chain.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using base::Status;

Error chainBroken(std::string_view run, std::uint64_t seq, std::string_view why) {
  return Error{
      ErrorCode::kJournalChainBroken,
      "run " + std::string(run) + ", event " + std::to_string(seq) + ": " + std::string(why),
      {"belay explain BLY-JOURNAL-CHAIN-BROKEN"}};
}

EventTable::EventTable(Session& session, ScrubTable& scrubs)
    : session_(session),
      scrubs_(scrubs),
      insert_(session.database(), "append event",
              "INSERT INTO events (run, seq, at_ms, name, body, hash) VALUES (?,?,?,?,?,?)"),
      last_(session.database(), "find the head of a run",
            "SELECT seq, hash FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1"),
      hashAt_(session.database(), "find an event",
              "SELECT seq, hash FROM events WHERE run = ? AND seq = ?"),
      after_(session.database(), "read events",
             "SELECT seq, at_ms, name, body, hash FROM events WHERE run = ? AND seq > ?"
             " ORDER BY seq LIMIT ?"),
      newest_(session.database(), "read the last events",
              "SELECT e.run, e.seq, e.at_ms, e.name, e.body, e.hash, r.id, p.hash"
              " FROM events AS e LEFT JOIN runs AS r ON r.number = e.run"
              " LEFT JOIN events AS p ON p.run = e.run AND p.seq = e.seq - 1"
              " ORDER BY e.place DESC LIMIT ?") {}

Status EventTable::append(RunHead& head, std::string_view name, std::int64_t atMs,
                          std::string_view body) {
  RunHead next{head.number, head.seq + 1, {}};
  next.hash = runChainNext(head.hash, next.seq, atMs, name, body);
  BELAY_TRY(session_.write(insert_, next.number, next.seq, atMs, name, body, next.hash));
  head = next;
  return {};
}

namespace {

Result<RunHead> readHead(sqlite::Execution& rows, std::int64_t number, const RunId& id) {
  RunHead head{number, static_cast<std::uint64_t>(rows.integer(0)), {}};
  if (!copyHash(rows.blob(1), head.hash)) {
    return chainBroken(id.str(), head.seq, "its hash is damaged");
  }
  return head;
}

}  // namespace

Result<RunHead> EventTable::head(std::int64_t number, const RunId& id) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(last_, number);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return RunHead{number, 0, runChainStart(id.str())};
  return readHead(rows, number, id);
}

Result<RunHead> EventTable::headAt(std::int64_t number, const RunId& id, std::uint64_t seq) {
  if (seq == 0) return RunHead{number, 0, runChainStart(id.str())};
  sqlite::Execution rows(hashAt_, number, seq);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return chainBroken(id.str(), seq, "it is missing");
  return readHead(rows, number, id);
}

Result<std::vector<EventRow>> EventTable::read(std::int64_t number, const RunId& id,
                                               std::uint64_t after, std::size_t most) {
  BELAY_TRY(session_.usable());
  std::vector<EventRow> found;
  sqlite::Execution rows(after_, number, after, most);
  BELAY_ASSIGN(bool more, rows.next());
  if (!more) return found;
  BELAY_ASSIGN(RunHead before, headAt(number, id, after));
  while (more) {
    EventRow row{static_cast<std::uint64_t>(rows.integer(0)), rows.string(2), rows.integer(1),
                 rows.string(3)};
    if (row.seq != before.seq + 1) return chainBroken(id.str(), before.seq + 1, "it is missing");
    const Hash expected = runChainNext(before.hash, row.seq, row.atMs, row.name, row.body);
    before.seq = row.seq;
    if (!copyHash(rows.blob(4), before.hash))
      return chainBroken(id.str(), row.seq, "its hash is damaged");
    BELAY_ASSIGN(const bool fits, scrubs_.explains(id.str(), row.seq, before.hash, expected));
    if (!fits) return chainBroken(id.str(), row.seq, "its hash does not match");
    found.push_back(std::move(row));
    BELAY_ASSIGN(more, rows.next());
  }
  return found;
}

Status EventTable::checkLast(std::size_t most) {
  sqlite::Execution rows(newest_, most);
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    const auto seq = static_cast<std::uint64_t>(rows.integer(1));
    if (rows.isNull(6)) {
      const std::string number = "number " + std::to_string(rows.integer(0));
      return chainBroken(number, seq, "its run is missing");
    }
    const std::string_view run = rows.text(6);
    Hash previous = runChainStart(run);
    if (seq != 1 && !copyHash(rows.blob(7), previous)) {
      return chainBroken(run, seq - 1, "it is missing");
    }
    const Hash expected = runChainNext(previous, seq, rows.integer(2), rows.text(3), rows.text(4));
    Hash hash{};
    if (!copyHash(rows.blob(5), hash)) return chainBroken(run, seq, "its hash is damaged");
    BELAY_ASSIGN(const bool fits, scrubs_.explains(run, seq, hash, expected));
    if (!fits) return chainBroken(run, seq, "its hash does not match");
  }
}

}  // namespace belay::journal
