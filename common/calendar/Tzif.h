#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/calendar/ZoneOffset.h"

namespace belay::calendar {

/// What a TZif file says (RFC 9636), versions 1 to 4.
struct TzifTable {
  std::vector<Instant> changes;     ///< Ascending, each once.
  std::vector<std::uint8_t> types;  ///< As many as changes: index of the offset that begins.
  std::vector<ZoneOffset> offsets;  ///< At least one; the first holds before the first change.
  std::string rule;                 ///< PosixRule for the time after the table; empty: none.
};

/// No zone's file is larger; the largest of tzdata has a few kilobytes.
inline constexpr std::size_t kTzifBytesMax = 256 * 1024;

/// Errors: kTimeZone, which says what is wrong: not a TZif file, cut short, a count, index or
/// offset out of range, times out of order, or leap seconds (files of zoneinfo/right), which are
/// refused, because the host's clock does not count them.
base::Result<TzifTable> parseTzif(std::string_view bytes);

}  // namespace belay::calendar
