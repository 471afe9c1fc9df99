#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::journal {

/// What can happen to a flow on its way from draft to live.
enum class FlowChange : std::uint8_t {
  kDrafted,     ///< Another content became the draft.
  kReleased,    ///< A content became release `release`, for good.
  kPromoted,    ///< Release `release` became live.
  kRolledBack,  ///< The same, by going back to one that was live before.
  kArchived,
  kUnarchived,
  kCount
};

/// One row of the ledger of flows. Never changed, never removed.
struct FlowChangeRow {
  std::int64_t number = 0;  ///< Of the row, over all flows: from 1, no gaps. Given by the journal.
  std::string slug;
  FlowChange what = FlowChange::kDrafted;
  std::int64_t release = 0;  ///< 0: the change is about none.
  std::string digest;        ///< Of the content; empty when the change is about none.
  std::string note;
  std::string origin;  ///< The file that the content came from; empty: not known.
  std::string by;      ///< "uid:1000 (alice)"
  std::int64_t atMs = 0;
};

/// Releases, promotions, and who made them: a hash chain of its own (docs/format/journal.md). What
/// is live, which releases there are and whether a flow is archived follow from it alone.
///
/// Threads:    owner. Errors: as Journal says; kJournalChainBroken for a row that is damaged.
/// Durability: as Journal says.
class FlowLedger {
 public:
  virtual ~FlowLedger() = default;

  /// Appends; gives `row` its number. kConflict when the flow has this release already.
  virtual base::Status addFlowChange(FlowChangeRow& row) = 0;

  /// The latest change of one kind.
  virtual base::Result<std::optional<FlowChangeRow>> lastFlowChange(std::string_view slug,
                                                                    FlowChange what) = 0;
  /// Changes of one kind with numbers below `before` (0: all), newest first.
  virtual base::Result<std::vector<FlowChangeRow>> flowChanges(std::string_view slug,
                                                               FlowChange what, std::int64_t before,
                                                               std::size_t most) = 0;
  virtual base::Result<std::optional<FlowChangeRow>> release(std::string_view slug,
                                                             std::int64_t release) = 0;
  /// The newest release of this content.
  virtual base::Result<std::optional<FlowChangeRow>> releaseOf(std::string_view slug,
                                                               std::string_view digest) = 0;
};

}  // namespace belay::journal
