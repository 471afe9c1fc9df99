#include "agent/triggers/Schedule.h"

#include <array>

#include "common/base/Units.h"
#include "common/crypto/Sha256.h"

namespace belay::triggers {

using base::Error;
using base::ErrorCode;
using base::Status;
using std::chrono::milliseconds;

namespace {

constexpr std::uint32_t kMaxMax = 500;
constexpr milliseconds kDay = std::chrono::hours{24};
constexpr std::array<std::string_view, static_cast<std::size_t>(OnMissed::kCount)> kNames{
    "skip", "latest", "all"};

Status within(std::string_view what, milliseconds value, milliseconds least, milliseconds most) {
  if (value >= least && value <= most) return {};
  return Error{ErrorCode::kScheduleInvalid, std::string(what) + " must be from " +
                                                base::formatDuration(least) + " to " +
                                                base::formatDuration(most)};
}

}  // namespace

std::string_view onMissedName(OnMissed policy) {
  return kNames.at(static_cast<std::size_t>(policy));
}

std::optional<OnMissed> onMissedFrom(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<OnMissed>(i);
  }
  return std::nullopt;
}

Status checkSchedule(const Schedule& schedule) {
  if (schedule.max < 1 || schedule.max > kMaxMax) {
    return Error{ErrorCode::kScheduleInvalid, "max must be from 1 to 500"};
  }
  BELAY_TRY(within("spacing", schedule.spacing, milliseconds{0}, kDay));
  BELAY_TRY(within("jitter", schedule.jitter, milliseconds{0}, kDay));
  if (schedule.window) {
    BELAY_TRY(within("window", *schedule.window, milliseconds{1000}, 3653 * kDay));
  }
  return {};
}

milliseconds jitterOf(const Schedule& schedule, Instant due) {
  if (schedule.jitter <= milliseconds{0}) return milliseconds{0};
  crypto::Sha256 hash;
  hash.update("belay schedule jitter 1\n" + std::to_string(due.time_since_epoch().count()) + "\n");
  hash.update(schedule.seed);
  const crypto::Digest digest = hash.finish();
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | digest.bytes[i];
  const auto values = static_cast<std::uint64_t>(schedule.jitter.count()) + 1;
  return milliseconds{static_cast<std::int64_t>(number % values)};
}

}  // namespace belay::triggers
