#include "agent/triggers/Occurrence.h"

#include <array>

#include "common/base/Units.h"

namespace belay::triggers {

namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Outcome::kCount)> kOutcomes{
    "ran", "caught_up", "skipped", "superseded"};
constexpr std::array<std::string_view, static_cast<std::size_t>(SkipReason::kCount)> kReasons{
    "", "missed", "too_old", "over_max", "paused", "disabled", "refused"};

template <typename Enum, std::size_t N>
std::optional<Enum> find(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

std::string because(const Occurrence& row, const Schedule& schedule) {
  switch (row.reason) {
    case SkipReason::kMissed:
      return "nothing could run then, and on_missed is skip";
    case SkipReason::kTooOld:
      return "when it could have run, more than the window of " +
             (schedule.window ? base::formatDuration(*schedule.window) : "the schedule") +
             " had passed";
    case SkipReason::kOverMax:
      return "nothing could run then, and " + std::to_string(schedule.max) +
             (schedule.max == 1 ? " newer due time was" : " newer due times were") +
             " caught up already (max)";
    case SkipReason::kPaused:
      return "the schedule was paused";
    case SkipReason::kDisabled:
      return "the schedule was disabled";
    case SkipReason::kRefused:
      return "the run could not be started: " + row.note;
    case SkipReason::kNone:
    case SkipReason::kCount:
      break;
  }
  return "the reason is not recorded";
}

}  // namespace

std::string_view outcomeName(Outcome outcome) {
  return kOutcomes.at(static_cast<std::size_t>(outcome));
}
std::optional<Outcome> outcomeFrom(std::string_view name) { return find<Outcome>(kOutcomes, name); }
std::string_view skipReasonName(SkipReason reason) {
  return kReasons.at(static_cast<std::size_t>(reason));
}
std::optional<SkipReason> skipReasonFrom(std::string_view name) {
  return find<SkipReason>(kReasons, name);
}

std::string explain(const Occurrence& row, const Schedule& schedule,
                    const calendar::TimeZone& zone) {
  const auto at = [&](Moment when) {
    return zone.format(std::chrono::floor<std::chrono::seconds>(when));
  };
  const std::string due = row.count == 1
                              ? "due " + zone.format(row.due)
                              : std::to_string(row.count) + " times due between " +
                                    zone.format(row.due) + " and " + zone.format(row.last);
  switch (row.outcome) {
    case Outcome::kRan:
      return due + ": runs at " + at(row.runAt);
    case Outcome::kCaughtUp:
      return due + ": missed, and caught up at " + at(row.runAt);
    case Outcome::kSuperseded:
      return due + ": missed; the one due " + (row.by ? zone.format(*row.by) : "later") +
             " runs in its place (on_missed: latest)";
    case Outcome::kSkipped:
    case Outcome::kCount:
      break;
  }
  return due + ": skipped, because " + because(row, schedule);
}

}  // namespace belay::triggers
