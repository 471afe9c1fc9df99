#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/Chain.h"
#include "agent/journal/Session.h"
#include "agent/journal/StatementLedger.h"

namespace belay::journal {

/// The rows of the ledger of statements, chained by hash.
///
/// Threads: owner. Errors: as Journal says.
class StatementTable {
 public:
  /// Where the chain is, or where it begins.
  struct End {
    std::int64_t number = 0;
    Hash hash{};
  };
  /// A row as it is on disk.
  struct Kept {
    StatementRow row;
    Hash hash{};
  };
  explicit StatementTable(Session& session);

  base::Status add(StatementRow& row);
  base::Result<std::vector<StatementRow>> list(StatementKind kind, std::string_view subject,
                                               std::size_t most);
  base::Result<std::vector<StatementRow>> forks(std::size_t most);
  base::Result<bool> isKnownFork(StatementKind kind, std::string_view digest);

  /// The row after number `number`.
  base::Result<std::optional<Kept>> after(std::int64_t number);
  static End start();
  /// True when `kept` follows `end`, by number and hash.
  static bool follows(const Kept& kept, const End& end);
  /// Checks the last `most` rows against each other.
  base::Status checkLast(std::size_t most);

 private:
  base::Result<std::vector<StatementRow>> readAll(sqlite::Execution& rows);

  Session& session_;
  sqlite::Statement insert_;
  sqlite::Statement end_;
  sqlite::Statement list_;
  sqlite::Statement forks_;
  sqlite::Statement knownFork_;
  sqlite::Statement after_;
  sqlite::Statement backwards_;
};

}  // namespace belay::journal
