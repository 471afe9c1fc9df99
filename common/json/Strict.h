#pragma once

#include <string_view>

#include "common/base/Result.h"
#include "common/json/Json.h"

namespace belay::json {

/// Walks a text by the grammar of RFC 8259 and says where it leaves it. cJSON reads more than JSON
/// (01, raw control characters, duplicate names, a NUL that ends a string), so nothing reaches it
/// unchecked.
base::Status checkStrict(std::string_view text, const ParseLimits& limits);

}  // namespace belay::json
