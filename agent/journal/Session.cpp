#include "agent/journal/Session.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <utility>

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

/// Below this an idle daemon does not bother to checkpoint.
constexpr int kIdlePages = 1000;
/// A page and its header in the WAL.
constexpr std::uint64_t kFrameBytes = 4096 + 24;

int keepWalPages(void* pages, sqlite3*, const char*, int count) noexcept {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

bool leavesDiskUnknown(ErrorCode code) {
  return code == ErrorCode::kJournalIo || code == ErrorCode::kJournalCorrupt ||
         code == ErrorCode::kJournalForeign;
}

}  // namespace

Session::Session(std::unique_ptr<sqlite::Database> database, Reserve reserve,
                 const Options& options, log::Log& log)
    : database_(std::move(database)),
      options_(options),
      log_(log),
      reserve_(std::move(reserve)),
      begin_(*database_, "begin", "BEGIN IMMEDIATE"),
      commit_(*database_, "commit", "COMMIT"),
      rollback_(*database_, "roll back", "ROLLBACK") {
  struct stat info {};
  if (::lstat(database_->path().c_str(), &info) == 0) inode_ = info.st_ino;
  // Takes the place of the automatic checkpoint, which would run on the path of a commit.
  sqlite3_wal_hook(database_->raw(), &keepWalPages, &walPages_);
}

Session::~Session() noexcept {
  rollback();
  // After an error only a new process may decide what the WAL holds; a reader leaves all as it was.
  const int keepWal = poison_ || options_.readOnly ? 1 : 0;
  sqlite3_db_config(database_->raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keepWal, nullptr);
}

Status Session::usable() const { return poison_ ? Status{*poison_} : Status{}; }

Status Session::intact() {
  // SQLite ends a transaction by itself after some errors of reads. What was written before is gone
  // then, and what would be written now would commit without it.
  if (!database_->inAutocommit()) return {};
  return poison(
      Error{ErrorCode::kJournalIo, database_->path() + ": SQLite has given the transaction up"});
}

Status Session::beginWrite() {
  BELAY_TRY(usable());
  if (inTransaction_) return intact();
  if (options_.readOnly) {
    return Error{ErrorCode::kPermission, database_->path() + " was opened for reading only"};
  }
  sqlite::Execution begin(begin_);
  BELAY_TRY(settle(begin.run()));
  inTransaction_ = true;
  return {};
}

Status Session::settle(Status outcome) {
  if (outcome.ok()) return outcome;
  const Error& error = outcome.error();
  if (leavesDiskUnknown(error.code)) return poison(error);
  if (error.code == ErrorCode::kDiskFull) {
    rollback();
    enterFullMode(error);
  }
  return outcome;
}

Status Session::commit() {
  BELAY_TRY(usable());
  if (!inTransaction_) return {};
  BELAY_TRY(intact());
  {
    sqlite::Execution commit(commit_);
    BELAY_TRY(settle(commit.run()));
  }
  inTransaction_ = false;
  ++commits_;
  return {};
}

void Session::rollback() noexcept {
  if (!inTransaction_) return;
  forgetTransaction();
  if (database_->inAutocommit()) return;
  sqlite::Execution rollback(rollback_);
  Status outcome = rollback.run();
  if (outcome.ok()) return;
  // A rollback that fails leaves SQLite in an error state of its own.
  if (!poison_) poison_ = outcome.error();
}

void Session::forgetTransaction() noexcept {
  inTransaction_ = false;
  ++rollbacks_;
}

Status Session::outsideTransaction(const char* what) const {
  BELAY_TRY(usable());
  if (!inTransaction_) return {};
  return Error{ErrorCode::kConflict, std::string(what) + ": a transaction is open"};
}

Status Session::poison(Error error) {
  if (!poison_) poison_ = std::move(error);
  return *poison_;
}

void Session::enterFullMode(const Error& error) noexcept {
  reserve_.release();
  if (!fullMode_) log_.error("journal.full", error, {{"reserve", "released"}});
  fullMode_ = true;
}

std::uint64_t Session::walBytes() const {
  return static_cast<std::uint64_t>(walPages_) * kFrameBytes;
}

Status Session::upkeep(bool idle) {
  BELAY_TRY(outsideTransaction("upkeep"));
  if (idle || commits_ != commitsSeen_) BELAY_TRY(stillThere());
  commitsSeen_ = commits_;
  const bool due = walBytes() >= options_.walMaxBytes || (idle && walPages_ >= kIdlePages) ||
                   (fullMode_ && walPages_ > 0);
  if (!due) return {};
  Status done = checkpoint();
  // A full disk is the full mode's matter: nothing is lost, and the next call tries again.
  if (!done.ok() && done.error().code == ErrorCode::kDiskFull) return {};
  return done;
}

Status Session::stillThere() {
  struct stat info {};
  const bool there = ::lstat(database_->path().c_str(), &info) == 0;
  if (there && info.st_ino == inode_) return {};
  return poison(Error{ErrorCode::kJournalIo,
                      database_->path() + ": the file was moved or removed while it was in use"});
}

Status Session::checkpoint() {
  BELAY_TRY(outsideTransaction("checkpoint"));
  if (options_.readOnly) return {};
  // PASSIVE is complete when nobody else has the file. It leaves the WAL's blocks in place: writing
  // over them is twice as fast as appending, because no metadata changes.
  const int done = sqlite3_wal_checkpoint_v2(database_->raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                             nullptr, nullptr);
  if (done != SQLITE_OK) return settle(database_->error(done, "checkpoint"));
  walPages_ = 0;
  return {};
}

Status Session::takeReserve() {
  Status taken = reserve_.take();
  if (taken.ok()) return {};
  if (taken.error().code != ErrorCode::kDiskFull) return taken;
  enterFullMode(taken.error());
  return {};
}

Status Session::recoverReserve() {
  BELAY_TRY(usable());
  if (!fullMode_ || !reserve_.hasRoom()) return {};
  BELAY_TRY(reserve_.take());
  fullMode_ = false;
  log_.info("journal.room_again");
  return {};
}

}  // namespace belay::journal
