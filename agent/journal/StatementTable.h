#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/ChainedTable.h"
#include "agent/journal/Session.h"
#include "agent/journal/StatementLedger.h"

namespace belay::journal {

/// The rows of the ledger of statements, chained by hash.
///
/// Threads: owner. Errors: as Journal says.
class StatementTable {
 public:
  explicit StatementTable(Session& session);

  base::Status add(StatementRow& row);
  base::Result<std::vector<StatementRow>> list(StatementKind kind, std::string_view subject,
                                               std::size_t most);
  base::Result<std::vector<StatementRow>> forks(std::size_t most);
  base::Result<bool> isKnownFork(StatementKind kind, std::string_view digest);

  /// Its rows, in order, to be verified.
  ChainedTable<StatementRow>& chain() { return chain_; }

 private:
  Session& session_;
  ChainedTable<StatementRow> chain_;
  sqlite::Statement insert_;
  sqlite::Statement list_;
  sqlite::Statement forks_;
  sqlite::Statement knownFork_;
};

}  // namespace belay::journal
