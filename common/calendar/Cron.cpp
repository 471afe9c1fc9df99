#include "common/calendar/Cron.h"

#include <algorithm>
#include <bit>

namespace belay::calendar {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::year_month_day;

namespace {

constexpr int kDayMinutes = 24 * 60;
constexpr LocalTime kLastLocal{kLastInstant.time_since_epoch() + kOffsetMax};

/// The lowest value at or above `from`, or 64.
int lowest(std::uint64_t bits, int from) {
  return from > 63 ? 64 : std::countr_zero(bits & (~0ULL << from));
}

int minuteOfDay(LocalTime time, local_days day) {
  return static_cast<int>(std::chrono::floor<minutes>(time - day).count());
}

local_days firstOfNextMonth(year_month_day date) {
  return local_days{(date.year() / date.month() + std::chrono::months{1}) / 1};
}

}  // namespace

bool Cron::allowsDay(year_month_day date, local_days day) const {
  if ((months_ >> static_cast<unsigned>(date.month()) & 1u) == 0) return false;
  const bool byMonth = (days_ >> static_cast<unsigned>(date.day()) & 1u) != 0;
  const bool byWeek = (weekdays_ >> std::chrono::weekday{day}.c_encoding() & 1u) != 0;
  return eitherDay_ ? byMonth || byWeek : byMonth && byWeek;
}

bool Cron::allows(LocalTime minute) const {
  const auto day = std::chrono::floor<days>(minute);
  const int inDay = minuteOfDay(minute, day);
  return (minutes_ >> (inDay % 60) & 1u) != 0 && (hours_ >> (inDay / 60) & 1u) != 0 &&
         allowsDay(year_month_day{day}, day);
}

std::optional<LocalTime> Cron::firstMinute(LocalTime from, LocalTime until) const {
  const LocalTime start = std::chrono::ceil<minutes>(from);
  auto day = std::chrono::floor<days>(start);
  int inDay = minuteOfDay(start, day);
  while (day < until) {
    const year_month_day date{day};
    if ((months_ >> static_cast<unsigned>(date.month()) & 1u) == 0) {
      day = firstOfNextMonth(date);
      inDay = 0;
      continue;
    }
    if (allowsDay(date, day)) {
      int hour = lowest(hours_, inDay / 60);
      int minute = lowest(minutes_, hour == inDay / 60 ? inDay % 60 : 0);
      if (minute > 59) {
        hour = lowest(hours_, hour + 1);
        minute = lowest(minutes_, 0);
      }
      const LocalTime found = day + minutes{hour * 60 + minute};
      if (hour < 24) return found < until ? std::optional(found) : std::nullopt;
    }
    day += days{1};
    inDay = 0;
  }
  return std::nullopt;
}

std::uint64_t Cron::countInDay(int fromMinute, int untilMinute) const {
  // Minutes before `end`, where `end` may be the end of the day.
  const auto before = [&](int end) {
    const int hour = end / 60;
    const auto whole = static_cast<std::uint64_t>(std::popcount(hours_ & ((1u << hour) - 1)));
    std::uint64_t count = whole * static_cast<std::uint64_t>(std::popcount(minutes_));
    if ((hours_ >> hour & 1u) != 0) {
      count += static_cast<std::uint64_t>(std::popcount(minutes_ & ((1ULL << (end % 60)) - 1)));
    }
    return count;
  };
  return before(untilMinute) - before(fromMinute);
}

std::uint64_t Cron::countMinutes(LocalTime from, LocalTime until) const {
  const LocalTime first = std::chrono::ceil<minutes>(from);
  const LocalTime end = std::chrono::ceil<minutes>(until);
  std::uint64_t count = 0;
  for (auto day = std::chrono::floor<days>(first); day < end;) {
    const year_month_day date{day};
    if ((months_ >> static_cast<unsigned>(date.month()) & 1u) == 0) {
      day = firstOfNextMonth(date);
      continue;
    }
    if (allowsDay(date, day)) {
      count += countInDay(first > day ? minuteOfDay(first, day) : 0,
                          end < day + days{1} ? minuteOfDay(end, day) : kDayMinutes);
    }
    day += days{1};
  }
  return count;
}

bool Cron::movesOutOfGap(const OffsetPeriod& period) const {
  if (everyHour_ || period.before >= period.offset->fromUtc) return false;
  const seconds begin = period.begin.time_since_epoch();
  return firstMinute(LocalTime{begin + period.before}, LocalTime{begin + period.offset->fromUtc})
      .has_value();
}

LocalTime Cron::beginIn(const OffsetPeriod& period, Instant from) const {
  const LocalTime local{from.time_since_epoch() + period.offset->fromUtc};
  // The first pass of a fold, which this one repeats, ended where the period before it did.
  const LocalTime repeated{period.begin.time_since_epoch() + period.before};
  return bothPasses_ ? local : std::max(local, repeated);
}

std::optional<Instant> Cron::next(Instant after, const TimeZone& zone) const {
  for (Instant from = after + seconds{1}; from <= kLastInstant;) {
    const OffsetPeriod period = zone.periodAt(from);
    if (from == period.begin && movesOutOfGap(period)) return from;
    const auto found = firstMinute(beginIn(period, from), kLastLocal);
    if (!found) return std::nullopt;
    const Instant due{found->time_since_epoch() - period.offset->fromUtc};
    if (due < period.end) return due <= kLastInstant ? std::optional(due) : std::nullopt;
    // No local time from here to `found` is allowed, so periods that end well before it do not
    // count. At a change nearby, clocks may still be put back to before here.
    const bool changesSoon = period.end - from <= 2 * kOffsetMax;
    const Instant wellBefore{found->time_since_epoch() - kOffsetMax};
    from = changesSoon ? period.end : std::max(period.end, wellBefore);
  }
  return std::nullopt;
}

std::uint64_t Cron::count(Instant after, Instant until, const TimeZone& zone) const {
  std::uint64_t count = 0;
  const Instant end = std::min(until, kLastInstant) + seconds{1};
  for (Instant from = after + seconds{1}; from < end;) {
    const OffsetPeriod period = zone.periodAt(from);
    const Instant periodEnd = std::min(end, period.end);
    const seconds offset = period.offset->fromUtc;
    LocalTime begin = beginIn(period, from);
    if (from == period.begin && movesOutOfGap(period)) {
      ++count;
      begin = std::max(begin, LocalTime{from.time_since_epoch() + offset + seconds{1}});
    }
    count += countMinutes(begin, LocalTime{periodEnd.time_since_epoch() + offset});
    from = periodEnd;
  }
  return count;
}

}  // namespace belay::calendar
