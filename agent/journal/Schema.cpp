#include "agent/journal/Schema.h"

#include <array>
#include <string>
#include <vector>

#include "agent/journal/AdmissionTable.h"
#include "agent/journal/FlowLedger.h"
#include "agent/journal/Rows.h"
#include "agent/journal/StatementLedger.h"
#include "common/sqlite/Statement.h"
#include "common/sqlite/Transaction.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

// Enumerations are kept as numbers: another order of the enumerators would change what files mean.
using engine::RunStatus;
using engine::TriggerKind;
static_assert(int(RunStatus::kRunning) == 0 && int(RunStatus::kWaiting) == 1 &&
              int(RunStatus::kPaused) == 2 && int(RunStatus::kAmbiguous) == 3 &&
              int(RunStatus::kStopping) == 4 && int(RunStatus::kSucceeded) == 5 &&
              int(RunStatus::kFailed) == 6 && int(RunStatus::kStopped) == 7 &&
              int(RunStatus::kCancelled) == 8 && int(RunStatus::kQueued) == 9 &&
              int(RunStatus::kCount) == 10);
static_assert(int(TriggerKind::kManual) == 0 && int(TriggerKind::kSchedule) == 1 &&
              int(TriggerKind::kWebhook) == 2 && int(TriggerKind::kEvent) == 3 &&
              int(TriggerKind::kFlow) == 4 && int(TriggerKind::kReplay) == 5 &&
              int(TriggerKind::kStart) == 6 && int(TriggerKind::kCount) == 7);
static_assert(int(FlowChange::kDrafted) == 0 && int(FlowChange::kReleased) == 1 &&
              int(FlowChange::kPromoted) == 2 && int(FlowChange::kRolledBack) == 3 &&
              int(FlowChange::kArchived) == 4 && int(FlowChange::kUnarchived) == 5 &&
              int(FlowChange::kCount) == 6);
static_assert(int(StatementKind::kRoot) == 0 && int(StatementKind::kRoster) == 1 &&
              int(StatementKind::kPin) == 2 && int(StatementKind::kCount) == 3 &&
              int(StatementFate::kAccepted) == 0 && int(StatementFate::kFork) == 1 &&
              int(StatementFate::kCount) == 2);
static_assert(int(Turn::kQueued) == 0 && int(Turn::kReady) == 1 && int(Turn::kBegun) == 2 &&
              int(Turn::kLeaving) == 3);
static_assert(int(flow::Keep::kRun) == 0 && int(flow::Keep::kRetained) == 1 &&
              int(flow::Keep::kEphemeral) == 2);
static_assert(int(WaitStatus::kOpen) == 0 && int(WaitStatus::kAnswered) == 1 &&
              int(WaitStatus::kRejected) == 2 && int(WaitStatus::kTimedOut) == 3 &&
              int(WaitStatus::kClosed) == 4);
static_assert(int(flow::WaitKind::kApproval) == 0 && int(flow::WaitKind::kCallback) == 1 &&
              int(flow::WaitKind::kEvent) == 2 && int(flow::WaitKind::kTime) == 3);

// Events lie in the order in which they were committed, so that a commit of many runs writes few
// pages; the index is small, and hot only where runs are young. Nothing else is written per event.
constexpr const char* kVersion1[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE runs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, slug TEXT NOT NULL,"
    " flow_digest TEXT NOT NULL, source TEXT NOT NULL, status INTEGER NOT NULL, step TEXT NOT NULL,"
    " error_code TEXT NOT NULL, error_message TEXT NOT NULL, started_by TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL)"
    " STRICT",
    "CREATE INDEX runs_by_slug ON runs (slug)",
    "CREATE INDEX runs_by_status ON runs (status) WHERE status <> 5",
    "CREATE INDEX runs_by_end ON runs (finished_ms) WHERE finished_ms > 0",

    "CREATE TABLE events (place INTEGER PRIMARY KEY, run INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL) STRICT",
    "CREATE UNIQUE INDEX events_by_run ON events (run, seq)",

    "CREATE TABLE host_chain (seq INTEGER PRIMARY KEY, run_id TEXT NOT NULL,"
    " run_seq INTEGER NOT NULL, run_hash BLOB NOT NULL, at_ms INTEGER NOT NULL,"
    " hash BLOB NOT NULL) STRICT",
    "CREATE TABLE host_anchor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL,"
    " hash BLOB NOT NULL, at_ms INTEGER NOT NULL) STRICT",

    "CREATE TABLE waits (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, run INTEGER NOT NULL,"
    " step TEXT NOT NULL, kind INTEGER NOT NULL, status INTEGER NOT NULL, request TEXT NOT NULL,"
    " request_digest TEXT NOT NULL, token_hash TEXT NOT NULL, event_name TEXT NOT NULL,"
    " opened_ms INTEGER NOT NULL, closed_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT",
    "CREATE INDEX waits_by_run ON waits (run)",
    "CREATE INDEX waits_open ON waits (kind) WHERE status = 0",
    "CREATE INDEX waits_for_event ON waits (event_name) WHERE status = 0 AND kind = 2",

    "CREATE TABLE timers (run INTEGER NOT NULL, key TEXT NOT NULL, boot_id TEXT NOT NULL,"
    " due_boot_ms INTEGER NOT NULL, due_wall_ms INTEGER NOT NULL, left_ms INTEGER NOT NULL,"
    " on_wall INTEGER NOT NULL, PRIMARY KEY (run, key)) STRICT, WITHOUT ROWID",
    "CREATE INDEX timers_by_boot ON timers (due_boot_ms) WHERE on_wall = 0",
    "CREATE INDEX timers_by_wall ON timers (due_wall_ms) WHERE on_wall = 1",

    "CREATE TABLE flows (digest TEXT NOT NULL UNIQUE, slug TEXT NOT NULL, format TEXT NOT NULL,"
    " content TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT",
    "CREATE TABLE flow_heads (slug TEXT PRIMARY KEY, draft_digest TEXT NOT NULL,"
    " updated_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE bindings (slug TEXT NOT NULL, name TEXT NOT NULL, connection TEXT NOT NULL,"
    " PRIMARY KEY (slug, name)) STRICT, WITHOUT ROWID",

    "CREATE TABLE kv (space TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    " expires_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, PRIMARY KEY (space, key))"
    " STRICT, WITHOUT ROWID",
    "CREATE INDEX kv_by_expiry ON kv (expires_ms) WHERE expires_ms > 0",

    "CREATE TABLE resources (number INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE,"
    " digest TEXT NOT NULL, run INTEGER NOT NULL, step TEXT NOT NULL, name TEXT NOT NULL,"
    " media_type TEXT NOT NULL, size INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT",
    "CREATE INDEX resources_by_digest ON resources (digest)",
    "CREATE INDEX resources_by_run ON resources (run)",

    "CREATE TABLE start_keys (key TEXT PRIMARY KEY, run INTEGER NOT NULL, at_ms INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE INDEX start_keys_by_run ON start_keys (run)",
};

// What is live, released or archived follows from this table alone: there is nothing to keep in
// step.
constexpr const char* kVersion2[] = {
    "CREATE TABLE flow_changes (number INTEGER PRIMARY KEY, slug TEXT NOT NULL,"
    " what INTEGER NOT NULL, release INTEGER NOT NULL, digest TEXT NOT NULL, note TEXT NOT NULL,"
    " origin TEXT NOT NULL, by_whom TEXT NOT NULL, at_ms INTEGER NOT NULL, hash BLOB NOT NULL)"
    " STRICT",
    "CREATE INDEX flow_changes_by_slug ON flow_changes (slug, what, number)",
    "CREATE UNIQUE INDEX flow_releases ON flow_changes (slug, release) WHERE what = 1",
    "CREATE INDEX flow_releases_by_digest ON flow_changes (slug, digest) WHERE what = 1",
};

constexpr const char* kVersion3[] = {
    "CREATE TABLE schedules (number INTEGER PRIMARY KEY, slug TEXT NOT NULL, id TEXT NOT NULL,"
    " digest TEXT NOT NULL, release INTEGER NOT NULL, since_s INTEGER NOT NULL,"
    " handled_until_s INTEGER NOT NULL, last_catch_up_ms INTEGER NOT NULL,"
    " paused_since_s INTEGER NOT NULL, paused_by TEXT NOT NULL, disabled_since_s INTEGER NOT NULL,"
    " UNIQUE (slug, id)) STRICT",
    "CREATE TABLE occurrences (schedule INTEGER NOT NULL, due_s INTEGER NOT NULL,"
    " last_s INTEGER NOT NULL, count INTEGER NOT NULL, outcome INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, note TEXT NOT NULL, state INTEGER NOT NULL,"
    " run_at_ms INTEGER NOT NULL, by_s INTEGER NOT NULL, run TEXT NOT NULL,"
    " release INTEGER NOT NULL, decided_ms INTEGER NOT NULL, PRIMARY KEY (schedule, due_s))"
    " STRICT, WITHOUT ROWID",
    "CREATE INDEX occurrences_waiting ON occurrences (schedule, run_at_ms) WHERE state = 0",
    "CREATE TABLE event_triggers (name TEXT NOT NULL, slug TEXT NOT NULL,"
    " PRIMARY KEY (name, slug)) STRICT, WITHOUT ROWID",
    "CREATE INDEX event_triggers_by_slug ON event_triggers (slug)",
    "CREATE TABLE deliveries (slug TEXT NOT NULL, webhook TEXT NOT NULL, key TEXT NOT NULL,"
    " run TEXT NOT NULL, answered INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, PRIMARY KEY (slug, webhook, key)) STRICT, WITHOUT ROWID",
    "CREATE INDEX deliveries_by_expiry ON deliveries (expires_ms)",
    "CREATE TABLE buckets (name TEXT PRIMARY KEY, boot_id TEXT NOT NULL, at_us INTEGER NOT NULL,"
    " full_us INTEGER NOT NULL, queue_us INTEGER NOT NULL, blocked_us INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    // The same content can belong to several runs and steps: one row each, so that it stays until
    // the last of them is pruned.
    "CREATE TABLE run_resources (number INTEGER PRIMARY KEY, ref TEXT NOT NULL,"
    " digest TEXT NOT NULL, run INTEGER NOT NULL, step TEXT NOT NULL, name TEXT NOT NULL,"
    " media_type TEXT NOT NULL, size INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " slug TEXT NOT NULL, keep INTEGER NOT NULL, indexed INTEGER NOT NULL) STRICT",
    "INSERT INTO run_resources SELECT s.number, s.ref, s.digest, s.run, s.step, s.name,"
    " s.media_type, s.size, s.created_ms, coalesce((SELECT slug FROM runs WHERE number = s.run),"
    " ''), 0, 0 FROM resources AS s",
    "DROP TABLE resources",
    "CREATE INDEX run_resources_by_ref ON run_resources (ref)",
    "CREATE INDEX run_resources_by_digest ON run_resources (digest)",
    "CREATE INDEX run_resources_by_run ON run_resources (run)",
    "CREATE INDEX run_resources_kept ON run_resources (keep, created_ms) WHERE keep > 0",
    "CREATE TABLE resource_usage (slug TEXT PRIMARY KEY, bytes INTEGER NOT NULL,"
    " resources INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO resource_usage SELECT slug, sum(size), count(*) FROM run_resources GROUP BY slug",
    // By the numbers of run_resources; the texts themselves are not in it.
    "CREATE VIRTUAL TABLE search_text USING fts5 (slug, name, body, content='',"
    " contentless_delete=1, prefix='2 3', tokenize='unicode61 remove_diacritics 2')",
    "CREATE TABLE run_children (run INTEGER PRIMARY KEY, parent INTEGER NOT NULL) STRICT",
    "CREATE INDEX run_children_by_parent ON run_children (parent, run)",
    "CREATE TABLE statements (number INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " fate INTEGER NOT NULL, subject TEXT NOT NULL, counter INTEGER NOT NULL,"
    " digest TEXT NOT NULL, text TEXT NOT NULL, quorum INTEGER NOT NULL, signers TEXT NOT NULL,"
    " by_whom TEXT NOT NULL, at_ms INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
    "CREATE UNIQUE INDEX statement_chains ON statements (kind, subject, counter) WHERE fate = 0",
    "CREATE INDEX statement_forks ON statements (number) WHERE fate = 1",
    "CREATE TABLE admissions (run INTEGER PRIMARY KEY, slug TEXT NOT NULL, lane TEXT NOT NULL,"
    " release INTEGER NOT NULL, slots INTEGER NOT NULL, drains INTEGER NOT NULL,"
    " turn INTEGER NOT NULL, place INTEGER NOT NULL) STRICT",
    "CREATE INDEX admissions_queued ON admissions (slug, lane, place) WHERE turn = 0",
    "CREATE INDEX admissions_held ON admissions (slug, lane, place) WHERE turn > 0",
    "CREATE INDEX admissions_ready ON admissions (place) WHERE turn = 1",
    "CREATE INDEX admissions_waiting ON admissions (slug, release, place) WHERE turn < 2",
    "CREATE TABLE run_triggers (run INTEGER PRIMARY KEY, kind INTEGER NOT NULL) STRICT",
    "CREATE INDEX run_triggers_by_kind ON run_triggers (kind, run)",
    "CREATE TABLE link_outbox (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL) STRICT",
    "CREATE TABLE link_inbox (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, outcome TEXT NOT NULL,"
    " note TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT",
    "CREATE TABLE link_callbacks (wait TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    "CREATE TABLE gates (request TEXT PRIMARY KEY, wait TEXT NOT NULL, run INTEGER NOT NULL,"
    " epoch TEXT NOT NULL, told INTEGER NOT NULL, next TEXT NOT NULL, boot_id TEXT NOT NULL,"
    " boot_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL, age_ms INTEGER NOT NULL,"
    " life_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX gates_by_told ON gates (told)",
    "CREATE INDEX gates_by_run ON gates (run)",
    "CREATE INDEX gates_by_wait ON gates (wait)",
    "CREATE TABLE gate_decisions (number INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
    " request TEXT NOT NULL, kid TEXT NOT NULL, text TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT",
    "CREATE INDEX gate_decisions_by_request ON gate_decisions (request)",
    "CREATE INDEX gate_decisions_by_run ON gate_decisions (run)",
    "CREATE TABLE starts (digest TEXT NOT NULL, person TEXT NOT NULL, key TEXT NOT NULL,"
    " what TEXT NOT NULL, outcome INTEGER NOT NULL, code TEXT NOT NULL, run INTEGER NOT NULL,"
    " run_id TEXT NOT NULL, at_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
    " PRIMARY KEY (digest, person)) STRICT, WITHOUT ROWID",
    "CREATE INDEX starts_by_key ON starts (person, key) WHERE outcome = 0",
    "CREATE INDEX starts_by_run ON starts (run, until_ms)",
    "CREATE TABLE scrubs (number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
    " by_whom TEXT NOT NULL, secret TEXT NOT NULL, place TEXT NOT NULL, run TEXT NOT NULL,"
    " seq INTEGER NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, count INTEGER NOT NULL,"
    " hash BLOB NOT NULL) STRICT",
    "CREATE INDEX scrubs_by_event ON scrubs (run, seq) WHERE seq > 0",
};

constexpr std::array<std::span<const char* const>, kSchemaVersion> kVersions{kVersion1, kVersion2,
                                                                             kVersion3};

Error damaged(const sqlite::Database& database, const std::string& what) {
  return Error{ErrorCode::kJournalCorrupt,
               database.path() + ": " + what,
               {"restore a backup (belay journal backup makes them)",
                "belay journal verify names what can still be read"}};
}

/// One transaction: after a crash the file has the version before, or this one.
Status bringTo(int version, sqlite::Database& database) {
  BELAY_ASSIGN(sqlite::Transaction transaction, sqlite::Transaction::begin(database));
  for (const char* statement : schemaStatements(version)) {
    BELAY_TRY(database.exec(statement, "create tables"));
  }
  const std::string mark = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                           "; PRAGMA user_version = " + std::to_string(version);
  BELAY_TRY(database.exec(mark.c_str(), "mark the file"));
  return transaction.commit();
}

}  // namespace

std::span<const char* const> schemaStatements(int version) {
  BELAY_CHECK(version >= 1 && version <= kSchemaVersion);
  return kVersions.at(static_cast<std::size_t>(version) - 1);
}

Result<Header> identify(sqlite::Database& database) {
  Header header;
  BELAY_ASSIGN(header.applicationId, database.readInteger("PRAGMA application_id", "read header"));
  BELAY_ASSIGN(header.version, database.readInteger("PRAGMA user_version", "read header"));
  BELAY_ASSIGN(const std::int64_t tables,
               database.readInteger("SELECT count(*) FROM sqlite_schema", "read header"));
  header.empty = tables == 0 && header.applicationId == 0 && header.version == 0;
  if (header.empty) return header;
  if (header.applicationId != kApplicationId) {
    return Error{ErrorCode::kJournalForeign,
                 database.path() + " is a database, but not a Belay journal"};
  }
  if (header.version > kSchemaVersion) {
    return Error{ErrorCode::kJournalNewer,
                 database.path() + " has version " + std::to_string(header.version) +
                     ", this binary knows up to " + std::to_string(kSchemaVersion),
                 {"use the newer binary again: journals do not go back"}};
  }
  if (header.version < 1) return damaged(database, "the header has no version");
  return header;
}

Status migrate(sqlite::Database& database, const Header& header) {
  for (int version = static_cast<int>(header.version) + 1; version <= kSchemaVersion; ++version) {
    BELAY_TRY(bringTo(version, database));
  }
  return {};
}

namespace {

/// What is about a table, by the texts above.
bool isOfTable(std::string_view statement, std::string_view table) {
  const std::string name(table);
  return statement.starts_with("CREATE TABLE " + name + " ") ||
         (statement.starts_with("CREATE ") &&
          statement.find(" ON " + name + " ") != std::string_view::npos);
}

/// The statements whose texts SQLite has when all versions have been applied: a later one may have
/// dropped what an earlier one made.
std::vector<std::string_view> currentSchema() {
  constexpr std::string_view kDrop = "DROP TABLE ";
  std::vector<std::string_view> out;
  for (const auto& version : kVersions) {
    for (const std::string_view statement : version) {
      if (statement.starts_with(kDrop)) {
        std::erase_if(out, [&](std::string_view earlier) {
          return isOfTable(earlier, statement.substr(kDrop.size()));
        });
      } else if (statement.starts_with("CREATE ")) {
        out.push_back(statement);
      }
    }
  }
  return out;
}

}  // namespace

/// A damaged schema would else show later, as wrong SQL.
Status compareSchema(sqlite::Database& database) {
  // Those that FTS5 makes for itself are its own.
  sqlite::Statement count(database, "read schema",
                          "SELECT count(*) FROM sqlite_schema WHERE sql IS NOT NULL"
                          " AND name NOT GLOB 'search_text_*'");
  sqlite::Statement find(database, "read schema", "SELECT 1 FROM sqlite_schema WHERE sql = ?");
  sqlite::Execution counted(count);
  BELAY_ASSIGN(const bool any, counted.next());
  const std::vector<std::string_view> expected = currentSchema();
  if (!any || counted.integer(0) != static_cast<std::int64_t>(expected.size())) {
    return damaged(database, "the schema does not have the tables of its version");
  }
  for (const std::string_view statement : expected) {
    const std::string text(statement);
    sqlite::Execution found(find, text);
    BELAY_ASSIGN(const bool there, found.next());
    if (!there) return damaged(database, "the schema lacks: " + text.substr(0, text.find('(')));
  }
  return {};
}

}  // namespace belay::journal
