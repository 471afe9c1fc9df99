// Local times as text, there and back; what is no local time is refused.

#include <string>

#include "common/calendar/CivilTime.h"

#include <CppUTest/TestHarness.h>

using namespace belay::calendar;

TEST_GROUP(CivilTime){};

TEST(CivilTime, readsWithAndWithoutSeconds) {
  STRCMP_EQUAL("2026-12-24T18:00:00", formatLocalTime(*parseLocalTime("2026-12-24T18:00")).c_str());
  STRCMP_EQUAL("2024-02-29T23:59:58",
               formatLocalTime(*parseLocalTime("2024-02-29 23:59:58")).c_str());
  LONGS_EQUAL(0, parseLocalTime("1970-01-01T00:00")->time_since_epoch().count());
}

TEST(CivilTime, refusesWhatIsNoLocalTime) {
  for (const char* text :
       {"", "2026-12-24", "2026-12-24T18", "2026-12-24T18:00Z", "2026-12-24T24:00",
        "2026-02-30T00:00", "2026-13-01T00:00", "2026-1-01T00:000", "1969-12-31T23:59",
        "2026-12-24T18:60", "2026-12-24T18:00:60", "2026-12-24T18:00:0x", "+026-12-24T18:00",
        "2026-12-24T18:00+01:00"}) {
    const auto time = parseLocalTime(text);
    CHECK_FALSE_TEXT(time.ok(), text);
    CHECK_TEXT(time.error().code == belay::base::ErrorCode::kScheduleInvalid, text);
  }
}

TEST(CivilTime, showsOffsets) {
  using std::chrono::seconds;
  STRCMP_EQUAL("+02:00", formatOffset(seconds{7200}).c_str());
  STRCMP_EQUAL("-03:30", formatOffset(seconds{-12600}).c_str());
  STRCMP_EQUAL("+00:53:28", formatOffset(seconds{3208}).c_str());
}
