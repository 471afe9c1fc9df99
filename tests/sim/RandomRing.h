#pragma once

#include <string>
#include <vector>

#include "tests/support/SeededRandom.h"

namespace belay::sim {

/// A flow of which there are many releases.
struct RingFlow {
  std::string slug;
  std::string onNewRelease;  ///< Of all its releases.
  std::string text;

  /// The text of a release that differs from all others.
  std::string release(std::uint64_t number) const {
    return text + "description: release " + std::to_string(number) + "\n";
  }
};

/// Bounded flows that start each other, and themselves, as deep as their input says: where each
/// waits for the slot of another, somebody has to give way.
std::vector<RingFlow> randomRing(test::SeededRandom& random);

}  // namespace belay::sim
