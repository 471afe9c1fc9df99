#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/Result.h"
#include "common/calendar/ZoneOffset.h"

namespace belay::calendar {

/// The rule of POSIX (TZ) that says for all years when a zone's clocks change:
/// "CET-1CEST,M3.5.0,M10.5.0/3". It stands at the end of a TZif file and holds after its table.
/// Taken with RFC 9636's extension: times of change from -167 to 167 hours.
///
/// Threads:   any.
/// Ownership: periods point into the rule.
/// Errors:    kTimeZone.
class PosixRule {
 public:
  /// A rule with a second offset must say when it holds: there is no default.
  static base::Result<PosixRule> parse(std::string_view text);

  /// The period of `when`, by this rule alone. After the year 9999 the last one goes on.
  OffsetPeriod periodAt(Instant when) const;

 private:
  /// A day of the year and a time on it.
  struct Date {
    enum class Kind : std::uint8_t { kMonthWeekDay, kJulian, kDayOfYear } kind;
    unsigned month = 0, week = 0, weekday = 0;  ///< Of kMonthWeekDay; week 5 is the last.
    unsigned day = 0;  ///< kJulian: 1 to 365, never 29 February; kDayOfYear: 0 to 365.
    std::chrono::seconds time{7200};
  };
  struct Change {
    Instant at;
    bool toDst;
  };
  using Changes = std::array<Change, 14>;
  class Parser;

  PosixRule() = default;
  Instant dateIn(const Date& date, std::chrono::year year, std::chrono::seconds offset) const;
  /// The changes of seven years around `year`, in order, without those that are over at once.
  std::size_t changesAround(std::chrono::year year, Changes& out) const;

  ZoneOffset standard_;
  std::optional<ZoneOffset> summer_;
  Date toSummer_{};
  Date toStandard_{};
};

}  // namespace belay::calendar
