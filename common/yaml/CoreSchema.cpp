#include "common/yaml/CoreSchema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace belay::yaml {

namespace {

constexpr std::uint64_t kExactMax = 1ULL << 53;
constexpr std::string_view kNotExact =
    "is a whole number beyond 2^53, which would lose digits; quote it to keep it as text";

bool isOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool allOf(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

std::string_view withoutSign(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return text;
}

std::string_view takeDigits(std::string_view& rest) {
  const std::size_t count = std::min(rest.find_first_not_of("0123456789"), rest.size());
  const std::string_view digits = rest.substr(0, count);
  rest.remove_prefix(count);
  return digits;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool isFloat(std::string_view text) {
  std::string_view rest = withoutSign(text);
  const bool whole = !takeDigits(rest).empty();
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    if (takeDigits(rest).empty() && !whole) return false;
  } else if (!whole) {
    return false;
  }
  if (!rest.empty() && (rest[0] == 'e' || rest[0] == 'E')) {
    rest = withoutSign(rest.substr(1));
    if (takeDigits(rest).empty()) return false;
  }
  return rest.empty();
}

Resolved wholeNumber(std::string_view digits, int base, bool negative) {
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  static_cast<void>(end);
  if (error != std::errc() || number > kExactMax) return {{}, kNotExact};
  const double magnitude = static_cast<double>(number);
  return {json::Value(negative && number != 0 ? -magnitude : magnitude), {}};
}

Resolved decimalFraction(std::string_view text) {
  // strtod, not from_chars: that one does not tell "too large" from "rounds to zero".
  const double number = std::strtod(std::string(text).c_str(), nullptr);
  if (!std::isfinite(number)) return {{}, "is too large for a number; quote it to keep it as text"};
  return {json::Value(number), {}};
}

}  // namespace

Resolved resolvePlain(std::string_view text) {
  if (isOneOf(text, {"", "~", "null", "Null", "NULL"})) return {};
  if (isOneOf(text, {"true", "True", "TRUE"})) return {json::Value(true), {}};
  if (isOneOf(text, {"false", "False", "FALSE"})) return {json::Value(false), {}};
  const std::string_view unsignedText = withoutSign(text);
  if (allOf(unsignedText, "0123456789")) return wholeNumber(unsignedText, 10, text[0] == '-');
  if (text.starts_with("0o") && allOf(text.substr(2), "01234567"))
    return wholeNumber(text.substr(2), 8, false);
  if (text.starts_with("0x") && allOf(text.substr(2), "0123456789abcdefABCDEF")) {
    return wholeNumber(text.substr(2), 16, false);
  }
  if (isFloat(text)) return decimalFraction(text);
  if (isOneOf(unsignedText, {".inf", ".Inf", ".INF"}) || isOneOf(text, {".nan", ".NaN", ".NAN"})) {
    return {{}, "is no number that JSON can hold; quote it to keep it as text"};
  }
  return {json::Value(text), {}};
}

}  // namespace belay::yaml
