#pragma once

#include <string>

#include "agent/cli/Style.h"
#include "common/json/Value.h"

namespace belay::cli {

// Runs for people. Threads: any.

/// What `run show` prints of the data of GET /v1/runs/{run}.
std::string runPage(const Style& style, const json::Value& data, std::int64_t nowMs);
/// One step of it in full.
std::string stepPage(const Style& style, const json::Value& data, std::int64_t nowMs);
/// "started r…", "paused r…": one line about data.run.
std::string runLine(const Style& style, const std::string& verb, const json::Value& data);
/// Of a start that the flow skipped: "skipped: r… has not ended (on_conflict: skip)".
std::string skippedText(const json::Value& data);
/// The commands of `actions`, under a heading; empty when there are none.
std::string actionsPage(const Style& style, const json::Value* actions);
/// A value on one line, shortened.
std::string brief(const json::Value& value, std::size_t columns = 100);

}  // namespace belay::cli
