#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/Chain.h"
#include "agent/journal/FlowLedger.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// The rows of the ledger of flows, chained by hash.
///
/// Threads: owner. Errors: as Journal says.
class LedgerTable {
 public:
  /// Where the chain is, or where it begins.
  struct End {
    std::int64_t number = 0;
    Hash hash{};
  };
  /// A row as it is on disk.
  struct Kept {
    FlowChangeRow row;
    Hash hash{};
  };
  explicit LedgerTable(Session& session);

  base::Status add(FlowChangeRow& row);
  base::Result<std::optional<FlowChangeRow>> last(std::string_view slug, FlowChange what);
  base::Result<std::vector<FlowChangeRow>> list(std::string_view slug, FlowChange what,
                                                std::int64_t before, std::size_t most);
  base::Result<std::optional<FlowChangeRow>> release(std::string_view slug, std::int64_t release);
  base::Result<std::optional<FlowChangeRow>> releaseOf(std::string_view slug,
                                                       std::string_view digest);

  /// The row after number `number`.
  base::Result<std::optional<Kept>> after(std::int64_t number);
  static End start();
  /// True when `kept` follows `end`, by number and hash.
  static bool follows(const Kept& kept, const End& end);
  /// Checks the last `most` rows against each other.
  base::Status checkLast(std::size_t most);

 private:
  base::Result<std::vector<FlowChangeRow>> readAll(sqlite::Execution& rows);
  base::Result<std::optional<FlowChangeRow>> readOne(sqlite::Execution& rows);

  Session& session_;
  sqlite::Statement insert_;
  sqlite::Statement end_;
  sqlite::Statement list_;
  sqlite::Statement release_;
  sqlite::Statement releaseOf_;
  sqlite::Statement after_;
  sqlite::Statement backwards_;
};

}  // namespace belay::journal
