#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/journal/ChainedTable.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// One row of the ledger of scrubs: where a value was taken out that should never have been there.
/// Never changed, never removed.
struct ScrubRow {
  std::int64_t number = 0;  ///< From 1, no gaps. Given by the table.
  std::int64_t atMs = 0;
  std::string by;      ///< Who did it, by the kernel's word.
  std::string secret;  ///< Names of what was looked for, never values.
  std::string place;   ///< "event", "resource", or the name of a table or folder.
  std::string run;     ///< Of an event; else empty, and `seq` 0.
  std::int64_t seq = 0;
  /// Of an event its hash, which stays; of a resource the digest that it had. 64 digits.
  std::string before;
  /// Of an event the hash that all of it has as it is now; of a resource its digest.
  std::string after;
  std::int64_t count = 0;  ///< Times that it was there.
};

/// The ledger of scrubs, chained by hash. An event that was scrubbed keeps its hash, so that all
/// that was chained to it stays as it was; its row here says what its text is instead.
///
/// Threads: owner. Errors: as Journal says.
class ScrubTable {
 public:
  explicit ScrubTable(Session& session);

  base::Status add(ScrubRow& row);
  /// Whether an event with this hash may be the one whose hash would be `now`: as it was written, or
  /// changed into it by a scrub.
  base::Result<bool> explains(std::string_view run, std::uint64_t seq, const Hash& hash,
                              const Hash& now);

  /// Its rows, in order, to be verified.
  ChainedTable<ScrubRow>& chain() { return chain_; }

 private:
  Session& session_;
  ChainedTable<ScrubRow> chain_;
  sqlite::Statement insert_;
  sqlite::Statement ofEvent_;
};

}  // namespace belay::journal
