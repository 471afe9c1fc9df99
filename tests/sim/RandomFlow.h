#pragma once

#include <string>

#include "tests/support/SeededRandom.h"

namespace belay::sim {

/// Whether what a run comes to may depend on the order in which its parts end.
enum class Order { kMatters, kDoesNotMatter };

/// The text of a flow that is valid, ends, and is different for each seed: functions, state, the
/// key-value store, sleeps, approvals, callbacks, events, commands, requests, branches, parallel
/// parts, lists of items, bounded loops, retries and error paths, bounds of how often, defaults,
/// events that it emits, and what it does when it has failed. Each `kv` step adds 1 to the key
/// "total", so that the store tells how many of them took effect. One step at most runs the draft
/// of the flow `child`; none when that is empty.
std::string randomFlow(test::SeededRandom& random, const std::string& slug,
                       const std::string& child, Order order = Order::kMatters);

}  // namespace belay::sim
