#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace belay::base {

/// The beginning of `text` of at most `most` bytes that does not end within a character, where
/// `text` is UTF-8. Of other bytes it is some beginning of at most `most` bytes.
constexpr std::string_view wholeCharacters(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

/// The same for people: "…" stands for what was left out.
std::string shortened(std::string_view text, std::size_t most);

}  // namespace belay::base
