#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/calendar/TimeZone.h"

namespace belay::calendar {

/// A cron expression: minute, hour, day of month, month, day of week; or one of @hourly @daily
/// @midnight @weekly @monthly @yearly @annually.
///
/// A field is `*`, a number, a range `a-b`, either of `*` and a range with a step `/n`, or a list
/// of these. Months and days of the week have names too (JAN, mon); 7 is Sunday as 0 is; `?` is `*`
/// in the two fields of days. Where both of these are restricted, a day that one of them allows is
/// right; where one begins with `*` (so also `*/2`), both must allow it. This is Vixie's cron.
///
/// When the clocks change (local times are those of the zone that is given):
///
///   expression                              | due in a gap             | due in a fold
///   allows every hour (`*`)                 | never: it goes on after  | both times
///   minute begins with `*` (`*/15 1-5 …`)   | once, at the gap's end   | both times
///   any other                               | once, at the gap's end   | once, the first time
///
/// "Once": all due times of one gap become one instant, which is also one with a due time that the
/// gap's end has anyway. So an expression of daily times is due on every day on which it would be
/// without a change, and one that is due all through the day keeps its pace in elapsed time.
///
/// Threads:   any: it does not change.
/// Errors:    kScheduleInvalid with field, column and what is allowed. Refused are what never
///            happens (30 February) and what cron dialects read differently (L W # @reboot, six
///            fields, ranges backwards, 5/15, steps beyond their field).
/// Units:     due times are whole minutes of local time.
class Cron {
 public:
  /// Characters of an expression at most.
  static constexpr std::size_t kExpressionMax = 500;

  static base::Result<Cron> parse(std::string_view expression);

  /// As it was given, without blanks around.
  const std::string& text() const { return text_; }

  /// The first due time after `after`; nothing when there is none until kLastInstant. Takes a few
  /// microseconds at most for what happens every year.
  std::optional<Instant> next(Instant after, const TimeZone& zone) const;
  /// How many due times there are in (after, until]. Takes time by the days between them, and not
  /// by the due times.
  std::uint64_t count(Instant after, Instant until, const TimeZone& zone) const;

  /// Whether the fields allow this local minute, clocks' changes apart.
  bool allows(LocalTime minute) const;

 private:
  friend class CronParser;
  Cron() = default;

  bool allowsDay(std::chrono::year_month_day date, std::chrono::local_days day) const;
  /// The first allowed minute at or after `from` and before `until`.
  std::optional<LocalTime> firstMinute(LocalTime from, LocalTime until) const;
  /// How many allowed minutes there are in [from, until).
  std::uint64_t countMinutes(LocalTime from, LocalTime until) const;
  std::uint64_t countInDay(int fromMinute, int untilMinute) const;
  bool movesOutOfGap(const OffsetPeriod& period) const;
  /// Where in local time a period begins to count for this expression.
  LocalTime beginIn(const OffsetPeriod& period, Instant from) const;

  std::string text_;
  // Bit n is the value n; of months and days of the month bit 0 is unused.
  std::uint64_t minutes_ = 0;
  std::uint32_t hours_ = 0;
  std::uint32_t days_ = 0;
  std::uint16_t months_ = 0;
  std::uint8_t weekdays_ = 0;
  bool eitherDay_ = false;   ///< A day of month or a day of week is enough.
  bool everyHour_ = false;   ///< All 24 hours are allowed.
  bool bothPasses_ = false;  ///< Due in both passes of a fold.
};

}  // namespace belay::calendar
