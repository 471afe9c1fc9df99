#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/triggers/Timing.h"
#include "common/base/Result.h"

namespace belay::triggers {

/// A moment in milliseconds: when something is done, as opposed to when it was due.
using Moment = std::chrono::sys_time<std::chrono::milliseconds>;

/// What becomes of due times that passed while nothing could run.
enum class OnMissed : std::uint8_t {
  kSkip,    ///< Nothing.
  kLatest,  ///< The newest one runs, if nothing newer is due just now.
  kAll,     ///< The newest `max` run, oldest first, `spacing` apart.
  kCount
};
std::string_view onMissedName(OnMissed policy);
std::optional<OnMissed> onMissedFrom(std::string_view name);

/// A schedule of a flow: when it is due, and what happens to what was missed.
struct Schedule {
  /// Makes jitter differ between schedules and hosts: an id of the host and one of the schedule.
  std::string seed;
  Timing timing;
  OnMissed onMissed = OnMissed::kLatest;
  std::uint32_t max = 10;                     ///< Of kAll; 1 to 500.
  std::chrono::milliseconds spacing{60'000};  ///< Of kAll; up to a day.
  /// What was missed for longer never runs; nothing: there is no such bound. 1 s to 3,653 days.
  std::optional<std::chrono::milliseconds> window{std::chrono::hours{24}};
  std::chrono::milliseconds jitter{0};  ///< The most a start is delayed; up to a day.
};

/// Errors: kScheduleInvalid, which names the option and its bounds.
base::Status checkSchedule(const Schedule& schedule);

/// How long the start of one due time is delayed: from 0 to `jitter`, in milliseconds, spread
/// evenly; the same for the same seed and due time on every host and in every version.
std::chrono::milliseconds jitterOf(const Schedule& schedule, Instant due);

}  // namespace belay::triggers
