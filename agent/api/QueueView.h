#pragma once

#include <string>

#include "agent/journal/AdmissionTable.h"
#include "common/json/Value.h"

namespace belay::api {

// Why a run has not begun yet, for people and for programs. Threads: any.

/// "queued behind RUN (position 3 of key "a")": one sentence.
std::string queueReason(const journal::QueuePlace& place);

/// {"for": "slot", "place" or "release", "behind", "position", "key"}; the position where it was
/// counted.
json::Value queueToJson(const journal::QueuePlace& place, bool counted);

}  // namespace belay::api
