#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace belay::base {

bool equalsIgnoringCase(std::string_view a, std::string_view b);
std::string toLower(std::string_view text);
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);

/// The candidate nearest to `word` by edit distance (swaps count once), if it is near enough to be
/// meant.
std::optional<std::string> nearest(std::string_view word,
                                   std::span<const std::string_view> candidates);

/// True when `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool isUtf8(std::string_view text);

/// Control, bidirectional and zero-width characters as visible escapes, so that text cannot hide or
/// move text on a terminal. Newline and tab stay when `keepLines`.
std::string visible(std::string_view text, bool keepLines = false);

/// Decimal without sign, the whole text; nothing on overflow.
std::optional<std::uint64_t> parseUnsigned(std::string_view text);

std::string toHex(std::span<const std::uint8_t> bytes);
std::optional<std::vector<std::uint8_t>> fromHex(std::string_view text);

/// RFC 4648 §4 with padding, and §5 without; decoding is strict (no spaces, canonical last bits).
std::string toBase64(std::string_view bytes);
std::string toBase64Url(std::string_view bytes);
std::optional<std::string> fromBase64(std::string_view text);
std::optional<std::string> fromBase64Url(std::string_view text);

/// Compares in a time that depends on the lengths only.
bool equalsInConstantTime(std::string_view a, std::string_view b);

}  // namespace belay::base
