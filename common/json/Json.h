#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::json {

/// Bounds of a text that is parsed; each is an error when it is passed, never a truncation.
struct ParseLimits {
  std::size_t bytesMax = 16u << 20;
  int depthMax = 128;
};

/// Parses strict JSON (RFC 8259): valid UTF-8, no duplicate member names, no trailing bytes, no
/// NUL, no lone surrogates, numbers by the grammar and finite.
///
/// Errors: kJsonSyntax with line, column and JSON Pointer; kLimit.
base::Result<Value> parse(std::string_view text, const ParseLimits& limits = {});

/// The same checks without making a value: for text that is stored and forwarded as it is.
base::Status check(std::string_view text, const ParseLimits& limits = {});

/// Compact JSON. Doubles are written so that they read back the same.
std::string print(const Value& value);
/// For people: two spaces of indentation.
std::string printPretty(const Value& value);

}  // namespace belay::json
