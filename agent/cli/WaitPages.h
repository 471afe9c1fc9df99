#pragma once

#include <string>

#include "agent/cli/Style.h"
#include "common/json/Value.h"

namespace belay::cli {

/// A wait for people: what is asked, about which artifacts, with which form, until when.
std::string waitPage(const Style& style, const json::Value& wait, std::int64_t nowMs);

}  // namespace belay::cli
