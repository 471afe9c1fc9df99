// When schedules are due: cron expressions, single times and intervals, forwards, counted, and the
// newest of many.

#include <string>

#include "agent/triggers/Schedule.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/TestZone.h"

#include <CppUTest/TestHarness.h>

using namespace belay::triggers;
using belay::calendar::TimeZone;
using belay::test::kBerlinRule;
using belay::test::utc;
using belay::test::zoneByRule;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_GROUP(Timing) {
  const TimeZone berlin = zoneByRule(kBerlinRule);
  const TimeZone utcZone = TimeZone::utc();
};

TEST(Timing, onceIsDueOnce) {
  const Timing once = *Timing::at("2026-12-24T18:00:00+01:00", berlin);
  CHECK(once.next(utc("2026-01-01T00:00")) == utc("2026-12-24T17:00"));
  CHECK_FALSE(once.next(utc("2026-12-24T17:00")).has_value());
  LONGS_EQUAL(1, once.count(utc("2026-12-24T16:59"), utc("2026-12-24T17:00")));
  LONGS_EQUAL(0, once.count(utc("2026-12-24T17:00"), utc("2027-12-24T17:00")));
}

TEST(Timing, aLocalTimeIsOneOfTheZone) {
  CHECK(Timing::at("2026-12-24T18:00", berlin)->next({}) == utc("2026-12-24T17:00"));
  CHECK(Timing::at("2026-03-29T02:30", berlin)->next({}) == utc("2026-03-29T01:00"));
  CHECK(Timing::at("2026-10-25T02:30", berlin)->next({}) == utc("2026-10-25T00:30"));
  CHECK_FALSE(Timing::at("tomorrow", berlin).ok());
  STRCMP_CONTAINS("fraction", Timing::at("2026-12-24T18:00:00.5Z", berlin).error().message.c_str());
}

TEST(Timing, intervalsCountFromTheirStartOrFrom1970) {
  const Timing from = *Timing::every(seconds{5400}, utc("2026-05-01T00:10"));
  CHECK(from.next(utc("2020-01-01T00:00")) == utc("2026-05-01T00:10"));
  CHECK(from.next(utc("2026-05-01T00:10")) == utc("2026-05-01T01:40"));
  LONGS_EQUAL(2, from.count(utc("2020-01-01T00:00"), utc("2026-05-01T01:40")));
  const Timing always = *Timing::every(seconds{3600});
  CHECK(always.next(utc("2026-05-01T00:10")) == utc("2026-05-01T01:00"));
  CHECK(always.next(Instant{seconds{-1}}) == Instant{});
  LONGS_EQUAL(1, always.count(Instant{seconds{-3600}}, Instant{seconds{3599}}));
}

TEST(Timing, intervalsAreWholeSecondsWithinBounds) {
  for (const milliseconds wrong :
       {milliseconds{0}, milliseconds{999}, milliseconds{1500}, milliseconds{-1000},
        milliseconds{std::chrono::hours{24 * 367}}}) {
    CHECK(Timing::every(wrong).error().code == belay::base::ErrorCode::kScheduleInvalid);
  }
}

TEST(Timing, theNewestOfManyAreFoundWithoutTheOthers) {
  belay::test::SeededRandom random(3);
  const Timing timings[] = {*Timing::cron("*/7 1-5 * * *", berlin),
                            *Timing::cron("0 0 1 1 *", berlin), *Timing::cron("* * 1 1 *", utcZone),
                            *Timing::every(seconds{60}), *Timing::cron("30 2 * * 0", berlin)};
  for (int round = 0; round < 200; ++round) {
    const Timing& timing = timings[random.below(5)];
    const Instant after = utc("2026-01-01T00:00") + seconds{random.below(100'000'000)};
    const Instant until = after + seconds{random.below(2'000'000)};
    const std::size_t most = random.below(40);
    std::vector<Instant> wanted;
    for (auto due = timing.next(after); due && *due <= until; due = timing.next(*due))
      wanted.push_back(*due);
    LONGS_EQUAL(wanted.size(), timing.count(after, until));
    if (wanted.size() > most)
      wanted.erase(wanted.begin(), wanted.end() - static_cast<std::ptrdiff_t>(most));
    CHECK(timing.newest(most, after, until) == wanted);
  }
}

TEST(Timing, upcomingStopsWhereTheCalendarEnds) {
  LONGS_EQUAL(1000,
              Timing::cron("0 0 29 2 *", berlin)->upcoming(utc("2026-01-01T00:00"), 1000).size());
  LONGS_EQUAL(1, Timing::at("2026-12-24T18:00", berlin)->upcoming({}, 10).size());
}

TEST_GROUP(Schedule){};

TEST(Schedule, jitterIsTheSameForTheSameSeedAndSpreadEvenly) {
  Schedule schedule{"host-1/nightly", *Timing::every(seconds{3600})};
  LONGS_EQUAL(0, jitterOf(schedule, utc("2026-01-01T00:00")).count());
  schedule.jitter = milliseconds{300'000};
  // Later versions must give it too: the digest's first eight bytes, modulo 300,001.
  LONGS_EQUAL(293'815, jitterOf(schedule, utc("2026-01-01T00:00")).count());
  Schedule other = schedule;
  other.seed = "host-2/nightly";
  milliseconds sum{0};
  int same = 0;
  for (int i = 0; i < 1000; ++i) {
    const Instant due{seconds{3600 * i}};
    const milliseconds jitter = jitterOf(schedule, due);
    CHECK(jitter >= milliseconds{0} && jitter <= schedule.jitter);
    sum += jitter;
    same += jitter == jitterOf(other, due);
  }
  CHECK(sum / 1000 > milliseconds{135'000} && sum / 1000 < milliseconds{165'000});
  CHECK(same < 5);
}

TEST(Schedule, optionsHaveBounds) {
  const Schedule right{"s", *Timing::every(seconds{3600})};
  CHECK(checkSchedule(right).ok());
  const auto refused = [&](auto change, const char* why) {
    Schedule wrong = right;
    change(wrong);
    const auto status = checkSchedule(wrong);
    CHECK_FALSE_TEXT(status.ok(), why);
    STRCMP_CONTAINS(why, status.error().message.c_str());
  };
  refused([](Schedule& s) { s.max = 0; }, "max must be from 1 to 500");
  refused([](Schedule& s) { s.max = 501; }, "max must be from 1 to 500");
  refused([](Schedule& s) { s.spacing = milliseconds{-1}; }, "spacing must be from 0s to");
  refused([](Schedule& s) { s.jitter = milliseconds{86'400'001}; }, "jitter must be from 0s to");
  refused([](Schedule& s) { s.window = milliseconds{0}; }, "window must be from 1s to");
}

TEST(Schedule, policiesHaveNames) {
  for (const OnMissed policy : {OnMissed::kSkip, OnMissed::kLatest, OnMissed::kAll}) {
    CHECK(onMissedFrom(onMissedName(policy)) == policy);
  }
  CHECK_FALSE(onMissedFrom("never").has_value());
}
