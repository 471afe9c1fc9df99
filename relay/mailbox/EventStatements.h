#pragma once

#include "common/sqlite/Statement.h"
#include "relay/mailbox/SqliteMailbox.h"

namespace belay::mailbox {

// The texts of all statements about outgoing events; included by the sources of this folder only.

#define BELAY_ENDPOINT_COLUMNS                                                            \
  "id, url, label, kinds, secret, old_secret, old_until_ms, created_ms, state, failures," \
  " failing_since_ms, paused_until_ms, last_ms, last_outcome, held, dead, missed"
#define BELAY_WANTS "state <> 2 AND (kinds = '' OR instr(' ' || kinds || ' ', ' ' || ? || ' ') > 0)"

struct SqliteMailbox::EventStatements {
  explicit EventStatements(sqlite::Database& db)
      : count(db, "count endpoints", "SELECT count(*) FROM endpoints"),
        add(db, "add endpoint",
            "INSERT INTO endpoints (" BELAY_ENDPOINT_COLUMNS
            ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,0,0)"),
        list(db, "list endpoints",
             "SELECT " BELAY_ENDPOINT_COLUMNS " FROM endpoints ORDER BY number"),
        save(db, "save endpoint",
             "UPDATE endpoints SET url = ?, label = ?, kinds = ?, secret = ?, old_secret = ?,"
             " old_until_ms = ?, state = ?, failures = ?, failing_since_ms = ?,"
             " paused_until_ms = ?, last_ms = ?, last_outcome = ? WHERE id = ?"),
        remove(db, "remove endpoint", "DELETE FROM endpoints WHERE id = ?"),
        removeEvents(db, "remove events",
                     "DELETE FROM events WHERE endpoint = (SELECT number FROM endpoints"
                     " WHERE id = ?)"),
        wanted(db, "find endpoints", "SELECT 1 FROM endpoints WHERE " BELAY_WANTS " LIMIT 1"),
        miss(db, "count what is missed",
             "UPDATE endpoints SET missed = missed + 1 WHERE " BELAY_WANTS
             " AND (state <> 0 OR held >= ?)"),
        put(db, "add event",
            "INSERT INTO events (endpoint, id, kind, subject, body, at_ms, attempts, first_ms,"
            " next_ms, dead_ms) SELECT number,?,?,?,?,?,0,0,0,0 FROM endpoints"
            " WHERE " BELAY_WANTS " AND state = 0 AND held < ?"),
        putCounted(db, "count event",
                   "UPDATE endpoints SET held = held + 1 WHERE " BELAY_WANTS
                   " AND state = 0 AND held < ?"),
        putTo(db, "add event",
              "INSERT INTO events (endpoint, id, kind, subject, body, at_ms, attempts, first_ms,"
              " next_ms, dead_ms) SELECT number,?,?,?,?,?,0,0,0,0 FROM endpoints WHERE id = ?"),
        putToCounted(db, "count event", "UPDATE endpoints SET held = held + 1 WHERE id = ?"),
        // A time that is too far ahead is that of a clock which was set back since.
        due(db, "find event",
            "SELECT e.number, p.id, e.id, e.kind, e.subject, e.body, e.at_ms, e.attempts,"
            " e.first_ms, e.next_ms FROM endpoints p JOIN events e INDEXED BY events_by_number"
            " ON e.endpoint = p.number"
            " WHERE p.id = ?1 AND e.dead_ms = 0 AND (e.next_ms <= ?2 OR e.next_ms > ?3)"
            " AND NOT EXISTS (SELECT 1 FROM events b INDEXED BY events_by_subject WHERE b.endpoint "
            "= e.endpoint"
            " AND b.subject = e.subject AND b.dead_ms = 0 AND b.number < e.number)"
            " ORDER BY e.number LIMIT 1"),
        next(db, "find next event",
             "SELECT min(e.next_ms) FROM endpoints p JOIN events e INDEXED BY events_by_time"
             " ON e.endpoint = p.number"
             " WHERE p.id = ? AND e.dead_ms = 0 AND e.next_ms > ?"),
        find(db, "find event", "SELECT dead_ms FROM events WHERE number = ?"),
        uncount(db, "count event",
                "UPDATE endpoints SET held = held - 1, dead = dead - ?1 WHERE number ="
                " (SELECT endpoint FROM events WHERE number = ?2)"),
        finish(db, "finish event", "DELETE FROM events WHERE number = ?"),
        putOff(db, "put event off",
               "UPDATE events SET attempts = ?, first_ms = ?, next_ms = ? WHERE number = ?"),
        bury(db, "give event up",
             "UPDATE events SET dead_ms = ?1, attempts = attempts + 1 WHERE number = ?2"
             " AND dead_ms = 0"),
        buryCounted(db, "count event",
                    "UPDATE endpoints SET dead = dead + 1 WHERE number ="
                    " (SELECT endpoint FROM events WHERE number = ?)"),
        revive(db, "try events again",
               "UPDATE events SET dead_ms = 0, attempts = 0, first_ms = 0, next_ms = 0"
               " WHERE endpoint = (SELECT number FROM endpoints WHERE id = ?)"),
        reviveCounted(db, "count events", "UPDATE endpoints SET dead = 0, missed = 0 WHERE id = ?"),
        sweep(db, "sweep events",
              "DELETE FROM events WHERE number IN (SELECT number FROM events"
              " WHERE dead_ms BETWEEN 1 AND ? LIMIT ?)"),
        recount(db, "count events",
                "UPDATE endpoints SET held = (SELECT count(*) FROM events e"
                " WHERE e.endpoint = endpoints.number), dead = (SELECT count(*) FROM events e"
                " WHERE e.endpoint = endpoints.number AND e.dead_ms > 0)") {}

  sqlite::Statement count, add, list, save, remove, removeEvents;
  sqlite::Statement wanted, miss, put, putCounted, putTo, putToCounted;
  sqlite::Statement due, next, find, uncount, finish, putOff, bury, buryCounted;
  sqlite::Statement revive, reviveCounted, sweep, recount;
};

#undef BELAY_ENDPOINT_COLUMNS
#undef BELAY_WANTS

}  // namespace belay::mailbox
