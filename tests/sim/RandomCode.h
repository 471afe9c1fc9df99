#pragma once

#include <string>

#include "tests/support/SeededRandom.h"

namespace belay::sim {

/// The text of a flow as code that is valid, ends, and is different for each seed: steps, waits,
/// sleeps, branches, items, loops, errors that are caught. What it comes to does not depend on the
/// order in which its parts end, but where it starts a run of `child`, which a sibling ends. Each
/// `kv` step adds 1 to the key "total".
std::string randomCode(test::SeededRandom& random, const std::string& slug,
                       const std::string& child = "");

}  // namespace belay::sim
