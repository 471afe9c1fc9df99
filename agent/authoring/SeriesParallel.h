#pragma once

#include <cstddef>
#include <vector>

namespace belay::authoring {

/// Part of a plan: one step, parts one after another, or parts side by side.
struct Part {
  enum class Kind { kStep, kSeries, kParallel } kind = Kind::kStep;
  std::size_t step = 0;
  std::vector<Part> parts;
};

struct Plan {
  Part whole;
  bool exact = true;    ///< Else steps wait for more than they asked for.
  bool cyclic = false;  ///< Then there is no plan.
};

/// Makes series and parallel parts of a graph: `before[i]` are the steps that step i waits for.
/// Where the graph is no such composition, its levels follow each other, which keeps every order
/// that was asked for and adds some.
Plan planOf(const std::vector<std::vector<std::size_t>>& before);

}  // namespace belay::authoring
