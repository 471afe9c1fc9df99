#pragma once

#include <string>

#include "agent/cli/Style.h"
#include "common/json/Value.h"

namespace belay::cli {

/// A wait for people: what is asked, about which artifacts, with which form, until when.
/// What a review asks for: the effect as it would be, line by line; empty for other requests.
std::string effectPage(const Style& style, const json::Value& request);
std::string waitPage(const Style& style, const json::Value& wait, std::int64_t nowMs,
                     const std::string& place);

}  // namespace belay::cli
