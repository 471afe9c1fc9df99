#pragma once

#include "common/sqlite/Database.h"

namespace belay::sqlite {

/// A write transaction that is rolled back unless it was committed.
///
/// Threads:   the owner thread of the database.
/// Ownership: the database must outlive it.
class Transaction {
 public:
  static base::Result<Transaction> begin(Database& database) {
    BELAY_TRY(database.exec("BEGIN IMMEDIATE", "begin"));
    return Transaction(database);
  }
  ~Transaction() noexcept {
    // Also not open any more when SQLite itself has rolled back.
    if (database_ == nullptr || database_->inAutocommit()) return;
    static_cast<void>(database_->exec("ROLLBACK", "rollback"));
  }
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// Durability: with synchronous=FULL, all is on disk on success. After an error other than
  /// kDiskFull it is not known whether it will be there after a restart.
  base::Status commit() {
    BELAY_TRY(database_->exec("COMMIT", "commit"));
    database_ = nullptr;
    return {};
  }

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace belay::sqlite
