#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/triggers/Schedule.h"

namespace belay::triggers {

/// What became of a due time.
enum class Outcome : std::uint8_t {
  kRan,         ///< It runs because it was due just now.
  kCaughtUp,    ///< It was missed and runs all the same, by the schedule's policy.
  kSkipped,     ///< It does not run; the reason says why.
  kSuperseded,  ///< It was missed, and a newer due time runs in its place.
  kCount
};
/// "ran", "caught_up", "skipped", "superseded".
std::string_view outcomeName(Outcome outcome);
std::optional<Outcome> outcomeFrom(std::string_view name);

/// Why a due time was skipped.
enum class SkipReason : std::uint8_t {
  kNone,
  kMissed,    ///< on_missed: skip.
  kTooOld,    ///< Missed for longer than `window`.
  kOverMax,   ///< on_missed: all, and `max` newer ones were missed as well.
  kPaused,    ///< The schedule was paused when it was due, or when it should have started.
  kDisabled,  ///< So it was, because the flow had no live release or was archived.
  kRefused,   ///< It was to run, and the run could not be started; the note says why.
  kCount
};
/// "", "missed", "too_old", "over_max", "paused", "disabled", "refused".
std::string_view skipReasonName(SkipReason reason);
std::optional<SkipReason> skipReasonFrom(std::string_view name);

/// A row of the ledger: one due time, or several older ones that were skipped for one reason.
struct Occurrence {
  Instant due;              ///< The due time, of several the first: the key of the row.
  Instant last;             ///< Of several the last; otherwise as `due`.
  std::uint64_t count = 1;  ///< How many due times the row stands for.
  Outcome outcome = Outcome::kSkipped;
  SkipReason reason = SkipReason::kNone;  ///< Of kSkipped.
  Moment runAt{};                         ///< Of kRan and kCaughtUp: when the run starts.
  std::optional<Instant> by;              ///< Of kSuperseded: the due time that runs in its place.
  std::string note;                       ///< Of kRefused: the error.

  bool runs() const { return outcome == Outcome::kRan || outcome == Outcome::kCaughtUp; }
  bool operator==(const Occurrence&) const = default;
};

/// One sentence for people: what became of the row's due time, and why. Times are shown in `zone`.
std::string explain(const Occurrence& row, const Schedule& schedule,
                    const calendar::TimeZone& zone);

}  // namespace belay::triggers
