#include "agent/journal/LinkTable.h"

namespace belay::journal {

using base::Result;
using base::Status;

LinkTable::LinkTable(Session& session)
    : session_(session),
      addOutbox_(session.database(), "put into the outbox",
                 "INSERT INTO link_outbox (seq, kind, body, at_ms) VALUES (?,?,?,?)"),
      outbox_(session.database(), "read the outbox",
              "SELECT seq, kind, body FROM link_outbox WHERE seq > ? ORDER BY seq LIMIT ?"),
      dropOutbox_(session.database(), "empty the outbox", "DELETE FROM link_outbox WHERE seq <= ?"),
      outboxSize_(session.database(), "count the outbox", "SELECT count(*) FROM link_outbox"),
      addInbox_(session.database(), "note a message",
                "INSERT OR REPLACE INTO link_inbox (seq, kind, outcome, note, at_ms)"
                " VALUES (?,?,?,?,?)"),
      dropInbox_(session.database(), "forget old messages",
                 "DELETE FROM link_inbox WHERE seq <="
                 " (SELECT seq FROM link_inbox ORDER BY seq DESC LIMIT 1 OFFSET ?)"),
      inbox_(session.database(), "read the inbox",
             "SELECT seq, kind, outcome, note, at_ms FROM link_inbox ORDER BY seq DESC LIMIT ?"),
      lastWait_(session.database(), "find the newest wait",
                "SELECT coalesce(max(number), 0) FROM waits"),
      lastStatement_(session.database(), "find the newest statement",
                     "SELECT coalesce(max(number), 0) FROM statements"),
      // The index of open waits has their rows in order.
      callbacksAfter_(session.database(), "find open callbacks",
                      "SELECT number, id, expires_ms FROM waits INDEXED BY waits_open"
                      " WHERE status = 0 AND kind = 1 AND number > ? AND id NOT IN"
                      " (SELECT wait FROM link_callbacks) ORDER BY number LIMIT ?"),
      addAnnounced_(session.database(), "note a callback",
                    "INSERT OR IGNORE INTO link_callbacks (wait) VALUES (?)"),
      announcedAndClosed_(session.database(), "find closed callbacks",
                          "SELECT c.wait FROM link_callbacks c LEFT JOIN waits w ON w.id = c.wait"
                          " WHERE w.status IS NULL OR w.status <> 0 LIMIT ?"),
      dropAnnounced_(session.database(), "forget a callback",
                     "DELETE FROM link_callbacks WHERE wait = ?"),
      announced_(session.database(), "count callbacks", "SELECT count(*) FROM link_callbacks"),
      forgetAnnounced_(session.database(), "forget callbacks", "DELETE FROM link_callbacks"),
      // gates.told, as GateTable has it.
      holdRequest_(session.database(), "put a request off",
                   "UPDATE gates SET told = 3 WHERE request = ? AND told = 1"),
      retryRequests_(session.database(), "tell of requests again",
                     "UPDATE gates SET told = 0 WHERE request IN"
                     " (SELECT request FROM gates WHERE told = 3 LIMIT ?)"),
      heldRequests_(session.database(), "count requests",
                    "SELECT count(*) FROM gates AS g JOIN waits AS w ON w.id = g.wait"
                    " WHERE g.told = 3 AND w.status = 0"),
      heldCallbacks_(session.database(), "count callbacks",
                     "SELECT count(*) FROM waits INDEXED BY waits_open WHERE status = 0"
                     " AND kind = 1 AND id NOT IN (SELECT wait FROM link_callbacks)") {}

Status LinkTable::addOutbox(const OutboxRow& row, std::int64_t atMs) {
  return session_.write(addOutbox_, row.seq, row.kind, row.body, atMs);
}

Result<std::vector<OutboxRow>> LinkTable::outbox(std::int64_t after, std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(outbox_, after, most);
  std::vector<OutboxRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back({rows.integer(0), rows.string(1), rows.string(2)});
  }
}

Status LinkTable::dropOutbox(std::int64_t seq) { return session_.write(dropOutbox_, seq); }

Result<std::int64_t> LinkTable::outboxSize() { return number(outboxSize_); }

Status LinkTable::addInbox(const InboxRow& row, std::size_t most) {
  BELAY_TRY(session_.write(addInbox_, row.seq, row.kind, row.outcome, row.note, row.atMs));
  return session_.write(dropInbox_, most);
}

Result<std::vector<InboxRow>> LinkTable::inbox(std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(inbox_, most);
  std::vector<InboxRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(
        {rows.integer(0), rows.string(1), rows.string(2), rows.string(3), rows.integer(4)});
  }
}

Result<std::int64_t> LinkTable::number(sqlite::Statement& statement) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(statement);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? rows.integer(0) : 0;
}

Result<std::int64_t> LinkTable::lastWait() { return number(lastWait_); }

Result<std::int64_t> LinkTable::lastStatement() { return number(lastStatement_); }

Result<std::vector<CallbackRow>> LinkTable::callbacksAfter(std::int64_t after, std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(callbacksAfter_, after, most);
  std::vector<CallbackRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back({rows.integer(0), rows.string(1), rows.integer(2)});
  }
}

Status LinkTable::addAnnounced(std::string_view wait) {
  return session_.write(addAnnounced_, wait);
}

Result<std::vector<std::string>> LinkTable::announcedAndClosed(std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(announcedAndClosed_, most);
  std::vector<std::string> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(rows.string(0));
  }
}

Status LinkTable::dropAnnounced(std::string_view wait) {
  return session_.write(dropAnnounced_, wait);
}

Result<std::int64_t> LinkTable::announced() { return number(announced_); }

Status LinkTable::forgetAnnounced() { return session_.write(forgetAnnounced_); }

Status LinkTable::holdRequest(std::string_view request) {
  return session_.write(holdRequest_, request);
}

Status LinkTable::retryRequests(std::size_t most) { return session_.write(retryRequests_, most); }

Result<std::int64_t> LinkTable::heldRequests() { return number(heldRequests_); }

Result<std::int64_t> LinkTable::heldCallbacks() { return number(heldCallbacks_); }

}  // namespace belay::journal
