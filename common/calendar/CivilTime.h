#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::calendar {

/// A moment that is the same everywhere: seconds since 1970-01-01T00:00:00Z without leap seconds.
using Instant = std::chrono::sys_seconds;
/// What clocks on the wall of some place show; which instant that is, if any, its TimeZone knows.
using LocalTime = std::chrono::local_seconds;

/// The end of the calendar here: 9999-12-31T23:59:59Z. Nothing is due after it.
inline constexpr Instant kLastInstant =
    std::chrono::sys_days{std::chrono::year{9999} / 12 / 31} + std::chrono::seconds{86'399};

/// Parses "2026-12-24T18:00" or "2026-12-24T18:00:30" (a blank may stand for the T), without any
/// zone or offset; years 1970 to 9999.
/// Errors: kScheduleInvalid, which names the text and shows an example.
base::Result<LocalTime> parseLocalTime(std::string_view text);

/// "2026-12-24T18:00:30".
std::string formatLocalTime(LocalTime time);
/// "+02:00", "-03:30"; with seconds where the offset has some.
std::string formatOffset(std::chrono::seconds offset);

}  // namespace belay::calendar
