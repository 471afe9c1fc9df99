#include "relay/mailbox/SqliteMailbox.h"

#include <sqlite3.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "common/base/Files.h"
#include "relay/mailbox/BlobStatements.h"
#include "relay/mailbox/EventStatements.h"
#include "relay/mailbox/FleetStatements.h"
#include "relay/mailbox/Schema.h"
#include "relay/mailbox/Statements.h"

namespace belay::mailbox {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::chrono::milliseconds kLockPause{10};
constexpr std::string_view kHostRole = "host";
/// Below this an idle relay does not bother to checkpoint.
constexpr int kIdlePages = 1000;
/// A page and its header in the WAL.
constexpr std::uint64_t kFrameBytes = 4096 + 24;

int keepWalPages(void* pages, sqlite3*, const char*, int count) noexcept {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

Result<std::unique_ptr<sqlite::Database>> connect(const SqliteOptions& options) {
  sqlite::OpenOptions how;
  how.path = options.path;
  how.create = options.create;
  BELAY_ASSIGN(std::unique_ptr<sqlite::Database> database, sqlite::Database::open(how));
  // EXCLUSIVE before WAL: no shared memory, no second connection, and none of the races between
  // connections (common/sqlite/Database.h).
  BELAY_TRY(database->setPragma("locking_mode", "EXCLUSIVE", "exclusive"));
  const std::string cache =
      "-" + std::to_string(std::max<std::uint64_t>(options.cacheBytes >> 10, 64));
  BELAY_TRY(database->setPragma("cache_size", cache, cache));
  BELAY_TRY(database->setPragma("journal_mode", "WAL", "wal"));
  BELAY_TRY(database->setPragma("synchronous", "FULL", "2"));
  BELAY_TRY(database->setPragma("wal_autocheckpoint", "0", "0"));
  BELAY_TRY(prepareSchema(*database));
  return database;
}

TokenRow tokenOf(const sqlite::Execution& rows) {
  return {rows.string(0),  rows.string(1),  rows.string(2),
          rows.integer(3), rows.integer(4), rows.string(5)};
}

HostRow hostOf(const sqlite::Execution& rows) {
  return {rows.string(0),  rows.string(1),  rows.string(2),   rows.integer(3),
          rows.integer(4), rows.integer(5), rows.integer(6),  rows.integer(7),
          rows.integer(8), rows.integer(9), rows.integer(10), rows.integer(11) != 0};
}

/// So long whoever decided can ask what became of it.
constexpr std::chrono::milliseconds kApprovalsKept = std::chrono::hours{24};

Error noToken(const char* why) {
  return Error{ErrorCode::kRelayCredential,
               std::string("the token to enrol a host ") + why,
               {"belay-relay tokens new"}};
}

}  // namespace

Result<std::unique_ptr<SqliteMailbox>> SqliteMailbox::open(const SqliteOptions& options) {
  if (!options.create && !base::fileExists(options.path)) {
    return Error{
        ErrorCode::kNotInitialised, "there is no store " + options.path, {"belay-relay init"}};
  }
  for (auto left = options.lockWait;; left -= kLockPause) {
    auto database = connect(options);
    if (database) {
      return std::unique_ptr<SqliteMailbox>(new SqliteMailbox(std::move(*database), options));
    }
    if (database.error().code != ErrorCode::kJournalLocked) return std::move(database).error();
    if (left <= std::chrono::milliseconds{0}) {
      return Error{ErrorCode::kAlreadyRunning, options.path + " is held by another process"};
    }
    // SQLite's own waiting does not cover the lock of a WAL without shared memory.
    std::this_thread::sleep_for(kLockPause);
  }
}

SqliteMailbox::SqliteMailbox(std::unique_ptr<sqlite::Database> database,
                             const SqliteOptions& options)
    : database_(std::move(database)),
      walMaxBytes_(options.walMaxBytes),
      statements_(std::make_unique<Statements>(*database_)),
      events_(std::make_unique<EventStatements>(*database_)),
      blobs_(std::make_unique<BlobStatements>(*database_)),
      fleet_(std::make_unique<FleetStatements>(*database_)) {
  // Takes the place of the automatic checkpoint, which would run on the path of a commit.
  sqlite3_wal_hook(database_->raw(), &keepWalPages, &walPages_);
}

SqliteMailbox::~SqliteMailbox() { rollback(); }

Status SqliteMailbox::beginWrite() {
  if (inTransaction_) {
    if (!database_->inAutocommit()) return {};
    return Error{ErrorCode::kJournalIo,
                 database_->path() + ": SQLite has given the transaction up"};
  }
  sqlite::Execution begin(statements_->begin);
  BELAY_TRY(begin.run());
  inTransaction_ = true;
  return {};
}

Status SqliteMailbox::commit() {
  if (!inTransaction_) return {};
  BELAY_TRY(beginWrite());
  sqlite::Execution commit(statements_->commit);
  BELAY_TRY(commit.run());
  inTransaction_ = false;
  return {};
}

void SqliteMailbox::rollback() noexcept {
  if (!std::exchange(inTransaction_, false) || database_->inAutocommit()) return;
  sqlite::Execution rollback(statements_->rollback);
  // What fails here is found by the next write.
  static_cast<void>(rollback.run());
}

Status SqliteMailbox::addToken(const TokenRow& row) {
  return write(statements_->addToken, row.digest, row.role, row.label, row.createdMs, row.expiresMs,
               row.host);
}

Result<std::optional<TokenRow>> SqliteMailbox::token(std::string_view digest) {
  sqlite::Execution rows(statements_->token, digest);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? std::optional(tokenOf(rows)) : std::nullopt;
}

Result<std::vector<TokenRow>> SqliteMailbox::tokens() {
  sqlite::Execution rows(statements_->tokens);
  std::vector<TokenRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(tokenOf(rows));
  }
}

Result<bool> SqliteMailbox::removeToken(std::string_view prefix) {
  std::string digest;
  {
    // "g" comes behind every hex digit.
    const std::string end = std::string(prefix) + "g";
    sqlite::Execution rows(statements_->tokensByPrefix, prefix, end);
    BELAY_ASSIGN(const bool found, rows.next());
    if (!found || prefix.empty()) return false;
    digest = rows.string(0);
    BELAY_ASSIGN(const bool another, rows.next());
    if (another) {
      return Error{ErrorCode::kInvalidArgument,
                   "several tokens begin with " + std::string(prefix),
                   {"belay-relay tokens list"}};
    }
  }
  BELAY_TRY(write(statements_->removeToken, digest));
  return true;
}

Status SqliteMailbox::enrol(std::string_view tokenDigest, const HostRow& host, std::int64_t nowMs) {
  BELAY_ASSIGN(const std::optional<TokenRow> known, token(tokenDigest));
  if (!known || known->role != kHostRole) return noToken("is not known");
  if (known->expiresMs <= nowMs) return noToken("has expired");
  if (!known->host.empty()) {
    BELAY_ASSIGN(const std::optional<std::int64_t> there, number(host.id));
    const bool again = known->host == host.id && there;
    return again ? Status{} : noToken("has been used");
  }
  BELAY_TRY(write(statements_->addHost, host.id, host.jwk, host.label, nowMs));
  return write(statements_->useToken, host.id, tokenDigest);
}

Result<std::optional<HostRow>> SqliteMailbox::host(std::string_view id) {
  sqlite::Execution rows(statements_->host, id);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? std::optional(hostOf(rows)) : std::nullopt;
}

Result<std::vector<HostRow>> SqliteMailbox::hosts() {
  sqlite::Execution rows(statements_->hosts);
  std::vector<HostRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(hostOf(rows));
  }
}

Result<std::optional<std::int64_t>> SqliteMailbox::number(std::string_view host) {
  sqlite::Execution rows(statements_->hostNumber, host);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? std::optional(rows.integer(0)) : std::nullopt;
}

Result<bool> SqliteMailbox::removeHost(std::string_view id) {
  BELAY_ASSIGN(const std::optional<std::int64_t> host, number(id));
  if (!host) return false;
  BELAY_TRY(removeBlobs(*host));
  BELAY_TRY(removeStarts(*host));
  for (sqlite::Statement* const statement :
       {&statements_->removeMessages, &statements_->removeCallbacks, &statements_->removeHooks,
        &statements_->removeDecisions, &statements_->removeApprovals, &statements_->removeHost}) {
    BELAY_TRY(write(*statement, *host));
  }
  return true;
}

Result<bool> SqliteMailbox::setCard(std::string_view id, std::int64_t counter,
                                    std::string_view card, std::string_view label) {
  BELAY_ASSIGN(const std::optional<std::int64_t> host, number(id));
  if (!host) return Error{ErrorCode::kRelayHost, "there is no host " + std::string(id)};
  BELAY_TRY(write(statements_->setCard, counter, card, *host, label));
  return database_->changes() > 0;
}

Result<std::string> SqliteMailbox::card(std::string_view id) {
  sqlite::Execution rows(statements_->card, id);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? rows.string(0) : std::string();
}

Status SqliteMailbox::setConnected(std::string_view id, bool connected, std::int64_t seenMs) {
  return write(statements_->setConnected, connected, seenMs, id);
}

Result<OpenedSession> SqliteMailbox::openSession(std::string_view id, std::string_view statement,
                                                 std::int64_t nowMs) {
  BELAY_ASSIGN(const std::optional<std::int64_t> host, number(id));
  if (!host) return Error{ErrorCode::kRelayHost, "there is no host " + std::string(id)};
  OpenedSession opened;
  {
    sqlite::Execution rows(statements_->lastSession, *host);
    BELAY_TRY(rows.next());
    opened = {rows.integer(0) + 1, rows.string(1)};
  }
  BELAY_TRY(write(statements_->openSession, statement, nowMs, *host));
  return opened;
}

Result<Totals> SqliteMailbox::totals() {
  sqlite::Execution rows(statements_->totals);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return Totals{};
  return Totals{rows.integer(0), rows.integer(1), rows.integer(2),
                rows.integer(3), rows.integer(4), rows.integer(5)};
}

Status SqliteMailbox::sweep(std::int64_t nowMs, std::size_t most) {
  BELAY_TRY(write(statements_->sweepTokens, nowMs, most));
  BELAY_TRY(write(statements_->sweepCallbacks, nowMs, most));
  BELAY_TRY(sweepEvents(nowMs, most));
  BELAY_TRY(sweepBlobs(nowMs, most));
  const std::int64_t gone = nowMs - kApprovalsKept.count();
  BELAY_TRY(sweepStarts(gone, most));
  BELAY_TRY(write(statements_->sweepApprovals, gone, most));
  return database_->changes() > 0 ? write(statements_->sweepDecisions) : Status{};
}

Status SqliteMailbox::upkeep(bool idle) {
  const auto walBytes = static_cast<std::uint64_t>(walPages_) * kFrameBytes;
  const bool due = walBytes >= walMaxBytes_ || (idle && walPages_ >= kIdlePages);
  if (!due || inTransaction_) return {};
  const int done = sqlite3_wal_checkpoint_v2(database_->raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                             nullptr, nullptr);
  if (done == SQLITE_OK) {
    walPages_ = 0;
    return {};
  }
  const Error error = database_->error(done, "checkpoint");
  // A full disk loses nothing: the next call tries again.
  return error.code == ErrorCode::kDiskFull ? Status{} : Status{error};
}

}  // namespace belay::mailbox
