#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/json/Value.h"

namespace belay::script {

/// The form in which steps give text: `{text, truncated, ref}`, whatever its size, so that its type
/// never changes. In expressions it reads as a string. `ref` names the resource with the whole
/// text, or is null.
json::Value makeTextOutput(std::string text, bool truncated = false,
                           std::optional<std::string> ref = std::nullopt);

/// Whether a value is an object of exactly these three members, `text` being a string.
bool isTextOutput(const json::Value& value);

/// The text of a string or of a text output; null pointer for anything else. For options that take
/// a string, whose expression may have given a text output.
const std::string* textOf(const json::Value& value);

}  // namespace belay::script
