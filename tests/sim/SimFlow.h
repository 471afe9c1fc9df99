#pragma once

#include <string>
#include <vector>

#include "common/crypto/Sha256.h"

namespace belay::sim {

/// A flow of a simulation, which is the draft of its slug.
struct SimFlow {
  std::string slug;
  std::string format;  ///< "yaml" or "js", as journals have it.
  std::string text;

  /// As journals name it.
  std::string digest() const { return "sha256:" + crypto::sha256(text).hex(); }
};

using SimFlows = std::vector<SimFlow>;

}  // namespace belay::sim
