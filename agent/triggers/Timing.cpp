#include "agent/triggers/Timing.h"

#include <algorithm>
#include <string>

#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::triggers {

using base::Error;
using base::ErrorCode;
using base::Result;
using std::chrono::seconds;

namespace {

constexpr std::chrono::days kIntervalMax{366};

/// The quotient towards minus infinity.
std::int64_t floorDiv(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && a < 0 ? 1 : 0);
}

}  // namespace

Result<Timing> Timing::cron(std::string_view expression, const calendar::TimeZone& zone) {
  BELAY_ASSIGN(calendar::Cron cron, calendar::Cron::parse(expression));
  return Timing(OnCron{std::move(cron), &zone});
}

Result<Timing> Timing::at(std::string_view time, const calendar::TimeZone& zone) {
  if (const auto instant = base::parseInstant(time)) {
    if (*instant % 1000 != 0) {
      return Error{ErrorCode::kScheduleInvalid,
                   "the time \"" + std::string(time) + "\" has a fraction of a second"};
    }
    return Timing(Once{Instant{seconds{*instant / 1000}}});
  }
  const auto local = calendar::parseLocalTime(time);
  if (!local) {
    return Error{ErrorCode::kScheduleInvalid,
                 "\"" + base::visible(time.substr(0, 40)) +
                     "\" is not a time; write for example 2026-12-24T18:00:00Z, or "
                     "2026-12-24T18:00 for a time of the schedule's time zone"};
  }
  return Timing(Once{zone.fromLocal(*local).first});
}

Result<Timing> Timing::every(std::chrono::milliseconds interval, std::optional<Instant> start) {
  const auto whole = std::chrono::floor<seconds>(interval);
  if (whole != interval || whole < seconds{1} || whole > kIntervalMax) {
    return Error{ErrorCode::kScheduleInvalid, "the interval " + base::formatDuration(interval) +
                                                  " is not one of whole seconds from 1s to 366d"};
  }
  return Timing(Interval{whole, start.value_or(Instant{}), start.has_value()});
}

std::optional<Instant> Timing::next(Instant after) const {
  if (const auto* const on = std::get_if<OnCron>(&kind_)) return on->cron.next(after, *on->zone);
  if (const auto* const once = std::get_if<Once>(&kind_)) {
    return once->at > after ? std::optional(once->at) : std::nullopt;
  }
  const auto& interval = std::get<Interval>(kind_);
  if (interval.fromStart && after < interval.start) return interval.start;
  const std::int64_t passed = floorDiv((after - interval.start).count(), interval.length.count());
  const Instant due = interval.start + (passed + 1) * interval.length;
  return due <= calendar::kLastInstant ? std::optional(due) : std::nullopt;
}

std::vector<Instant> Timing::upcoming(Instant after, std::size_t count) const {
  std::vector<Instant> out;
  while (out.size() < count) {
    const auto due = next(after);
    if (!due) break;
    out.push_back(after = *due);
  }
  return out;
}

std::uint64_t Timing::count(Instant after, Instant until) const {
  until = std::min(until, calendar::kLastInstant);
  if (until <= after) return 0;
  if (const auto* const on = std::get_if<OnCron>(&kind_)) {
    return on->cron.count(after, until, *on->zone);
  }
  if (const auto* const once = std::get_if<Once>(&kind_)) {
    return once->at > after && once->at <= until ? 1 : 0;
  }
  const auto& interval = std::get<Interval>(kind_);
  if (interval.fromStart) after = std::max(after, interval.start - seconds{1});
  if (until <= after) return 0;
  const auto passed = [&](Instant when) {
    return floorDiv((when - interval.start).count(), interval.length.count());
  };
  return static_cast<std::uint64_t>(passed(until) - passed(after));
}

std::vector<Instant> Timing::newest(std::size_t most, Instant after, Instant until) const {
  if (most == 0) return {};
  // Halves the time in which to begin until it holds just as many as are wanted.
  Instant early = after, late = until;
  if (count(after, until) > most) {
    while (late - early > seconds{1}) {
      const Instant middle = early + (late - early) / 2;
      (count(middle, until) >= most ? early : late) = middle;
    }
  }
  std::vector<Instant> out;
  for (auto due = next(early); due && *due <= until; due = next(*due)) out.push_back(*due);
  return out;
}

}  // namespace belay::triggers
