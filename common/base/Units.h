#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::base {

/// Parses "250ms", "10s", "5m", "2h", "7d", "1h30m"; a bare number is refused, as is more than 10
/// years. Errors: kInvalidArgument, which names the text and shows an example.
Result<std::chrono::milliseconds> parseDuration(std::string_view text);

/// The shortest exact form that parseDuration reads back: "1h30m", "250ms", "0s".
std::string formatDuration(std::chrono::milliseconds duration);

/// Parses "512", "64 KiB", "16MiB", "2 GB" (B, kB, MB, GB = powers of 1,000; KiB, MiB, GiB = powers
/// of 1,024).
Result<std::uint64_t> parseBytes(std::string_view text);

/// For people: "1.5 MiB", "512 B".
std::string formatBytes(std::uint64_t bytes);

/// RFC 3339 in UTC with milliseconds: "2026-11-21T01:02:03.004Z".
std::string formatInstant(std::int64_t wallMs);
/// Parses RFC 3339 with any offset into milliseconds since 1970; years 1970 to 9999.
Result<std::int64_t> parseInstant(std::string_view text);

}  // namespace belay::base
