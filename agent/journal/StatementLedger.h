#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::journal {

/// The kinds of signed statements that a host keeps.
enum class StatementKind : std::uint8_t { kRoot, kRoster, kPin, kCount };

/// What became of one.
enum class StatementFate : std::uint8_t {
  kAccepted,
  kFork,  ///< Refused: correctly signed, and at odds with one that was accepted before.
  kCount
};

/// One row of the ledger of statements. Never changed, never removed.
struct StatementRow {
  std::int64_t number = 0;  ///< Of the row, over all: from 1, no gaps. Given by the journal.
  StatementKind kind = StatementKind::kRoot;
  StatementFate fate = StatementFate::kAccepted;
  std::string subject;  ///< Which chain of its kind: "flow/channel" of a pin, else empty.
  std::int64_t counter = 0;
  std::string digest;       ///< Of the payload: 64 digits.
  std::string text;         ///< The compact JWS as they came, one a line.
  std::int64_t quorum = 0;  ///< So many persons had to sign when it was accepted.
  std::string signers;      ///< "KID person" of each, one a line.
  std::string by;           ///< Who handed it in.
  std::int64_t atMs = 0;
};

/// The signed statements that this host has accepted, and the forks that it has refused: a hash
/// chain of its own (docs/format/journal.md). What is in force follows from it alone.
///
/// Threads:    owner. Errors: as Journal says; kJournalChainBroken for a row that is damaged.
/// Durability: as Journal says.
class StatementLedger {
 public:
  virtual ~StatementLedger() = default;

  /// Appends; gives `row` its number.
  virtual base::Status addStatement(StatementRow& row) = 0;
  /// Accepted ones of a chain, highest counter first.
  virtual base::Result<std::vector<StatementRow>> statements(StatementKind kind,
                                                             std::string_view subject,
                                                             std::size_t most) = 0;
  /// Refused ones of all chains, newest first.
  virtual base::Result<std::vector<StatementRow>> forks(std::size_t most) = 0;
  /// True when this fork has been recorded.
  virtual base::Result<bool> isKnownFork(StatementKind kind, std::string_view digest) = 0;
};

}  // namespace belay::journal
