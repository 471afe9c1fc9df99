#include "relay/mailbox/Schema.h"

#include <string>

#include "common/sqlite/Transaction.h"

namespace belay::mailbox {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

// Messages lie by host, in the order in which they are fetched: an acknowledgement removes a run of
// neighbours. What a mailbox holds is counted in its host's row, so that a quota costs no scan;
// webhooks and callbacks also apart from the rest.
constexpr const char* kTables[] = {
    "CREATE TABLE hosts (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " jwk TEXT NOT NULL, label TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " seen_ms INTEGER NOT NULL, epoch INTEGER NOT NULL, received INTEGER NOT NULL,"
    " last_seq INTEGER NOT NULL, acked INTEGER NOT NULL, queued INTEGER NOT NULL,"
    " queued_bytes INTEGER NOT NULL, hooks INTEGER NOT NULL DEFAULT 0,"
    " hook_bytes INTEGER NOT NULL DEFAULT 0, calls INTEGER NOT NULL DEFAULT 0,"
    " call_bytes INTEGER NOT NULL DEFAULT 0, session TEXT NOT NULL DEFAULT '',"
    " connected INTEGER NOT NULL DEFAULT 0, card TEXT NOT NULL DEFAULT '',"
    " card_counter INTEGER NOT NULL DEFAULT 0, offer TEXT NOT NULL DEFAULT '',"
    " offered_ms INTEGER NOT NULL DEFAULT 0) STRICT",
    "CREATE INDEX hosts_by_label ON hosts (label)",
    "CREATE TABLE tokens (digest TEXT PRIMARY KEY, role TEXT NOT NULL, label TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, host TEXT NOT NULL) STRICT,"
    " WITHOUT ROWID",
    "CREATE INDEX tokens_by_expiry ON tokens (expires_ms)",
    "CREATE TABLE messages (host INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, size INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (host, seq))"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE callbacks (route TEXT PRIMARY KEY, host INTEGER NOT NULL, wait TEXT NOT NULL,"
    " expires_ms INTEGER NOT NULL, uses INTEGER NOT NULL, last_delivery TEXT NOT NULL) STRICT, "
    "WITHOUT ROWID",
    "CREATE UNIQUE INDEX callbacks_by_wait ON callbacks (host, wait)",
    "CREATE INDEX callbacks_by_expiry ON callbacks (expires_ms) WHERE expires_ms > 0",
    "CREATE TABLE hooks (host INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (host, name))"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE approvals (request TEXT PRIMARY KEY, host INTEGER NOT NULL,"
    " change INTEGER NOT NULL UNIQUE, at_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " closed_ms INTEGER NOT NULL, summary TEXT NOT NULL, content TEXT NOT NULL) STRICT",
    "CREATE INDEX approvals_by_host ON approvals (host)",
    // closed_ms is negative where no host has said so.
    "CREATE INDEX approvals_by_expiry ON approvals (expires_ms) WHERE closed_ms = 0",
    "CREATE TABLE approval_decisions (number INTEGER PRIMARY KEY, request TEXT NOT NULL,"
    " decision TEXT NOT NULL, token TEXT NOT NULL, receipt TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, UNIQUE (request, decision)) STRICT",
    "CREATE TABLE pins (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE,"
    " payload TEXT NOT NULL, chain TEXT NOT NULL, release TEXT NOT NULL, text TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, tries INTEGER NOT NULL) STRICT",
    "CREATE INDEX pins_by_payload ON pins (payload, number)",
    "CREATE INDEX pins_by_chain ON pins (chain, number)",
    "CREATE TABLE releases (digest TEXT PRIMARY KEY, content TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE blobs (request TEXT NOT NULL, name TEXT NOT NULL, host INTEGER NOT NULL,"
    " seal TEXT NOT NULL, parts INTEGER NOT NULL, have INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " PRIMARY KEY (request, name)) STRICT, WITHOUT ROWID",
    "CREATE INDEX blobs_by_host ON blobs (host)",
    "CREATE TABLE blob_parts (request TEXT NOT NULL, name TEXT NOT NULL, part INTEGER NOT NULL,"
    " content TEXT NOT NULL, UNIQUE (request, name, part)) STRICT",
    "CREATE TABLE starts (start TEXT PRIMARY KEY, host INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, tries INTEGER NOT NULL, receipt TEXT NOT NULL) STRICT,"
    " WITHOUT ROWID",
    "CREATE INDEX starts_by_host ON starts (host)",
    "CREATE INDEX starts_by_expiry ON starts (expires_ms)",
    // What an endpoint holds is counted in its row, as the mailboxes of hosts are.
    "CREATE TABLE endpoints (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " url TEXT NOT NULL, label TEXT NOT NULL, kinds TEXT NOT NULL, secret TEXT NOT NULL,"
    " old_secret TEXT NOT NULL, old_until_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " state INTEGER NOT NULL, failures INTEGER NOT NULL, failing_since_ms INTEGER NOT NULL,"
    " paused_until_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, last_outcome TEXT NOT NULL,"
    " held INTEGER NOT NULL, dead INTEGER NOT NULL, missed INTEGER NOT NULL) STRICT",
    "CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, endpoint INTEGER NOT NULL,"
    " id TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, attempts INTEGER NOT NULL, first_ms INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, dead_ms INTEGER NOT NULL) STRICT",
    "CREATE INDEX events_by_subject ON events (endpoint, subject, dead_ms, number)",
    "CREATE INDEX events_by_number ON events (endpoint, dead_ms, number)",
    "CREATE INDEX events_by_time ON events (endpoint, dead_ms, next_ms)",
};

}  // namespace

Status prepareSchema(sqlite::Database& database) {
  BELAY_ASSIGN(const std::int64_t id, database.readInteger("PRAGMA application_id", "read header"));
  BELAY_ASSIGN(const std::int64_t version,
               database.readInteger("PRAGMA user_version", "read header"));
  BELAY_ASSIGN(const std::int64_t tables,
               database.readInteger("SELECT count(*) FROM sqlite_schema", "read header"));
  const bool empty = tables == 0 && id == 0 && version == 0;
  if (!empty && id != kApplicationId) {
    return Error{ErrorCode::kJournalForeign,
                 database.path() + " is a database, but not a relay's store"};
  }
  if (version > kSchemaVersion) {
    return Error{ErrorCode::kJournalNewer,
                 database.path() + " has version " + std::to_string(version) +
                     ", this binary knows up to " + std::to_string(kSchemaVersion),
                 {"use the newer binary again: stores do not go back"}};
  }
  if (!empty && version < kSchemaVersion) {
    return Error{ErrorCode::kJournalForeign,
                 database.path() + " has version " + std::to_string(version) +
                     ", of a relay that was never released; this binary reads " +
                     std::to_string(kSchemaVersion),
                 {"move it away, and enrol the hosts again"}};
  }
  if (!empty) return {};
  BELAY_ASSIGN(sqlite::Transaction transaction, sqlite::Transaction::begin(database));
  for (const char* statement : kTables) BELAY_TRY(database.exec(statement, "create tables"));
  const std::string mark = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                           "; PRAGMA user_version = " + std::to_string(kSchemaVersion);
  BELAY_TRY(database.exec(mark.c_str(), "mark the file"));
  return transaction.commit();
}

}  // namespace belay::mailbox
