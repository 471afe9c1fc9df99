#pragma once

#include <string>
#include <string_view>

#include "agent/cli/Invocation.h"
#include "common/json/Value.h"

namespace belay::cli {

/// "/v1/schedules/SLUG/ID" and `suffix` for the first argument: SLUG/ID, or the SLUG of a flow with
/// one schedule. Errors: kUsage naming the schedules when there are several, kNotFound.
base::Result<std::string> schedulePath(Invocation& invocation, std::string_view suffix = {});

/// Rows of a ledger as a table.
std::string ledgerTable(const Style& style, const json::Value& rows, std::int64_t nowMs);
/// Due times that are to come, one a line.
std::string nextTable(const Style& style, const json::Value& next, std::int64_t nowMs);

}  // namespace belay::cli
