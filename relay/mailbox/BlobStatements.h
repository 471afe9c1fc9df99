#pragma once

#include "common/sqlite/Statement.h"
#include "relay/mailbox/SqliteMailbox.h"

namespace belay::mailbox {

// The texts of all statements about sealed artifacts; included by the sources of this folder only.

struct SqliteMailbox::BlobStatements {
  explicit BlobStatements(sqlite::Database& db)
      : owner(db, "find approval",
              "SELECT host FROM approvals WHERE request = ? AND host = ? AND closed_ms = 0"),
        // What is about to be replaced does not count, nor does the blob itself among the others.
        weigh(db, "weigh blobs",
              "SELECT coalesce(sum(CASE WHEN request = ?1 AND name = ?3 AND NOT ?4 THEN 0"
              " ELSE bytes END), 0), coalesce(sum(request = ?1 AND name <> ?3), 0) FROM blobs"
              " WHERE host = ?2"),
        find(db, "find blob", "SELECT seal, have, parts FROM blobs WHERE request = ? AND name = ?"),
        begin(db, "begin blob",
              "INSERT OR REPLACE INTO blobs (request, name, host, seal, parts, have, bytes)"
              " VALUES (?,?,?,?,?,0,0)"),
        drop(db, "drop blob", "DELETE FROM blob_parts WHERE request = ? AND name = ?"),
        add(db, "add part",
            "INSERT INTO blob_parts (request, name, part, content) VALUES (?,?,?,?)"),
        count(db, "count part",
              "UPDATE blobs SET have = have + 1, bytes = bytes + ? WHERE request = ? AND name = ?"),
        read(db, "read part",
             "SELECT content FROM blob_parts WHERE request = ? AND name = ? AND part = ?"),
        closeParts(db, "drop blobs", "DELETE FROM blob_parts WHERE request = ?"),
        close(db, "drop blobs", "DELETE FROM blobs WHERE request = ?"),
        removeParts(db, "drop blobs",
                    "DELETE FROM blob_parts WHERE request IN (SELECT request FROM blobs"
                    " WHERE host = ?)"),
        remove(db, "drop blobs", "DELETE FROM blobs WHERE host = ?"),
        expired(db, "find old blobs",
                "SELECT DISTINCT b.request FROM blobs b LEFT JOIN approvals a"
                " ON a.request = b.request WHERE a.request IS NULL OR a.expires_ms <= ? LIMIT ?") {}

  sqlite::Statement owner, weigh, find, begin, drop, add, count, read;
  sqlite::Statement closeParts, close, removeParts, remove, expired;
};

}  // namespace belay::mailbox
