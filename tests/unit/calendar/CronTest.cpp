// Cron expressions: what may stand in them, when they are due, and what changes of clocks do to
// them. Random expressions are compared with a scan of all minutes; tests/schedules compares with
// other programs.

#include <algorithm>
#include <string>
#include <vector>

#include "common/calendar/Cron.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/TestZone.h"

#include <CppUTest/TestHarness.h>

using namespace belay::calendar;
using belay::test::kBerlinRule;
using belay::test::utc;
using belay::test::zoneByRule;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

Cron cron(const char* text) {
  auto parsed = Cron::parse(text);
  CHECK_TEXT(parsed.ok(), text);
  return std::move(*parsed);
}

/// The due times in (after, until] as local times, "29T03:00+02:00 …".
std::string due(const char* text, const TimeZone& zone, const char* after, const char* until) {
  std::string out;
  const Cron expression = cron(text);
  Instant at = utc(after);
  for (auto next = expression.next(at, zone); next && *next <= utc(until);
       next = expression.next(*next, zone)) {
    std::string shown = zone.format(*next);
    shown.erase(16, 3);
    out += (out.empty() ? "" : " ") + shown.substr(8);
  }
  return out;
}

struct BadRow {
  const char* text;
  const char* good;  ///< How it may be written.
  const char* message;
  int column;
};

constexpr BadRow kBad[] = {
    {"", "* * * * *",
     "the cron expression \"\" has 0 fields and not five: minute, hour, day of month, month, day "
     "of week",
     0},
    {"* * * *", "* * * * *",
     "the cron expression \"* * * *\" has 4 fields and not five: minute, hour, day of month, "
     "month, day of week",
     0},
    {"0 * * * * *", "0 * * * *",
     "has 6 fields and not five: minute, hour, day of month, month, day of week (there are no "
     "seconds and no years)",
     0},
    {"@reboot", "@hourly",
     "the cron expression \"@reboot\" is not one of @hourly @daily @midnight @weekly @monthly "
     "@yearly @annually",
     0},
    {"TZ=UTC 0 * * * *", "0 * * * *", "names a time zone; that is the key timezone", 0},
    {"60 * * * *", "59 * * * *",
     "the field minute (column 1): \"60\" is out of range; allowed are 0-59", 1},
    {"* 24 * * *", "* 23 * * *",
     "the field hour (column 3): \"24\" is out of range; allowed are 0-23", 3},
    {"* * 0 * *", "* * 1 * *",
     "the field day of month (column 5): \"0\" is out of range; allowed are 1-31", 5},
    {"* * * 13 *", "* * * 12 *",
     "the field month (column 7): \"13\" is out of range; allowed are 1-12 or JAN-DEC", 7},
    {"* * * * 8", "* * * * 7", "the field day of week (column 9): \"8\" is out of range", 9},
    {"* * * foo *", "* * * feb *", "the field month (column 7): \"foo\" cannot stand here", 7},
    {"* * * * Monday", "* * * * Mon", "\"Monday\" cannot stand here", 9},
    {"*/0 * * * *", "*/1 * * * *", "a step must be from 1 to 59", 3},
    {"*/60 * * * *", "*/59 * * * *", "a step must be from 1 to 59", 3},
    {"5/15 * * * *", "5-59/15 * * * *", "a step after a single number; write 5-59/15", 3},
    {"0 22-2 * * *", "0 22-23,0-2 * * *",
     "the range \"22-2\" runs backwards; write it as two, 22-23,0-2", 3},
    {"0 0 * * FRI-MON", "0 0 * * 5-6,0-1", "runs backwards; write it as two, 5-6,0-1", 9},
    {"0 0 L * *", "0 0 31 * *", "L, W and # are not supported", 5},
    {"0 0 15W * *", "0 0 15 * *", "\"15W\" cannot stand here", 5},
    {"0 0 * * 1#2", "0 0 8-14 * *", "L, W and # are not supported", 10},
    {"1, * * * *", "1,2 * * * *", "something is missing at its end", 3},
    {"1- * * * *", "1-2 * * * *", "something is missing at its end", 3},
    {"*/ * * * *", "*/2 * * * *", "something is missing at its end", 3},
    {"? * * * *", "0 0 ? * *", "\"?\" cannot stand here", 1},
    {"-5 * * * *", "5 * * * *", "\"-5\" cannot stand here", 1},
    {"*5 * * * *", "*/5 * * * *", "\"5\" cannot stand here", 2},
    {"0 0 30 2 *", "0 0 29 2 *",
     "the cron expression \"0 0 30 2 *\" never happens: none of its months has one of its days", 0},
    {"0 0 31 4,6,9,11 *", "0 0 31 4,6,9,12 *", "never happens", 0},
    {"0 0 31 2 */2", "0 0 28 2 */2", "never happens", 0},
    {"0 0 ?/2 * *", "0 0 */2 * *", "the field day of month (column 6): a step after ?; write */n",
     6},
};

/// What the header promises, by looking at every minute: slow, and written another way.
std::vector<Instant> scanned(const Cron& expression, bool everyHour, bool minuteStar,
                             const TimeZone& zone, Instant after, Instant until) {
  std::vector<Instant> out;
  const auto begin =
      std::chrono::floor<minutes>(LocalTime{after.time_since_epoch()}) - std::chrono::hours{50};
  for (LocalTime local = begin; local < begin + (until - after) + std::chrono::hours{100};
       local += minutes{1}) {
    if (!expression.allows(local)) continue;
    const LocalMatch match = zone.fromLocal(local);
    if (match.kind == LocalMatch::Kind::kGap && everyHour) continue;
    out.push_back(match.first);
    if (everyHour || minuteStar) out.push_back(match.last);
  }
  std::erase_if(out, [&](Instant when) { return when <= after || when > until; });
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

TEST_GROUP(Cron){};

TEST(Cron, saysWhatIsWrongAndWhere) {
  for (const BadRow& row : kBad) {
    const auto parsed = Cron::parse(row.text);
    CHECK_FALSE_TEXT(parsed.ok(), row.text);
    CHECK(parsed.error().code == belay::base::ErrorCode::kScheduleInvalid);
    STRCMP_CONTAINS(row.message, parsed.error().message.c_str());
    LONGS_EQUAL_TEXT(row.column, parsed.error().place.column, row.text);
    CHECK_TEXT(Cron::parse(row.good).ok(), row.good);
  }
  const std::string longest = "1" + std::string(490, ' ') + "* * * *";
  CHECK(Cron::parse(longest + ",*").ok());
  const auto tooLong = Cron::parse(longest + ",*,*");
  CHECK_FALSE(tooLong.ok());
  STRCMP_CONTAINS("is longer than 500 characters", tooLong.error().message.c_str());
}

TEST(Cron, takesNamesListsRangesAndSteps) {
  const TimeZone zone = TimeZone::utc();
  STRCMP_EQUAL("02T02:00+00:00 03T02:00+00:00 06T02:00+00:00",
               due("0 2 * * mon-Fri", zone, "2026-04-02T00:00", "2026-04-06T12:00").c_str());
  STRCMP_EQUAL(
      "01T00:05+00:00 01T00:25+00:00 01T00:45+00:00 01T00:50+00:00",
      due("5-45/20,50 0 1 JAN,apr ?", zone, "2026-03-01T00:00", "2026-05-01T00:00").c_str());
  STRCMP_EQUAL("05T00:00+00:00",
               due("0 0 * * 7", zone, "2026-04-01T00:00", "2026-04-10T00:00").c_str());
  STRCMP_EQUAL("04T00:00+00:00 05T00:00+00:00 10T00:00+00:00",
               due("0 0 * * 5-7", zone, "2026-04-03T00:00", "2026-04-10T12:00").c_str());
  STRCMP_EQUAL("1 2 * * *", cron("  1 2 * * *  ").text().c_str());
}

TEST(Cron, macrosStandForExpressions) {
  const TimeZone zone = TimeZone::utc();
  const struct {
    const char *macro, *fields;
  } rows[] = {{"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
              {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@Yearly", "0 0 1 1 *"},
              {"@annually", "0 0 1 1 *"}};
  for (const auto& row : rows) {
    CHECK(cron(row.macro).next(utc("2026-06-15T10:20"), zone) ==
          cron(row.fields).next(utc("2026-06-15T10:20"), zone));
  }
}

TEST(Cron, eitherDayIsEnoughUnlessOneBeginsWithAStar) {
  const TimeZone zone = TimeZone::utc();
  // 13 February 2026 is a Friday.
  STRCMP_EQUAL("06T00:00+00:00 13T00:00+00:00 15T00:00+00:00",
               due("0 0 15 * FRI", zone, "2026-02-01T00:00", "2026-02-19T00:00").c_str());
  STRCMP_EQUAL("13T00:00+00:00 27T00:00+00:00",
               due("0 0 */2 * FRI", zone, "2026-02-01T00:00", "2026-02-28T00:00").c_str());
  STRCMP_EQUAL("06T00:00+00:00 13T00:00+00:00",
               due("0 0 ? * FRI", zone, "2026-02-01T00:00", "2026-02-19T00:00").c_str());
}

TEST(Cron, rareDatesAreFoundAndTheCalendarEnds) {
  const TimeZone zone = zoneByRule(kBerlinRule);
  STRCMP_EQUAL("2104-02-29T00:00:00+01:00",
               zone.format(*cron("0 0 29 2 *").next(utc("2096-03-01T00:00"), zone)).c_str());
  // 29 February on a Sunday.
  STRCMP_EQUAL("2032-02-29T00:00:00+01:00",
               zone.format(*cron("0 0 29 2 */6").next(utc("2026-01-01T00:00"), zone)).c_str());
  CHECK_FALSE(cron("0 0 1 1 *").next(utc("9999-01-02T00:00"), TimeZone::utc()).has_value());
  CHECK_FALSE(cron("* * * * *").next(kLastInstant, zone).has_value());
}

TEST(Cron, aGapMovesDailyTimesToItsEndAndLeavesHourlyOnesAlone) {
  const TimeZone zone = zoneByRule(kBerlinRule);
  const char *from = "2026-03-28T22:00", *to = "2026-03-29T03:00";
  STRCMP_EQUAL("29T03:00+02:00", due("30 2 * * *", zone, from, to).c_str());
  STRCMP_EQUAL("29T03:00+02:00", due("0,15,30 2 * * *", zone, from, to).c_str());
  STRCMP_EQUAL("29T03:00+02:00", due("0 2,3 * * *", zone, from, to).c_str());
  STRCMP_EQUAL("29T03:00+02:00 29T03:30+02:00", due("30 2,3 * * *", zone, from, to).c_str());
  STRCMP_EQUAL("28T23:30+01:00 29T00:30+01:00 29T01:30+01:00 29T03:30+02:00 29T04:30+02:00",
               due("30 * * * *", zone, from, to).c_str());
  STRCMP_EQUAL("29T00:00+01:00 29T03:00+02:00 29T04:00+02:00",
               due("0 */2 * * *", zone, from, to).c_str());
  STRCMP_EQUAL("29T03:00+02:00", due("*/20 2 * * *", zone, from, to).c_str());
}

TEST(Cron, aFoldRepeatsHourlyTimesAndNoOthers) {
  const TimeZone zone = zoneByRule(kBerlinRule);
  const char *from = "2026-10-24T22:30", *to = "2026-10-25T02:10";
  STRCMP_EQUAL("25T02:30+02:00", due("30 2 * * *", zone, from, to).c_str());
  STRCMP_EQUAL("25T01:00+02:00 25T02:00+02:00 25T02:00+01:00 25T03:00+01:00",
               due("0 * * * *", zone, from, to).c_str());
  STRCMP_EQUAL("25T02:00+02:00", due("0 */2 * * *", zone, from, to).c_str());
  STRCMP_EQUAL("25T02:00+02:00 25T02:30+02:00 25T02:00+01:00 25T02:30+01:00 25T03:00+01:00",
               due("*/30 2-3 * * *", zone, "2026-10-24T23:30", to).c_str());
}

TEST(Cron, aLookFromWithinAFoldKnowsWhatHasBeen) {
  const TimeZone zone = zoneByRule(kBerlinRule);
  // 02:10 in the second pass: 02:30 was due in the first one.
  STRCMP_EQUAL("2026-10-26T02:30:00+01:00",
               zone.format(*cron("30 2 * * *").next(utc("2026-10-25T01:10"), zone)).c_str());
}

TEST(Cron, agreesWithAScanOfAllMinutes) {
  const TimeZone zones[] = {
      TimeZone::utc(), zoneByRule(kBerlinRule), zoneByRule("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"),
      zoneByRule("<-04>4<-03>,M9.1.6/24,M4.1.6/24"), zoneByRule("AAA0BBB-24,M3.5.0,M10.5.0/3")};
  const char* const changes[] = {"2026-03-29T01:00", "2026-10-25T01:00", "2026-04-05T04:00",
                                 "2026-10-04T02:00"};
  const char* const minuteFields[] = {"*", "*/15", "0", "30", "7,37", "0-59/20", "59"};
  const char* const hourFields[] = {"*", "2", "0", "23", "*/2", "0-23", "1-3", "0,2,23"};
  const char* const dayFields[] = {"* * *",     "29 3 *",      "1-7 * SUN",
                                   "*/2 * 0,6", "25,5 10,4 *", "* * 6"};
  belay::test::SeededRandom random(11);
  for (int round = 0; round < 400; ++round) {
    const TimeZone& zone = zones[random.below(5)];
    const char* const minute = minuteFields[random.below(7)];
    const char* const hour = hourFields[random.below(8)];
    const std::string text = std::string(minute) + " " + hour + " " + dayFields[random.below(6)];
    const Instant after = utc(changes[random.below(4)]) - seconds{random.below(200'000)};
    const Instant until = after + seconds{random.below(400'000)};
    const Cron expression = cron(text.c_str());
    const bool everyHour = std::string(hour) == "*" || std::string(hour) == "0-23";
    const auto wanted = scanned(expression, everyHour, minute[0] == '*', zone, after, until);
    Instant at = after;
    for (const Instant when : wanted) {
      const auto next = expression.next(at, zone);
      CHECK_TEXT(next.has_value(), text.c_str());
      STRCMP_EQUAL_TEXT(zone.format(when).c_str(), zone.format(*next).c_str(), text.c_str());
      at = *next;
    }
    CHECK_TEXT(expression.next(at, zone).value_or(kEnd) > until, text.c_str());
    LONGS_EQUAL_TEXT(wanted.size(), expression.count(after, until, zone), text.c_str());
  }
}
