// Durations, sizes and times as people write them, there and back.

#include <chrono>
#include <limits>
#include <string>

#include "common/base/Units.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using namespace belay::base;
using std::chrono::milliseconds;

namespace {

struct InstantRow {
  const char* text;
  std::int64_t ms;
};
constexpr InstantRow kInstants[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2026-11-21T01:02:03.004Z", 1795222923004},
    {"2026-11-21T01:02:03.004567Z", 1795222923004},
    {"2026-11-21T01:02:03.1Z", 1795222923100},
    {"2026-11-21t02:02:03+01:00", 1795222923000},
    {"2026-11-20 20:02:03-05:00", 1795222923000},
    {"2024-02-29T00:00:00Z", 1709164800000},
    {"2000-02-29T23:59:59Z", 951868799000},
    {"9999-12-31T23:59:59Z", 253402300799000},
    {"2016-12-31T23:59:60Z", 1483228800000},
};

}  // namespace

TEST_GROUP(Units){};

TEST(Units, readsDurations) {
  CHECK(parseDuration("250ms").value() == milliseconds{250});
  CHECK(parseDuration("0s").value() == milliseconds{0});
  CHECK(parseDuration("1h30m").value() == milliseconds{5'400'000});
  CHECK(parseDuration("1d2h3m4s5ms").value() == milliseconds{93'784'005});
  CHECK(parseDuration("3650d").ok());
  for (const char* bad : {"", "10", "s", "-1s", "1.5s", "1 s", "1m1h", "1s1s", "1w", "1S", "s1",
                          "1s ", "99999d", "9223372036854775807ms", "99999999999999999999s"}) {
    const auto read = parseDuration(bad);
    CHECK_FALSE_TEXT(read.ok(), bad);
    CHECK(read.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST(Units, aDurationThatIsTooLongIsSaidToBe) {
  for (const char* text : {"4000d", "3660d1ms", "99999999999999999999s"}) {
    const auto parsed = belay::base::parseDuration(text);
    CHECK_FALSE(parsed.ok());
    STRCMP_EQUAL(
        (std::string("\"") + text + "\" is too long; a duration is at most 3660d, about 10 years")
            .c_str(),
        parsed.error().message.c_str());
  }
  CHECK(belay::base::parseDuration("3660d").ok());
}

TEST(Units, writesDurationsThatReadBackTheSame) {
  STRCMP_EQUAL("0s", formatDuration(milliseconds{0}).c_str());
  STRCMP_EQUAL("1h30m", formatDuration(milliseconds{5'400'000}).c_str());
  STRCMP_EQUAL("-5s", formatDuration(milliseconds{-5000}).c_str());
  belay::test::SeededRandom random(5);
  for (int i = 0; i < 1000; ++i) {
    const milliseconds duration{static_cast<std::int64_t>(random.below(300'000'000'000))};
    CHECK(parseDuration(formatDuration(duration)).value() == duration);
  }
}

TEST(Units, readsSizes) {
  CHECK(parseBytes("512").value() == 512);
  CHECK(parseBytes("0").value() == 0);
  CHECK(parseBytes("64 KiB").value() == 65536);
  CHECK(parseBytes("16MiB").value() == 16u << 20);
  CHECK(parseBytes("2 GB").value() == 2'000'000'000);
  CHECK(parseBytes(" 1 kB ").value() == 1000);
  CHECK(parseBytes("1 mib").value() == 1u << 20);
  for (const char* bad :
       {"", "KiB", "-1", "1.5 MiB", "1 PB", "1 KiBs", "99999999999999999999", "2048 TiB", "0x10"}) {
    CHECK_FALSE_TEXT(parseBytes(bad).ok(), bad);
  }
}

TEST(Units, writesSizesForPeople) {
  STRCMP_EQUAL("0 B", formatBytes(0).c_str());
  STRCMP_EQUAL("1023 B", formatBytes(1023).c_str());
  STRCMP_EQUAL("1.0 KiB", formatBytes(1024).c_str());
  STRCMP_EQUAL("1.5 MiB", formatBytes(3u << 19).c_str());
  STRCMP_EQUAL("100 MiB", formatBytes(100u << 20).c_str());
  STRCMP_EQUAL("16777216 TiB", formatBytes(std::numeric_limits<std::uint64_t>::max()).c_str());
}

TEST(Units, readsInstantsWithAnyOffset) {
  for (const InstantRow& row : kInstants) {
    const auto read = parseInstant(row.text);
    CHECK_TRUE_TEXT(read.ok(), row.text);
    CHECK_EQUAL_TEXT(row.ms, read.value(), row.text);
  }
}

TEST(Units, refusesInstantsThatCannotBe) {
  for (const char* bad : {"",
                          "2026-11-21",
                          "2026-11-21T01:02:03",
                          "2026-13-01T00:00:00Z",
                          "2026-00-01T00:00:00Z",
                          "2026-02-30T00:00:00Z",
                          "2023-02-29T00:00:00Z",
                          "2026-11-21T24:00:00Z",
                          "2026-11-21T00:60:00Z",
                          "2026-11-21T00:00:61Z",
                          "1969-12-31T23:59:59Z",
                          "2026-11-21T01:02:03.Z",
                          "2026-11-21T01:02:03+0100",
                          "2026-11-21T01:02:03+24:00",
                          "2026-11-21T01:02:03+01:60",
                          "2026-11-21X01:02:03Z",
                          "2026-11-21T01:02:03Zx",
                          "2026-11-21T01:02:03 Z",
                          "+026-11-21T01:02:03Z",
                          "2026-1-21T001:02:03Z",
                          "2026-11-21T01:02:0 Z",
                          "20261121T010203Z"}) {
    CHECK_FALSE_TEXT(parseInstant(bad).ok(), bad);
  }
}

TEST(Units, writesInstantsThatReadBackTheSame) {
  STRCMP_EQUAL("1970-01-01T00:00:00.000Z", formatInstant(0).c_str());
  belay::test::SeededRandom random(6);
  for (int i = 0; i < 1000; ++i) {
    const auto ms = static_cast<std::int64_t>(random.below(253'402'300'799'999));
    CHECK_EQUAL(ms, parseInstant(formatInstant(ms)).value());
  }
}
