#include "agent/journal/ChainedTable.h"

#include <algorithm>
#include <limits>

namespace belay::journal {

std::string nameOfRow(std::int64_t number, std::string_view chain) {
  return "row " + std::to_string(number) + " of " + std::string(chain);
}

base::Error brokenRow(std::int64_t number, std::string_view chain, std::string_view why) {
  return base::Error{base::ErrorCode::kJournalChainBroken,
                     nameOfRow(number, chain) + ": " + std::string(why),
                     {"belay explain BLY-JOURNAL-CHAIN-BROKEN"}};
}

base::Status RowChain::checkLast(std::size_t most) {
  BELAY_ASSIGN(const ChainEnd last, end());
  ChainEnd at = start();
  std::int64_t from = std::numeric_limits<std::int64_t>::min();
  // A row that was put there may have any number.
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  if (const auto skipped = static_cast<std::int64_t>(most); last.number > skipped) {
    BELAY_TRY(follow(last.number - skipped, at, nullptr));
    from = std::min(at.number, kLast - 1) + 1;
  }
  while (true) {
    std::string bad;
    BELAY_ASSIGN(const bool more, follow(from, at, &bad));
    if (!more) return {};
    if (!bad.empty()) {
      return base::Error{base::ErrorCode::kJournalChainBroken,
                         bad + ": it does not follow",
                         {"belay explain BLY-JOURNAL-CHAIN-BROKEN"}};
    }
    from = std::min(at.number, kLast - 1) + 1;
  }
}

}  // namespace belay::journal
