#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace belay::fuzz {

/// The bytes that libFuzzer gives, as text; nothing is added, so a read past their end is found.
inline std::string_view textOf(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The text before the first `mark` and the text after it; without a mark the second is empty.
inline std::pair<std::string_view, std::string_view> split(std::string_view text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

}  // namespace belay::fuzz
