#pragma once

#include <optional>
#include <string>

#include "agent/journal/Chain.h"
#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// One row of the host's chain: run `runId` ended at its event `runSeq`, whose hash is `runHash`.
struct SealRow {
  std::uint64_t seq = 0;
  std::int64_t atMs = 0;
  std::string runId;
  std::uint64_t runSeq = 0;
  Hash runHash{};
  Hash hash{};
};

/// The chain over the runs that ended. Its prefix can be cut off; an anchor keeps the hash that the
/// first row that is left must follow.
///
/// Threads: owner. Errors: as Journal says.
class HostChain {
 public:
  /// Where the chain is, or where it begins.
  struct End {
    std::uint64_t seq = 0;
    Hash hash{};
  };
  explicit HostChain(Session& session);

  base::Status seal(std::string_view runId, const RunHead& head, std::int64_t atMs);
  /// The row after `seq`.
  base::Result<std::optional<SealRow>> after(std::uint64_t seq);
  /// What the first row follows: the anchor, or the start of all chains.
  base::Result<End> anchor();
  /// Where the chain is.
  base::Result<End> end();
  /// Cuts off the rows up to `last`, the anchor takes their place.
  base::Status cut(const SealRow& last, std::int64_t atMs);
  /// Checks the last `most` rows against each other.
  base::Status checkLast(std::size_t most);

  /// True when `row` follows `end`, by number and hash.
  static bool follows(const SealRow& row, const End& end);

 private:
  base::Result<End> readEnd(sqlite::Statement& statement, bool& found);
  base::Result<SealRow> readRow(const sqlite::Execution& rows);

  Session& session_;
  sqlite::Statement insert_;
  sqlite::Statement last_;
  sqlite::Statement after_;
  sqlite::Statement backwards_;
  sqlite::Statement readAnchor_;
  sqlite::Statement writeAnchor_;
  sqlite::Statement cut_;
  // The end with the rows of the open transaction; read again after a rollback.
  std::optional<End> end_;
  std::uint64_t endRollbacks_ = 0;
};

}  // namespace belay::journal
