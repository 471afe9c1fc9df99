#pragma once

#include <cstdint>
#include <string>

#include "agent/api/Reads.h"
#include "agent/runtime/Pins.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::api {

// Whom the host believes, and signed pins, as the API shows them. Threads: the journal's owner.

/// {"fleet","name","root","roster"}: what there is of them.
json::Value trustToJson(journal::Journal& journal, const runtime::HostTrust& trust,
                        std::int64_t nowMs);
json::Value pinToJson(const runtime::AcceptedPin& accepted);
/// Adds `pin` and `pin_waiting` of a flow, where there are some.
base::Status addPins(ReadContext& context, const std::string& flow, json::Value& out);
base::Result<json::Value> readTrust(ReadContext& context, const ReadArguments& arguments);

}  // namespace belay::api
