#include "agent/journal/ChainedTable.h"

#include <limits>

namespace belay::journal {

std::string nameOfRow(std::int64_t number, std::string_view chain) {
  return "row " + std::to_string(number) + " of " + std::string(chain);
}

base::Error brokenRow(std::int64_t number, std::string_view chain, std::string_view why) {
  return base::Error{base::ErrorCode::kJournalChainBroken,
                     nameOfRow(number, chain) + ": " + std::string(why),
                     {"belay journal verify"}};
}

base::Status RowChain::checkLast(std::size_t most) {
  BELAY_ASSIGN(const ChainEnd last, end());
  ChainEnd at = start();
  std::int64_t from = std::numeric_limits<std::int64_t>::min();
  if (const std::int64_t before = last.number - static_cast<std::int64_t>(most); before > 0) {
    BELAY_TRY(follow(before, at, nullptr));
    from = at.number + 1;
  }
  while (true) {
    std::string bad;
    BELAY_ASSIGN(const bool more, follow(from, at, &bad));
    if (!more) return {};
    if (!bad.empty()) {
      return base::Error{base::ErrorCode::kJournalChainBroken,
                         bad + ": it does not follow",
                         {"belay journal verify"}};
    }
    from = at.number + 1;
  }
}

}  // namespace belay::journal
