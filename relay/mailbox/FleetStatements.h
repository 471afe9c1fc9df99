#pragma once

#include "common/sqlite/Statement.h"
#include "relay/mailbox/SqliteMailbox.h"

namespace belay::mailbox {

// The texts of all statements about starts and offers; included by the sources of this folder only.

struct SqliteMailbox::FleetStatements {
  explicit FleetStatements(sqlite::Database& db)
      : count(db, "count starts",
              "SELECT count(*) FROM (SELECT 1 FROM starts WHERE host = ? LIMIT ?)"),
        add(db, "add start",
            "INSERT INTO starts (start, host, at_ms, expires_ms, tries, receipt)"
            " VALUES (?,?,?,?,1,'')"),
        again(db, "count start", "UPDATE starts SET tries = tries + 1 WHERE start = ?"),
        find(db, "find start",
             "SELECT s.start, h.id, s.at_ms, s.expires_ms, s.tries, s.receipt FROM starts s"
             " JOIN hosts h ON h.number = s.host WHERE s.start = ?"),
        receipt(db, "add receipt",
                "UPDATE starts SET receipt = ? WHERE start = ? AND receipt = '' AND host ="
                " (SELECT number FROM hosts WHERE id = ?)"),
        remove(db, "drop starts", "DELETE FROM starts WHERE host = ?"),
        sweep(db, "sweep starts",
              "DELETE FROM starts WHERE start IN (SELECT start FROM starts WHERE expires_ms <= ?"
              " LIMIT ?)"),
        offer(db, "note an offer", "UPDATE hosts SET offer = ?, offered_ms = ? WHERE id = ?"),
        offers(db, "list offers",
               "SELECT id, label, offer, offered_ms, seen_ms, connected FROM hosts WHERE id > ?"
               " ORDER BY id LIMIT ?"),
        offerOf(db, "read offer",
                "SELECT id, label, offer, offered_ms, seen_ms, connected FROM hosts"
                " WHERE id = ?1 OR label = ?1 ORDER BY id = ?1 DESC, id LIMIT 2") {}

  sqlite::Statement count, add, again, find, receipt, remove, sweep;
  sqlite::Statement offer, offers, offerOf;
};

}  // namespace belay::mailbox
