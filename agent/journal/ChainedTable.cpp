#include "agent/journal/ChainedTable.h"

namespace belay::journal {

std::string nameOfRow(std::int64_t number, std::string_view chain) {
  return "row " + std::to_string(number) + " of " + std::string(chain);
}

base::Error brokenRow(std::int64_t number, std::string_view chain, std::string_view why) {
  return base::Error{base::ErrorCode::kJournalChainBroken,
                     nameOfRow(number, chain) + ": " + std::string(why),
                     {"belay journal verify"}};
}

}  // namespace belay::journal
