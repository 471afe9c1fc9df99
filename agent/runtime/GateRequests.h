#pragma once

#include <cstdint>
#include <optional>

#include "agent/runtime/Core.h"
#include "agent/trust/Gate.h"
#include "common/statement/Request.h"

namespace belay::runtime {

// What people of the roster are asked. Threads: the loop.

/// The request of an approval that is about to be opened, for people of the roster; nothing where
/// policy and roster leave it to this host's operators (class local).
/// `rendered`: the approval's options, and of a review its effect.
/// Errors: kGateUnanswerable, kInvalidArgument when it is too large.
base::Result<std::optional<statement::Request>> askPeople(Core& core, const LiveRun& run,
                                                          const engine::WaitOpened& opened,
                                                          const json::Value& rendered);

/// The same once more, of this host as it is now: its epoch, key and roster. `opened` has the id of
/// the new wait and the request of the old one. Errors: kGateUnanswerable.
base::Result<statement::Request> askAnew(Core& core, const engine::WaitOpened& opened,
                                         std::int64_t leftMs);

}  // namespace belay::runtime
