// The first line as a cron expression, the second as hours since 1970 from which it is asked:
// refused with a message, or due at times that ascend, are counted right, and are allowed by its
// fields wherever no clock leaps.

#include <algorithm>

#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/calendar/Cron.h"
#include "tests/fuzz/Input.h"
#include "tests/support/TestZone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace belay::calendar;
  static const TimeZone zone = belay::test::zoneByRule(belay::test::kBerlinRule);
  const auto [expression, rest] = belay::fuzz::split(belay::fuzz::textOf(data, size), '\n');
  const auto cron = Cron::parse(expression);
  if (!cron) {
    BELAY_CHECK(cron.error().code == belay::base::ErrorCode::kScheduleInvalid);
    return 0;
  }
  const auto hours =
      std::min<std::uint64_t>(belay::base::parseUnsigned(rest).value_or(0), 70'000'000);
  const Instant from{std::chrono::seconds{static_cast<std::int64_t>(hours) * 3600}};
  Instant at = from;
  std::uint64_t found = 0;
  for (; found < 20; ++found) {
    const auto due = cron->next(at, zone);
    if (!due) break;
    BELAY_CHECK(*due > at && *due <= kLastInstant);
    if (*due != zone.periodAt(*due).begin) BELAY_CHECK(cron->allows(zone.toLocal(*due)));
    at = *due;
  }
  BELAY_CHECK(at <= from || cron->count(from, at, zone) == found);
  return 0;
}
