#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/Result.h"
#include "common/calendar/Cron.h"
#include "common/calendar/TimeZone.h"

namespace belay::triggers {

using calendar::Instant;

/// When a schedule is due: by a cron expression in a time zone, once, or at an interval.
///
/// Threads:   any: it does not change.
/// Ownership: of a cron expression the zone is borrowed and must outlive the timing.
/// Errors:    kScheduleInvalid.
/// Units:     due times are whole seconds, and ascend strictly; none is after
/// calendar::kLastInstant.
class Timing {
 public:
  static base::Result<Timing> cron(std::string_view expression, const calendar::TimeZone& zone);
  /// An instant with an offset or Z ("2026-12-24T18:00:00+01:00"), or a local time of `zone`
  /// ("2026-12-24T18:00"): in a gap of the zone the gap's end, in a fold the first of both.
  /// Fractions of a second are refused.
  static base::Result<Timing> at(std::string_view time, const calendar::TimeZone& zone);
  /// Every `interval` of elapsed time, whatever clocks show: at `start` and after it, or where
  /// there is no start, at the multiples of `interval` since 1970-01-01T00:00:00Z. Whole seconds,
  /// from one second to 366 days.
  static base::Result<Timing> every(std::chrono::milliseconds interval,
                                    std::optional<Instant> start = std::nullopt);

  /// The first due time after `after`; nothing when there is none.
  std::optional<Instant> next(Instant after) const;
  /// The next `count` due times after `after`; fewer when there are no more.
  std::vector<Instant> upcoming(Instant after, std::size_t count) const;
  /// How many due times there are in (after, until]; does not visit them.
  std::uint64_t count(Instant after, Instant until) const;
  /// The newest `most` due times in (after, until], ascending; does not visit the older ones.
  std::vector<Instant> newest(std::size_t most, Instant after, Instant until) const;

 private:
  struct OnCron {
    calendar::Cron cron;
    const calendar::TimeZone* zone;
  };
  struct Once {
    Instant at;
  };
  struct Interval {
    std::chrono::seconds length;
    Instant start;
    bool fromStart;
  };
  using Kind = std::variant<OnCron, Once, Interval>;

  explicit Timing(Kind kind) : kind_(std::move(kind)) {}

  Kind kind_;
};

}  // namespace belay::triggers
