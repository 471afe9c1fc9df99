#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/flow/Family.h"
#include "common/json/Value.h"

namespace belay::authoring {

// What the tables of the flow language say, for those who write flows: nothing of it is written
// twice.

/// {"family","help","effect","timeout","kind","keys","exactly_one","options"}: the keys that stand
/// under the family's own, and those that every step of it takes.
json::Value describeFamily(const flow::FamilyRow& row);

/// One key: {"key","kind","required","template","secrets","default","choices","least","most",
/// "measure","help","keys"}; what does not apply is left out.
json::Value describeKey(const flow::KeyRow& row);

/// A small flow that shows one thing.
struct Example {
  std::string_view title;
  std::string_view text;  ///< The whole flow, its comment with the title included.
};

/// The examples of a family, which are inside the binary; empty for a name that has none.
std::vector<Example> examplesOf(std::string_view family);

}  // namespace belay::authoring
