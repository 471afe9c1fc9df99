#pragma once

#include <string>
#include <vector>

namespace belay::sim {

/// A flow of a simulation, which is the draft of its slug.
struct SimFlow {
  std::string slug;
  std::string format;  ///< "yaml" or "js", as journals have it.
  std::string text;
};

using SimFlows = std::vector<SimFlow>;

}  // namespace belay::sim
