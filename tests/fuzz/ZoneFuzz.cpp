// Any bytes as a file of a time zone: refused, or a zone in which every instant has a period and
// every local time of an instant leads back to it.

#include "common/base/Check.h"
#include "common/calendar/TimeZone.h"
#include "tests/fuzz/Input.h"

namespace {

using namespace belay::calendar;

void check(const TimeZone& zone, Instant when) {
  const OffsetPeriod period = zone.periodAt(when);
  BELAY_CHECK(period.begin <= when && when < period.end);
  BELAY_CHECK(period.offset->fromUtc <= kOffsetMax && period.offset->fromUtc >= -kOffsetMax);
  const LocalMatch match = zone.fromLocal(zone.toLocal(when));
  BELAY_CHECK(match.kind != LocalMatch::Kind::kGap);
  BELAY_CHECK(match.first <= when && when <= match.last);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto zone = TimeZone::fromTzif("Test/Zone", belay::fuzz::textOf(data, size));
  if (!zone) {
    BELAY_CHECK(zone.error().code == belay::base::ErrorCode::kTimeZone);
    return 0;
  }
  Instant when{std::chrono::seconds{-3'000'000'000}};
  for (int i = 0; i < 40; ++i, when += std::chrono::seconds{300'000'007}) check(*zone, when);
  // Around the changes of the first years that have some.
  Instant at{};
  for (int i = 0; i < 12; ++i) {
    const OffsetPeriod period = zone->periodAt(at);
    check(*zone, at);
    if (period.end == kEnd) break;
    check(*zone, period.end - std::chrono::seconds{1});
    at = period.end;
  }
  return 0;
}
