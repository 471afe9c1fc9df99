#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::wire {

// Reads the JSON bodies of requests, strictly. Threads: any.

/// Refuses members of `body` that are not in `names` (spaces between).
/// Errors: kInvalidArgument with the nearest name.
base::Status checkMembers(const json::Value& body, std::string_view names);
/// A text member; `required` ones must be there. Errors: kInvalidArgument.
base::Result<std::string> textMember(const json::Value& body, std::string_view name,
                                     bool required = false);
/// A member that is true or false; false when it is not there. Errors: kInvalidArgument.
base::Result<bool> flagMember(const json::Value& body, std::string_view name);
/// A whole number from `least` to `most`; `fallback` when it is not there.
/// Errors: kInvalidArgument.
base::Result<std::int64_t> numberMember(const json::Value& body, std::string_view name,
                                        std::int64_t least, std::int64_t most,
                                        std::int64_t fallback);
/// The text as an object; an empty text is an empty one. Errors: kJsonSyntax, kInvalidArgument.
base::Result<json::Value> parseBody(std::string_view text);

}  // namespace belay::wire
