#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "agent/journal/Reserve.h"
#include "common/base/Clock.h"
#include "common/log/Log.h"
#include "common/sqlite/Database.h"
#include "common/sqlite/Statement.h"

namespace belay::journal {

/// The journal's connection with its one open transaction, and what failures do to it.
///
/// A failure that leaves it unknown what is on disk poisons the session: every later call returns
/// that first error. A full disk rolls the transaction back whole and gives the reserve up.
///
/// Threads:   owner.
/// Ownership: must outlive the tables that write through it; borrows the log.
class Session {
 public:
  struct Options {
    std::uint64_t walMaxBytes = 0;
    bool readOnly = false;
  };
  Session(std::unique_ptr<sqlite::Database> database, Reserve reserve, const Options& options,
          log::Log& log);
  /// Rolls back what was not committed.
  ~Session() noexcept;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  sqlite::Database& database() { return *database_; }

  /// Runs a statement that writes, in the open transaction or in a new one.
  template <typename... Values>
  base::Status write(sqlite::Statement& statement, const Values&... values) {
    BELAY_TRY(beginWrite());
    sqlite::Execution execution(statement, values...);
    return settle(execution.run());
  }
  /// Opens the transaction when there is none.
  base::Status beginWrite();
  /// Passes the outcome of a write on, after drawing the consequences of an error.
  base::Status settle(base::Status outcome);
  /// The error that poisoned the session.
  base::Status usable() const;

  base::Status commit();
  void rollback() noexcept;
  bool inTransaction() const { return inTransaction_; }
  /// kConflict inside a transaction: for upkeep, which has transactions of its own.
  base::Status outsideTransaction(const char* what) const;
  /// Grows with every rollback: what was kept of uncommitted rows is then stale.
  std::uint64_t rollbacks() const { return rollbacks_; }
  std::uint64_t commits() const { return commits_; }

  base::Status upkeep(bool idle);
  /// Moves the WAL's pages into the file; the next commit writes the WAL from its beginning again.
  base::Status checkpoint();
  std::uint64_t walBytes() const;

  bool fullMode() const { return fullMode_; }
  void enterFullMode(const base::Error& error) noexcept;
  base::Status recoverReserve();
  /// Takes the reserve at the start; a disk without room starts in full mode.
  base::Status takeReserve();

 private:
  /// Poisons when the file is not under its name any more: what is written would be lost.
  base::Status stillThere();
  /// Poisons when the open transaction is not open any more.
  base::Status intact();
  base::Status poison(base::Error error);
  void forgetTransaction() noexcept;

  // Constant after construction.
  const std::unique_ptr<sqlite::Database> database_;
  const Options options_;
  log::Log& log_;

  Reserve reserve_;
  sqlite::Statement begin_;
  sqlite::Statement commit_;
  sqlite::Statement rollback_;
  std::optional<base::Error> poison_;
  bool inTransaction_ = false;
  bool fullMode_ = false;
  std::uint64_t inode_ = 0;  // of the file when it was opened
  int walPages_ = 0;         // written by SQLite's hook after each commit
  std::uint64_t commits_ = 0;
  std::uint64_t commitsSeen_ = 0;  // when the file was last looked for
  std::uint64_t rollbacks_ = 0;
};

}  // namespace belay::journal
