#pragma once

#include <chrono>
#include <string>

#include "common/calendar/CivilTime.h"

namespace belay::calendar {

/// How a zone's clocks differ from UTC for some time.
struct ZoneOffset {
  std::chrono::seconds fromUtc{0};  ///< Local time minus UTC; less than a day and two hours.
  bool dst = false;
  std::string abbreviation;  ///< "CEST", "-03"; for people only.
};

/// A time in which one offset holds.
///
/// Ownership: `offset` belongs to the zone or rule that gave it.
struct OffsetPeriod {
  Instant begin;  ///< Its first instant; kBeginning for the first period.
  Instant end;    ///< The first instant after it; kEnd for the last one.
  const ZoneOffset* offset;
  std::chrono::seconds before{0};  ///< The offset that held until `begin`.
};

/// Farther than any date, near enough to zero that adding offsets to it does not overflow.
inline constexpr Instant kBeginning{std::chrono::seconds{-(1LL << 60)}};
inline constexpr Instant kEnd{std::chrono::seconds{1LL << 60}};

/// No offset is larger, in either direction.
inline constexpr std::chrono::seconds kOffsetMax{26 * 3600};

}  // namespace belay::calendar
