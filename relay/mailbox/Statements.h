#pragma once

#include "common/sqlite/Statement.h"
#include "relay/mailbox/SqliteMailbox.h"

namespace belay::mailbox {

// The texts of all statements; included by the sources of this folder only.

struct SqliteMailbox::Statements {
  explicit Statements(sqlite::Database& db)
      : begin(db, "begin", "BEGIN IMMEDIATE"),
        commit(db, "commit", "COMMIT"),
        rollback(db, "roll back", "ROLLBACK"),
        addToken(db, "add token",
                 "INSERT INTO tokens (digest, role, label, created_ms, expires_ms, host)"
                 " VALUES (?,?,?,?,?,?)"),
        token(db, "find token",
              "SELECT digest, role, label, created_ms, expires_ms, host FROM tokens"
              " WHERE digest = ?"),
        tokens(db, "list tokens",
               "SELECT digest, role, label, created_ms, expires_ms, host FROM tokens"
               " ORDER BY created_ms, digest"),
        tokensByPrefix(db, "find tokens",
                       "SELECT digest FROM tokens WHERE digest >= ? AND digest < ? LIMIT 2"),
        removeToken(db, "remove token", "DELETE FROM tokens WHERE digest = ?"),
        useToken(db, "use token", "UPDATE tokens SET host = ? WHERE digest = ?"),
        addHost(db, "add host",
                "INSERT INTO hosts (id, jwk, label, created_ms, seen_ms, epoch, received, last_seq,"
                " acked, queued, queued_bytes) VALUES (?,?,?,?,0,0,0,0,0,0,0)"
                " ON CONFLICT (id) DO UPDATE SET label ="
                " CASE card WHEN '' THEN excluded.label ELSE label END"),
        host(db, "find host",
             "SELECT id, jwk, label, created_ms, seen_ms, epoch, received, last_seq, acked, queued,"
             " queued_bytes, connected FROM hosts WHERE id = ?"),
        hosts(db, "list hosts",
              "SELECT id, jwk, label, created_ms, seen_ms, epoch, received, last_seq, acked,"
              " queued, queued_bytes, connected FROM hosts ORDER BY label, id"),
        setCard(db, "set card",
                "UPDATE hosts SET card_counter = ?1, card = ?2, label = ?4 WHERE number = ?3"
                " AND (card_counter < ?1 OR (card = ?2 AND label <> ?4))"),
        card(db, "read card", "SELECT card FROM hosts WHERE id = ?"),
        setConnected(db, "note a connection",
                     "UPDATE hosts SET connected = ?, seen_ms = max(seen_ms, ?) WHERE id = ?"),
        hostNumber(db, "find host", "SELECT number FROM hosts WHERE id = ?"),
        removeHost(db, "remove host", "DELETE FROM hosts WHERE number = ?"),
        removeMessages(db, "remove messages", "DELETE FROM messages WHERE host = ?"),
        removeCallbacks(db, "remove callbacks", "DELETE FROM callbacks WHERE host = ?"),
        removeHooks(db, "remove hooks", "DELETE FROM hooks WHERE host = ?"),
        openSession(
            db, "open session",
            "UPDATE hosts SET epoch = epoch + 1, session = ?, seen_ms = ? WHERE number = ?"),
        lastSession(db, "read session", "SELECT epoch, session FROM hosts WHERE number = ?"),
        room(
            db, "look at mailbox",
            "SELECT last_seq, queued, queued_bytes, hooks, hook_bytes, calls, call_bytes FROM hosts"
            " WHERE number = ?"),
        addMessage(
            db, "add message",
            "INSERT INTO messages (host, seq, kind, at_ms, size, body) VALUES (?,?,?,?,?,?)"),
        countMessage(db, "count message",
                     "UPDATE hosts SET last_seq = ?1, queued = queued + 1,"
                     " queued_bytes = queued_bytes + ?2, hooks = hooks + (?3 = 0),"
                     " hook_bytes = hook_bytes + iif(?3 = 0, ?2, 0), calls = calls + (?3 = 1),"
                     " call_bytes = call_bytes + iif(?3 = 1, ?2, 0) WHERE number = ?4"),
        messages(db, "read messages",
                 "SELECT seq, kind, body, at_ms FROM messages WHERE host = ? AND seq > ?"
                 " ORDER BY seq LIMIT ?"),
        weighMessages(db, "weigh messages",
                      "SELECT count(*), coalesce(sum(size), 0),"
                      " coalesce(sum(kind = ?3), 0), coalesce(sum(iif(kind = ?3, size, 0)), 0),"
                      " coalesce(sum(kind = ?4), 0), coalesce(sum(iif(kind = ?4, size, 0)), 0)"
                      " FROM messages WHERE host = ?1 AND seq <= ?2"),
        dropMessages(db, "drop messages", "DELETE FROM messages WHERE host = ? AND seq <= ?"),
        acknowledge(db, "acknowledge",
                    "UPDATE hosts SET acked = max(acked, ?1), last_seq = max(last_seq, ?1),"
                    " queued = queued - ?2, queued_bytes = queued_bytes - ?3, hooks = hooks - ?4,"
                    " hook_bytes = hook_bytes - ?5, calls = calls - ?6,"
                    " call_bytes = call_bytes - ?7 WHERE number = ?8"),
        receive(db, "receive",
                "UPDATE hosts SET received = ?1 WHERE number = ?2 AND received < ?1"),
        countCallbacks(db, "count callbacks", "SELECT count(*) FROM callbacks WHERE host = ?"),
        openCallback(db, "open callback",
                     "INSERT OR REPLACE INTO callbacks (route, host, wait, expires_ms, uses,"
                     " last_delivery) VALUES (?,?,?,?,0,'')"),
        callback(
            db, "find callback",
            "SELECT c.route, h.id, c.wait, c.expires_ms, c.uses, c.last_delivery FROM callbacks c"
            " JOIN hosts h ON h.number = c.host WHERE c.route = ?"),
        useCallback(db, "use callback",
                    "UPDATE callbacks SET uses = uses + 1, last_delivery = ? WHERE route = ?"),
        closeCallback(db, "close callback", "DELETE FROM callbacks WHERE host = ? AND wait = ?"),
        addHook(db, "add hook", "INSERT OR IGNORE INTO hooks (host, name) VALUES (?,?)"),
        hook(db, "find hook",
             "SELECT 1 FROM hooks k JOIN hosts h ON h.number = k.host"
             " WHERE h.id = ? AND k.name = ?"),
        countApprovals(db, "count approvals",
                       "SELECT count(*) FROM approvals WHERE host = ? AND closed_ms = 0"),
        openApproval(db, "open approval",
                     "INSERT INTO approvals (request, host, change, at_ms, expires_ms, closed_ms,"
                     " summary, content) VALUES (?,?,"
                     "(SELECT coalesce(max(change), 0) + 1 FROM approvals),?,?,0,?,?)"),
        approval(db, "find approval",
                 "SELECT a.request, h.id, a.change, a.at_ms, a.expires_ms, a.closed_ms, a.summary,"
                 " a.content FROM approvals a JOIN hosts h ON h.number = a.host"
                 " WHERE a.request = ?"),
        approvals(db, "list approvals",
                  "SELECT a.request, h.id, a.change, a.at_ms, a.expires_ms, a.closed_ms, a.summary,"
                  " '' FROM approvals a JOIN hosts h ON h.number = a.host WHERE a.change > ?"
                  " ORDER BY a.change LIMIT ?"),
        renewApproval(db, "renew approval",
                      "UPDATE approvals SET summary = ?, content = ?, expires_ms = ?,"
                      " closed_ms = max(closed_ms, 0) WHERE request = ?"),
        touchApproval(db, "touch approval",
                      "UPDATE approvals SET change = (SELECT max(change) + 1 FROM approvals)"
                      " WHERE request = ?"),
        closeApproval(db, "close approval",
                      "UPDATE approvals SET closed_ms = ? WHERE request = ? AND closed_ms <= 0"),
        expiredApprovals(db, "find approvals that are over",
                         "SELECT request FROM approvals WHERE closed_ms = 0 AND expires_ms <= ?"
                         " ORDER BY expires_ms LIMIT ?"),
        nextExpiry(db, "find the next end",
                   "SELECT expires_ms FROM approvals WHERE closed_ms = 0"
                   " ORDER BY expires_ms LIMIT 1"),
        handIn(db, "hand in a decision",
               "INSERT INTO approval_decisions (request, decision, token, receipt, at_ms, tries)"
               " VALUES (?,?,?,'',?,1)"
               " ON CONFLICT (request, decision) DO UPDATE SET tries = tries + 1"),
        countHandedIn(db, "count decisions",
                      "SELECT count(*) FROM approval_decisions WHERE request = ? AND token = ?"),
        handedIn(db, "list decisions",
                 "SELECT decision, receipt, at_ms, tries FROM approval_decisions WHERE request = ?"
                 " ORDER BY number"),
        addReceipt(db, "add receipt",
                   "UPDATE approval_decisions SET receipt = ? WHERE request = ? AND decision = ?"
                   " AND receipt = ''"),
        removeDecisions(db, "remove decisions",
                        "DELETE FROM approval_decisions WHERE request IN"
                        " (SELECT request FROM approvals WHERE host = ?)"),
        removeApprovals(db, "remove approvals", "DELETE FROM approvals WHERE host = ?"),
        addPin(db, "add pin",
               "INSERT INTO pins (digest, payload, chain, release, text, at_ms, tries)"
               " VALUES (?,?,?,?,?,?,1) ON CONFLICT (digest) DO UPDATE SET tries = tries + 1"),
        pinTries(db, "count pin", "SELECT tries FROM pins WHERE digest = ?"),
        dropVariants(db, "drop old signatures",
                     "DELETE FROM pins WHERE payload = ?1 AND number NOT IN (SELECT number FROM"
                     " pins WHERE payload = ?1 ORDER BY number DESC LIMIT ?2)"),
        dropPins(db, "drop old pins",
                 "DELETE FROM pins WHERE chain = ?1 AND number NOT IN (SELECT number FROM pins"
                 " WHERE chain = ?1 ORDER BY number DESC LIMIT ?2)"),
        pins(db, "list pins",
             "SELECT digest, payload, chain, release, text, at_ms FROM pins ORDER BY number"),
        addRelease(db, "add release",
                   "INSERT OR IGNORE INTO releases (digest, content, at_ms) VALUES (?,?,?)"),
        release(db, "find release", "SELECT content FROM releases WHERE digest = ?"),
        totals(db, "count",
               "SELECT count(*), coalesce(sum(queued), 0), coalesce(sum(queued_bytes), 0),"
               " (SELECT count(*) FROM callbacks), (SELECT count(*) FROM pins),"
               " (SELECT count(*) FROM releases) FROM hosts"),
        sweepTokens(db, "sweep tokens",
                    "DELETE FROM tokens WHERE digest IN (SELECT digest FROM tokens"
                    " WHERE expires_ms <= ? LIMIT ?)"),
        sweepCallbacks(db, "sweep callbacks",
                       "DELETE FROM callbacks WHERE route IN (SELECT route FROM callbacks"
                       " WHERE expires_ms > 0 AND expires_ms <= ? LIMIT ?)"),
        // The newest change stays, from which later ones are counted.
        sweepApprovals(db, "sweep approvals",
                       "DELETE FROM approvals WHERE request IN (SELECT request FROM approvals"
                       " WHERE (expires_ms <= ?1 OR closed_ms BETWEEN 1 AND ?1)"
                       " AND change < (SELECT max(change) FROM approvals) LIMIT ?2)"),
        sweepDecisions(db, "sweep decisions",
                       "DELETE FROM approval_decisions WHERE request NOT IN"
                       " (SELECT request FROM approvals)") {}

  sqlite::Statement begin, commit, rollback;
  sqlite::Statement addToken, token, tokens, tokensByPrefix, removeToken, useToken;
  sqlite::Statement addHost, host, hosts, setCard, card, setConnected, hostNumber, removeHost,
      removeMessages, removeCallbacks, removeHooks, openSession, lastSession;
  sqlite::Statement room, addMessage, countMessage, messages, weighMessages, dropMessages,
      acknowledge, receive;
  sqlite::Statement countCallbacks, openCallback, callback, useCallback, closeCallback, addHook,
      hook;
  sqlite::Statement countApprovals, openApproval, approval, approvals, renewApproval, touchApproval,
      closeApproval, expiredApprovals, nextExpiry, handIn, countHandedIn, handedIn, addReceipt,
      removeDecisions, removeApprovals;
  sqlite::Statement addPin, pinTries, dropVariants, dropPins, pins, addRelease, release, totals;
  sqlite::Statement sweepTokens, sweepCallbacks, sweepApprovals, sweepDecisions;
};

}  // namespace belay::mailbox
