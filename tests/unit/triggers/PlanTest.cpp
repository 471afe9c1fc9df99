// What becomes of due times: each test gives a schedule, what the ledger knows and the time, and
// reads the plan.

#include <string>

#include "agent/triggers/Plan.h"
#include "tests/support/TestZone.h"

#include <CppUTest/TestHarness.h>

using namespace belay::triggers;
using belay::calendar::TimeZone;
using belay::test::utc;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const TimeZone& zone() {
  static const TimeZone kUtc = TimeZone::utc();
  return kUtc;
}

std::string clock(Moment when) {
  return zone().format(std::chrono::floor<seconds>(when)).substr(8, 8);
}

/// "09:00 skipped missed|…", with counts and starts.
std::string show(const Plan& plan) {
  std::string out;
  for (const Occurrence& row : plan.rows) {
    out += (out.empty() ? "" : " | ") + clock(row.due);
    if (row.count > 1) out += ".." + clock(row.last) + " x" + std::to_string(row.count);
    out += " " + std::string(outcomeName(row.outcome));
    if (row.reason != SkipReason::kNone) out += " " + std::string(skipReasonName(row.reason));
    if (row.by) out += " by " + clock(*row.by);
    if (row.runs()) out += " at " + clock(row.runAt);
  }
  return out;
}

Occurrence waiting(const char* due, const char* runAt) {
  Occurrence row;
  row.due = row.last = utc(due);
  row.outcome = Outcome::kRan;
  row.runAt = utc(runAt);
  return row;
}

}  // namespace

TEST_GROUP(Plan) {
  Schedule schedule{"seed", *Timing::cron("0 * * * *", zone())};
  LedgerView ledger{utc("2026-05-01T08:00"), {}, {}, {}, {}};
  std::vector<OffPeriod> off;

  std::string at(const char* now) { return show(plan(schedule, ledger, off, utc(now))); }
  std::string wake(const char* now) {
    const auto moment = plan(schedule, ledger, off, utc(now)).wakeAt;
    return moment ? clock(*moment) : "never";
  }
};

TEST(Plan, whatIsDueJustNowRuns) {
  STRCMP_EQUAL("", at("2026-05-01T08:59:59").c_str());
  STRCMP_EQUAL("01T09:00 ran at 01T09:00", at("2026-05-01T09:00").c_str());
  STRCMP_EQUAL("01T09:00 ran at 01T09:01", at("2026-05-01T09:01").c_str());
  STRCMP_EQUAL("01T10:00", wake("2026-05-01T09:00").c_str());
}

TEST(Plan, nothingIsDueTwice) {
  ledger.handledUntil = plan(schedule, ledger, off, utc("2026-05-01T09:00")).handledUntil;
  STRCMP_EQUAL("", at("2026-05-01T09:00").c_str());
  STRCMP_EQUAL("", at("2026-05-01T09:30").c_str());
}

TEST(Plan, ofWhatWasMissedTheLatestRuns) {
  STRCMP_EQUAL(
      "01T09:00 superseded by 01T11:00 | 01T10:00 superseded by 01T11:00 | 01T11:00 caught_up at "
      "01T11:30",
      at("2026-05-01T11:30").c_str());
}

TEST(Plan, nothingIsCaughtUpWhenSomethingIsDueJustNow) {
  STRCMP_EQUAL(
      "01T09:00 superseded by 01T11:00 | 01T10:00 superseded by 01T11:00 | 01T11:00 ran at "
      "01T11:00",
      at("2026-05-01T11:00").c_str());
}

TEST(Plan, whatWasMissedIsSkippedWhereTheScheduleSaysSo) {
  schedule.onMissed = OnMissed::kSkip;
  STRCMP_EQUAL("01T09:00 skipped missed | 01T10:00 ran at 01T10:00",
               at("2026-05-01T10:00").c_str());
  STRCMP_EQUAL("01T09:00 skipped missed", at("2026-05-01T09:30").c_str());
}

TEST(Plan, allThatWasMissedRunsUpToTheMaximumOldestFirst) {
  schedule.onMissed = OnMissed::kAll;
  schedule.max = 2;
  schedule.spacing = minutes{5};
  STRCMP_EQUAL(
      "01T09:00 skipped over_max | 01T10:00 caught_up at 01T12:00 | 01T11:00 caught_up at 01T12:05 "
      "| "
      "01T12:00 ran at 01T12:00",
      at("2026-05-01T12:00").c_str());
}

TEST(Plan, spacingHoldsOverSeveralPlans) {
  schedule.onMissed = OnMissed::kAll;
  schedule.spacing = minutes{5};
  ledger.pending = {waiting("2026-05-01T07:00", "2026-05-01T09:33")};
  ledger.lastCatchUp = utc("2026-05-01T09:33");
  STRCMP_EQUAL("01T09:00 caught_up at 01T09:38", at("2026-05-01T09:30").c_str());
}

TEST(Plan, whatIsOlderThanTheWindowIsNotCaughtUp) {
  schedule.window = minutes{90};
  STRCMP_EQUAL(
      "01T09:00 skipped too_old | 01T10:00 superseded by 01T11:00 | 01T11:00 caught_up at 01T11:30",
      at("2026-05-01T11:30").c_str());
  schedule.window = minutes{10};
  STRCMP_EQUAL("01T09:00 skipped too_old", at("2026-05-01T09:30").c_str());
}

TEST(Plan, dueTimesOfAPauseAreSkippedAndNeverCaughtUp) {
  off = {{utc("2026-05-01T09:30"), utc("2026-05-01T11:10"), SkipReason::kPaused}};
  STRCMP_EQUAL("01T09:00 caught_up at 01T11:30 | 01T10:00 skipped paused | 01T11:00 skipped paused",
               at("2026-05-01T11:30").c_str());
  STRCMP_EQUAL("01T12:00", wake("2026-05-01T11:30").c_str());
}

TEST(Plan, nothingStartsWhileTheScheduleIsOff) {
  off = {{utc("2026-05-01T09:30"), std::nullopt, SkipReason::kDisabled}};
  ledger.pending = {waiting("2026-05-01T08:00", "2026-05-01T09:40")};
  STRCMP_EQUAL("01T08:00 skipped disabled | 01T09:00 skipped disabled | 01T10:00 skipped disabled",
               at("2026-05-01T10:00").c_str());
  STRCMP_EQUAL("never", wake("2026-05-01T10:00").c_str());
  off[0].until = utc("2026-05-01T12:00");
  STRCMP_EQUAL("01T12:00", wake("2026-05-01T10:00").c_str());
}

TEST(Plan, aStartThatWasMissedBeforeAPauseIsNotMadeUpForInIt) {
  off = {{utc("2026-05-01T08:40"), std::nullopt, SkipReason::kPaused}};
  ledger.pending = {waiting("2026-05-01T08:00", "2026-05-01T08:20")};
  STRCMP_EQUAL("01T08:00 skipped paused | 01T09:00 skipped paused", at("2026-05-01T09:30").c_str());
}

TEST(Plan, jitterDelaysTheStartAndNotTheDueTime) {
  schedule.jitter = minutes{20};
  const Instant due = utc("2026-05-01T09:00");
  const Moment start = due + jitterOf(schedule, due);
  const Plan made = plan(schedule, ledger, off, due);
  LONGS_EQUAL(1, made.rows.size());
  CHECK(made.rows[0].due == due && made.rows[0].runAt == start && made.wakeAt == start);
  const Plan missed = plan(schedule, ledger, off, due + minutes{30});
  CHECK(missed.rows.at(0).runAt == start + minutes{30});
}

TEST(Plan, aRowThatWaitsForItsStartIsLeftAlone) {
  schedule.jitter = minutes{30};
  ledger.pending = {waiting("2026-05-01T08:00", "2026-05-01T08:20")};
  STRCMP_EQUAL("", at("2026-05-01T08:10").c_str());
  STRCMP_EQUAL("01T08:20", wake("2026-05-01T08:10").c_str());
  STRCMP_EQUAL("", at("2026-05-01T08:20").c_str());
}

TEST(Plan, aRowThatCouldNotBeStartedWasMissed) {
  ledger.pending = {waiting("2026-05-01T08:00", "2026-05-01T08:20")};
  STRCMP_EQUAL("01T08:00 caught_up at 01T08:30", at("2026-05-01T08:30").c_str());
  STRCMP_EQUAL("01T08:00 superseded by 01T09:00 | 01T09:00 ran at 01T09:00",
               at("2026-05-01T09:00").c_str());
  schedule.onMissed = OnMissed::kSkip;
  STRCMP_EQUAL("01T08:00 skipped missed", at("2026-05-01T08:30").c_str());
}

TEST(Plan, aStartThatNoJitterExplainsAnyMoreGetsANewTime) {
  schedule.onMissed = OnMissed::kSkip;
  ledger.pending = {waiting("2026-05-01T08:00", "2026-05-01T08:20")};
  STRCMP_EQUAL("01T08:00 ran at 01T08:10", at("2026-05-01T08:10").c_str());
}

TEST(Plan, aClockThatWasPutBackRunsNothingTwice) {
  ledger.handledUntil = utc("2026-05-01T12:00");
  ledger.started = {utc("2026-05-01T10:00"), utc("2026-05-01T12:00")};
  const Plan back = plan(schedule, ledger, off, utc("2026-05-01T09:30"));
  CHECK(back.voidAfter == utc("2026-05-01T09:30") && back.handledUntil == utc("2026-05-01T09:30"));
  CHECK(back.rows.empty());
  STRCMP_EQUAL("01T11:00", clock(*back.wakeAt).c_str());
  ledger.handledUntil = back.handledUntil;
  STRCMP_EQUAL("", at("2026-05-01T10:00").c_str());
  STRCMP_EQUAL("01T11:00 ran at 01T11:00", at("2026-05-01T11:00").c_str());
  STRCMP_EQUAL("01T11:00 caught_up at 01T12:00", at("2026-05-01T12:00").c_str());
}

TEST(Plan, aClockThatWasYearsAheadSilencesNothing) {
  ledger.handledUntil = utc("2036-05-01T12:00");
  Occurrence ahead;
  ahead.due = utc("2026-05-01T07:00");
  ahead.last = utc("2036-05-01T11:00");
  ahead.count = schedule.timing.count(utc("2026-05-01T06:00"), ahead.last);
  ahead.reason = SkipReason::kTooOld;
  ledger.ahead = {ahead};
  // A start in ten years, decided by the wrong clock, of a due time that has come.
  ledger.pending = {waiting("2026-05-01T06:00", "2036-05-01T12:00"),
                    waiting("2036-05-01T11:00", "2036-05-01T12:00")};
  ledger.pending[0].outcome = Outcome::kCaughtUp;
  STRCMP_EQUAL("01T06:00 caught_up at 01T09:30 | 01T07:00..01T09:00 x3 skipped too_old",
               at("2026-05-01T09:30").c_str());
  ledger.handledUntil = utc("2026-05-01T09:30");
  ledger.pending.clear();
  STRCMP_EQUAL("01T10:00 ran at 01T10:00", at("2026-05-01T10:00").c_str());
}

TEST(Plan, aSharedRowThatIsCutCountsOnlyItsOwn) {
  // 07:00 to 11:00 without 10:00, which ran before the clock was put forward, back, and forward.
  ledger.handledUntil = utc("2026-05-01T12:00");
  Occurrence ahead;
  ahead.due = utc("2026-05-01T07:00");
  ahead.last = utc("2026-05-01T11:00");
  ahead.count = 4;
  ahead.reason = SkipReason::kTooOld;
  ledger.ahead = {ahead};
  ledger.started = {utc("2026-05-01T10:00")};
  STRCMP_EQUAL("01T07:00..01T09:00 x3 skipped too_old", at("2026-05-01T09:30").c_str());
}

TEST(Plan, ofYearsTheOlderDueTimesShareRows) {
  schedule.timing = *Timing::cron("* * * * *", zone());
  const Plan made = plan(schedule, ledger, off, utc("2036-05-01T08:00"));
  LONGS_EQUAL(kSingleRowsMax + 2, made.rows.size());
  std::uint64_t count = 0;
  for (const Occurrence& row : made.rows) count += row.count;
  LONGS_EQUAL(schedule.timing.count(ledger.handledUntil, utc("2036-05-01T08:00")), count);
  CHECK(made.rows[0].reason == SkipReason::kTooOld && made.rows[0].count > 5'000'000);
  CHECK(made.rows[1].outcome == Outcome::kSuperseded && made.rows[1].by == utc("2036-05-01T08:00"));
  LONGS_EQUAL(24 * 60 + 1, made.rows[1].count + kSingleRowsMax);
}

TEST(Plan, aLongPauseDoesNotHideWhatWasMissedBeforeIt) {
  schedule.timing = *Timing::cron("* * * * *", zone());
  off = {{utc("2026-05-01T08:03"), utc("2026-05-02T07:00"), SkipReason::kPaused}};
  schedule.onMissed = OnMissed::kSkip;
  const Plan made = plan(schedule, ledger, off, utc("2026-05-02T07:00"));
  CHECK(made.rows[0].reason == SkipReason::kMissed && made.rows[1].reason == SkipReason::kMissed);
  CHECK(made.rows[2].reason == SkipReason::kPaused && made.rows[2].count > 300);
  CHECK(made.rows.back().outcome == Outcome::kRan);
}

TEST(Plan, rowsExplainThemselves) {
  const auto sentence = [&](const char* now, std::size_t row) {
    return explain(plan(schedule, ledger, off, utc(now)).rows.at(row), schedule, zone());
  };
  STRCMP_EQUAL("due 2026-05-01T09:00:00+00:00: runs at 2026-05-01T09:00:00+00:00",
               sentence("2026-05-01T09:00", 0).c_str());
  STRCMP_EQUAL(
      "due 2026-05-01T09:00:00+00:00: missed; the one due 2026-05-01T10:00:00+00:00 runs in its "
      "place "
      "(on_missed: latest)",
      sentence("2026-05-01T10:00", 0).c_str());
  schedule.window = minutes{10};
  STRCMP_EQUAL(
      "due 2026-05-01T09:00:00+00:00: skipped, because when it could have run, more than the "
      "window of 10m "
      "had passed",
      sentence("2026-05-01T09:30", 0).c_str());
}

TEST(Plan, wordsOfTheLedgerAreReadBack) {
  for (int i = 0; i < static_cast<int>(Outcome::kCount); ++i) {
    CHECK(outcomeFrom(outcomeName(static_cast<Outcome>(i))) == static_cast<Outcome>(i));
  }
  for (int i = 0; i < static_cast<int>(SkipReason::kCount); ++i) {
    CHECK(skipReasonFrom(skipReasonName(static_cast<SkipReason>(i))) == static_cast<SkipReason>(i));
  }
}
