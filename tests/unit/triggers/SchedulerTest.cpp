// The real scheduler in a loop over a journal on a disk in memory, with a clock that a test moves:
// what is due becomes a row and a run, once, whatever happens to process, clock and flow.

#include <string>

#include "common/json/Json.h"
#include "tests/support/TestScheduler.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using test::TestScheduler;

namespace {

const char* const kEveryMinute = "  - schedule: '* * * * *'\n";
const char* const kHourlyAll =
    "  - schedule: '0 * * * *'\n    on_missed: all\n    max: 3\n    spacing: 10s\n";

}  // namespace

TEST_GROUP(Scheduler) {
  TestScheduler on;

  void setup() override { on.host.boot(); }

  std::string trigger(const journal::RunRow& run) {
    return on.host.state(run.id).created.triggerJson;
  }
};

TEST(Scheduler, whatIsDueRunsOnceAndKnowsItsTime) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(2min + 30s);
  STRCMP_EQUAL("08:01:00 ran, 08:02:00 ran", on.ledger("tick").c_str());
  const auto runs = on.runs();
  LONGS_EQUAL(2, runs.size());
  STRCMP_EQUAL("live:1", runs[0].source.c_str());
  STRCMP_EQUAL("schedule:schedule-1", runs[0].startedBy.c_str());
  STRCMP_EQUAL("succeeded", on.host.status(runs[0].id).c_str());
  STRCMP_EQUAL(
      "{\"type\":\"schedule\",\"id\":\"schedule-1\",\"scheduled_for\":"
      "\"2027-01-15T08:02:00.000Z\",\"local_time\":\"2027-01-15T08:02:00+00:00\","
      "\"outcome\":\"ran\"}",
      trigger(runs[0]).c_str());
}

TEST(Scheduler, sleepsUntilTheNextDueTime) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  const auto next = on.host.settle();
  LONGS_EQUAL(60'000, *next->wallMs - on.host.clock.wallMs());
  CHECK_FALSE(next->now);
}

TEST(Scheduler, theDueTimeOfThePromotionIsNotDue) {
  CHECK(on.promote("tick", "  - every: 1m\n").ok());
  on.pass(30s);
  STRCMP_EQUAL("", on.ledger("tick").c_str());
}

TEST(Scheduler, inputIsRenderedWithTheTrigger) {
  CHECK(on.promote("tick",
                   "  - schedule: '0 9 * * *'\n    id: nightly\n    input: {day: \"${{ "
                   "trigger.scheduled_for.slice(0, 10) }}\", n: 3}\n",
                   "input: {type: object, properties: {n: {type: integer}}}\n")
            .ok());
  on.pass(2h);
  LONGS_EQUAL(1, on.runs().size());
  STRCMP_EQUAL("{\"day\":\"2027-01-15\",\"n\":3}",
               on.host.state(on.runs()[0].id).created.inputJson.c_str());
}

TEST(Scheduler, aRefusedStartIsARowThatSaysWhy) {
  CHECK(on.promote("tick", kEveryMinute,
                   "input: {type: object, required: [n], properties: {n: {type: integer}}}\n")
            .ok());
  on.pass(90s);
  STRCMP_EQUAL("08:01:00 skipped refused", on.ledger("tick").c_str());
  const std::string note = on.rows("tick")[0].note;
  STRCMP_CONTAINS("BLY-INPUT-INVALID", note.c_str());
  LONGS_EQUAL(0, on.runs().size());
}

TEST(Scheduler, aStartThatTheFlowSkipsIsARowThatSaysBecauseOfWhom) {
  const std::string skips = "concurrency: {on_conflict: skip}\n";
  const base::RunId busy =
      on.host.start("slug: tick\n" + skips + "steps:\n  - {id: a, run: {command: [\"true\"]}}\n");
  CHECK(on.promote("tick", kEveryMinute, skips).ok());
  on.pass(90s);
  STRCMP_EQUAL("08:01:00 skipped refused", on.ledger("tick").c_str());
  STRCMP_EQUAL((busy.str() + " has not ended (on_conflict: skip)").c_str(),
               on.rows("tick")[0].note.c_str());
  on.host.succeed(on.host.jobs.started().back());
  on.pass(1min);
  STRCMP_EQUAL("08:01:00 skipped refused, 08:02:00 ran", on.ledger("tick").c_str());
}

TEST(Scheduler, anExpressionThatThrowsIsARefusal) {
  CHECK(on.promote("tick", "  - every: 1m\n    input: {a: \"${{ trigger.nope.nope }}\"}\n").ok());
  on.pass(90s);
  STRCMP_EQUAL("08:01:00 skipped refused", on.ledger("tick").c_str());
  STRCMP_CONTAINS("BLY-EXPRESSION-FAILED", on.rows("tick")[0].note.c_str());
}

TEST(Scheduler, whatWasMissedIsDecidedAtTheStart) {
  CHECK(on.promote("tick", kHourlyAll).ok());
  on.down(5h + 30min);
  on.pass(15s);
  STRCMP_EQUAL(
      "09:00:00 skipped over_max, 10:00:00 skipped over_max, 11:00:00 caught_up, 12:00:00 "
      "caught_up, 13:00:00 caught_up waiting",
      on.ledger("tick").c_str());
  on.pass(10s);
  LONGS_EQUAL(3, on.runs().size());
}

TEST(Scheduler, aSuspendedHostCatchesUpLikeOneThatWasDown) {
  CHECK(on.promote("tick", "  - schedule: '0 * * * *'\n").ok());
  on.host.clock.advance(3h + 30min);
  CHECK(on.host.settle().ok());
  STRCMP_EQUAL("09:00:00 superseded, 10:00:00 superseded, 11:00:00 caught_up",
               on.ledger("tick").c_str());
}

TEST(Scheduler, aClockThatIsPutBackRunsNothingTwice) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(3min + 10s);
  on.host.clock.jumpWall(-2min);
  on.pass(3min);
  STRCMP_EQUAL("08:01:00 ran, 08:02:00 ran, 08:03:00 ran, 08:04:00 ran", on.ledger("tick").c_str());
  LONGS_EQUAL(4, on.runs().size());
}

TEST(Scheduler, aClockThatWasAheadForAMomentLosesNothing) {
  CHECK(on.promote("tick", "  - schedule: '0 * * * *'\n    on_missed: skip\n").ok());
  on.host.clock.jumpWall(24h + 10min);
  CHECK(on.host.settle().ok());
  on.host.clock.jumpWall(-24h - 10min);
  on.pass(61min);
  STRCMP_EQUAL("09:00:00 ran", on.ledger("tick").c_str());
}

TEST(Scheduler, withNothingDueTheClockIsStillWatched) {
  CHECK(on.promote("once", "  - at: 2027-01-15T08:01:00Z\n").ok());
  on.pass(2min);
  STRCMP_EQUAL("08:01:00 ran", on.ledger("once").c_str());
  CHECK(on.host.settle()->wallMs.has_value());
}

TEST(Scheduler, pausedIsSkippedAndNeverCaughtUp) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(90s);
  CHECK(on.pause("tick").ok());
  on.pass(2min);
  LONGS_EQUAL(1, on.runs().size());
  CHECK(on.resume("tick").ok());
  on.pass(1min);
  STRCMP_EQUAL("08:01:00 ran, 08:02:00 skipped paused, 08:03:00 skipped paused, 08:04:00 ran",
               on.ledger("tick").c_str());
}

TEST(Scheduler, aPauseHoldsOverARestartAndAClockThatIsPutBack) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(10s);
  CHECK(on.pause("tick").ok());
  on.down(1min);
  on.host.clock.jumpWall(-10min);
  on.pass(5min);
  LONGS_EQUAL(0, on.runs().size());
  CHECK(on.resume("tick").ok());
  on.pass(1min);
  LONGS_EQUAL(1, on.runs().size());
}

TEST(Scheduler, pauseAlsoSkipsWhatWaitsForItsStart) {
  CHECK(on.promote("tick", "  - schedule: '1 8 * * *'\n    jitter: 1h\n").ok());
  on.pass(61s);
  STRCMP_EQUAL("08:01:00 ran waiting", on.ledger("tick").c_str());
  CHECK(on.pause("tick").ok());
  STRCMP_EQUAL("08:01:00 skipped paused", on.ledger("tick").c_str());
}

TEST(Scheduler, whoIsPausedOrNotIsSaid) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  CHECK(on.host
            .tell([&](runtime::Runtime&) -> base::Status {
              CHECK_FALSE(*on.scheduler->resume("tick", "schedule-1"));
              CHECK(*on.scheduler->pause("tick", "schedule-1", "uid:1"));
              CHECK_FALSE(*on.scheduler->pause("tick", "schedule-1", "uid:1"));
              const auto unknown = on.scheduler->pause("tick", "schedule-2", "uid:1");
              STRCMP_CONTAINS("did you mean \"schedule-1\"?", unknown.error().message.c_str());
              return {};
            })
            .ok());
}

TEST(Scheduler, thePromotionIsTheBorderBetweenOldAndNew) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(59s);
  // The clock is past a due time that nobody has looked at when the promotion comes.
  on.host.clock.advance(2s);
  CHECK(on.promote("tick", "  - schedule: '0 * * * *'\n").ok());
  on.pass(1h);
  const auto rows = on.rows("tick");
  STRCMP_EQUAL("08:01:00 ran, 09:00:00 ran", on.ledger("tick").c_str());
  LONGS_EQUAL(1, rows[0].release);
  LONGS_EQUAL(2, rows[1].release);
  STRCMP_EQUAL("live:2", on.runs()[0].source.c_str());
}

TEST(Scheduler, aScheduleThatIsGoneRunsNoMoreAndBeginsAnewWhenItComesBack) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(61s);
  CHECK(on.promote("tick", "").ok());
  on.pass(5min);
  LONGS_EQUAL(1, on.runs().size());
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(1min);
  STRCMP_EQUAL("08:01:00 ran, 08:07:00 ran", on.ledger("tick").c_str());
}

TEST(Scheduler, whileArchivedTheScheduleIsDisabled) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(61s);
  CHECK(on.archive("tick").ok());
  on.pass(2min);
  CHECK(on.archive("tick", true).ok());
  on.pass(1min);
  STRCMP_EQUAL("08:01:00 ran, 08:02:00 skipped disabled, 08:03:00 skipped disabled, 08:04:00 ran",
               on.ledger("tick").c_str());
}

TEST(Scheduler, aDraftNeverTriggers) {
  CHECK(on.host
            .tell([&](runtime::Runtime& runtime) -> base::Status {
              const std::string text =
                  "slug: d\ntriggers:\n  - every: 1s\nsteps: [{id: a, set: "
                  "{b: 1}}]\n";
              auto flow = flow::parseFlow(text, "d.yaml", flow::Format::kYaml);
              BELAY_TRY(runtime::putDraft(runtime.journal(), {flow->digest, "d", "yaml", text, 0},
                                          {}, {"uid:1", ""}));
              BELAY_TRY(runtime::makeRelease(runtime.journal(), "d", "", {}, {"uid:1", ""}, 0));
              return {};
            })
            .ok());
  on.pass(1min);
  LONGS_EQUAL(0, on.runs().size());
}

TEST(Scheduler, afterAPowerCutTheRowAndItsRunAreBothThereOrNeither) {
  CHECK(on.promote("tick", "  - every: 1s\n").ok());
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    on.pass(3s);
    on.host.cutPower(seed);
  }
  on.pass(1s);
  std::set<std::string> named;
  for (const auto& row : on.rows("tick")) {
    if (row.state != journal::OccurrenceState::kStarted) continue;
    CHECK(on.host.journal->run(*base::RunId::parse(row.run))->has_value());
    CHECK(named.insert(row.run).second);
  }
  LONGS_EQUAL(on.runs().size(), named.size());
  CHECK(named.size() >= 25);
}

TEST(Scheduler, afterAFullDiskItGoesOn) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(61s);
  on.host.disk.setFault({on.host.disk.operations() + 1, test::FaultVfs::Failure::kDiskFull, true});
  on.host.clock.advance(1min);
  CHECK(on.host.settle().ok());
  on.host.disk.clearFault();
  on.pass(2min);
  STRCMP_EQUAL("08:01:00 ran, 08:02:00 superseded, 08:03:00 superseded, 08:04:00 ran",
               on.ledger("tick").c_str());
  LONGS_EQUAL(2, on.runs().size());
}

TEST(Scheduler, thePruneLeavesWhatIsYoungAndWhatWaits) {
  CHECK(on.promote("tick", kEveryMinute).ok());
  on.pass(5min + 1s);
  const auto report = on.host.journal->prune(on.host.clock.wallMs() - 2 * 60'000, 100);
  CHECK(report.ok());
  LONGS_EQUAL(3, report->occurrences);
  STRCMP_EQUAL("08:04:00 ran, 08:05:00 ran", on.ledger("tick").c_str());
}
