#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/ChainedTable.h"
#include "agent/journal/FlowLedger.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// The rows of the ledger of flows, chained by hash.
///
/// Threads: owner. Errors: as Journal says.
class LedgerTable {
 public:
  explicit LedgerTable(Session& session);

  base::Status add(FlowChangeRow& row);
  base::Result<std::optional<FlowChangeRow>> last(std::string_view slug, FlowChange what);
  base::Result<std::vector<FlowChangeRow>> list(std::string_view slug, FlowChange what,
                                                std::int64_t before, std::size_t most);
  base::Result<std::optional<FlowChangeRow>> release(std::string_view slug, std::int64_t release);
  base::Result<std::optional<FlowChangeRow>> releaseOf(std::string_view slug,
                                                       std::string_view digest);

  /// Its rows, in order, to be verified.
  ChainedTable<FlowChangeRow>& chain() { return chain_; }

 private:
  base::Result<std::optional<FlowChangeRow>> readOne(sqlite::Execution& rows);

  Session& session_;
  ChainedTable<FlowChangeRow> chain_;
  sqlite::Statement insert_;
  sqlite::Statement list_;
  sqlite::Statement release_;
  sqlite::Statement releaseOf_;
};

}  // namespace belay::journal
