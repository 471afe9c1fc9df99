// Starts more runs of a key than may be active, on a disk in memory, and looks at who begins when.
// Performers hold their attempts, so that a run is active for as long as the test wants.

#include "agent/journal/AdmissionTable.h"
#include "agent/runtime/FlowLifecycle.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using base::RunId;
using test::TestRuntime;

namespace {

constexpr const char* kPlain = "slug: plain\nsteps:\n  - {id: a, run: {command: [\"true\"]}}\n";

std::string flowOf(const std::string& concurrency, const std::string& more = "") {
  return "slug: f\nconcurrency: " + concurrency + "\n" + more +
         "input: {type: object, properties: {k: {type: string}}}\n"
         "steps:\n  - {id: a, run: {command: [\"true\"]}}\n";
}

}  // namespace

/// A run has this status; else its events are shown.
#define STATUS(expected, id) \
  STRCMP_EQUAL_TEXT(expected, host.status(id).c_str(), host.history(id).c_str())

TEST_GROUP(Admission) {
  TestRuntime host;
  runtime::Started last;

  void setup() override { host.boot(); }

  base::Status tryStart(const std::string& yaml, const std::string& key = "a",
                        const std::string& source = "draft") {
    return host.tell([&](runtime::Runtime& on) -> base::Status {
      runtime::StartRequest request;
      request.digest = host.put(on, yaml);
      request.source = source;
      request.by = "uid:1000";
      request.input.set("k", key);
      BELAY_ASSIGN(last, on.start(request));
      return {};
    });
  }
  RunId start(const std::string& yaml, const std::string& key = "a",
              const std::string& source = "draft") {
    const base::Status done = tryStart(yaml, key, source);
    CHECK_TEXT(done.ok(), done.ok() ? "" : done.error().message.c_str());
    return last.run;
  }
  /// Lets the active attempt of a run end well.
  void finish(const RunId& run) { host.succeed(attemptOf(run)); }
  /// The latest attempt of a run that was handed out.
  runtime::Attempt attemptOf(const RunId& run) {
    std::optional<runtime::Attempt> found;
    for (const auto& attempt : host.jobs.recovered())
      if (attempt.run == run) found = attempt;
    for (const auto& attempt : host.jobs.started())
      if (attempt.run == run) found = attempt;
    CHECK(found.has_value());
    return *found;
  }
  base::Status control(const RunId& run, runtime::Verb verb) {
    return host.tell([&](runtime::Runtime& on) { return on.control(run, verb, "uid:1"); });
  }
  base::Status retry(const RunId& run) {
    return host.tell([&](runtime::Runtime& on) { return on.retry(run, "", "uid:1"); });
  }
  journal::QueuePlace placeOf(const RunId& run) {
    const auto place = host.journal->admissions().place(run, true);
    CHECK(place.ok() && place->has_value());
    return **place;
  }
  std::size_t rows() {
    std::size_t rows = 0;
    for (const char* lane : {":a", ":b", ":", "."}) {
      for (const char* slug : {"f", "plain"}) {
        const auto counts = host.journal->admissions().count(slug, lane);
        rows += static_cast<std::size_t>(counts->queued + counts->held);
      }
    }
    return rows;
  }
};

TEST(Admission, runsOfOneKeyTakeTurnsInOrder) {
  const std::string flow = flowOf("{key: \"${{ input.k }}\"}");
  const RunId first = start(flow);
  const RunId second = start(flow);
  CHECK(last.queued);
  const RunId third = start(flow);
  const RunId other = start(flow, "b");
  CHECK(!last.queued);
  STATUS("running", first);
  STATUS("queued", second);
  STATUS("queued", third);
  STATUS("running", other);
  STRCMP_EQUAL(first.str().c_str(), placeOf(second).behind.str().c_str());
  STRCMP_EQUAL(second.str().c_str(), placeOf(third).behind.str().c_str());
  LONGS_EQUAL(1, placeOf(third).ahead);
  finish(first);
  STATUS("succeeded", first);
  STATUS("running", second);
  STATUS("queued", third);
  finish(second);
  STATUS("running", third);
  finish(third);
  finish(other);
  LONGS_EQUAL(0, rows());
  STRCMP_EQUAL("run_created run_admitted step_started step_finished run_finished",
               host.history(second).c_str());
}

TEST(Admission, theKeyStandsInTheEventAndIsNotEvaluatedAgain) {
  const RunId run = start(flowOf("{key: \"k-${{ input.k }}-${{ trigger.type }}\", limit: 2}"));
  const auto lane = host.state(run).created.lane;
  STRCMP_EQUAL("k-a-manual", lane->key.c_str());
  LONGS_EQUAL(2, lane->limit);
}

TEST(Admission, aKeyThatFailsOrIsTooLongStartsNothing) {
  CHECK(TestRuntime::failedWith(tryStart(flowOf("{key: \"${{ input.x.y }}\"}")),
                                ErrorCode::kExpressionFailed));
  CHECK(
      TestRuntime::failedWith(tryStart(flowOf("{key: \"${{ input.k }}\"}"), std::string(513, 'k')),
                              ErrorCode::kInputInvalid));
  LONGS_EQUAL(0, host.journal->runs({})->size());
}

TEST(Admission, theEndAndTheNextBeginningAreOneCommit) {
  const std::string flow = flowOf("{}");
  const RunId first = start(flow);
  const RunId second = start(flow);
  const auto attempt = attemptOf(first);
  runtime::StepResult result;
  result.outputJson = "{}";
  host.loop->resultSink()(attempt.run, attempt.key, std::move(result));
  // Until the first has ended in the file, the second has not begun there.
  for (int round = 0; round < 10; ++round) {
    CHECK(host.loop->step().ok());
    CHECK_EQUAL(host.status(first) == "succeeded", host.status(second) == "running");
  }
  STATUS("running", second);
}

TEST(Admission, theQueueSurvivesAPowerCut) {
  const std::string flow = flowOf("{limit: 2}");
  std::vector<RunId> runs;
  for (int i = 0; i < 5; ++i) runs.push_back(start(flow));
  host.cutPower();
  for (int i = 0; i < 5; ++i)
    STATUS(i < 2 ? "running" : "queued", runs[static_cast<std::size_t>(i)]);
  finish(runs[1]);
  STATUS("running", runs[2]);
  STATUS("queued", runs[3]);
  host.cutPower();
  finish(runs[0]);
  STATUS("running", runs[3]);
}

TEST(Admission, theQueueIsBounded) {
  const std::string flow = flowOf("{max_queued: 2}");
  start(flow);
  start(flow);
  start(flow);
  const base::Status refused = tryStart(flow);
  CHECK(TestRuntime::failedWith(refused, ErrorCode::kQueueFull));
  STRCMP_CONTAINS("concurrency.max_queued", refused.error().message.c_str());
  LONGS_EQUAL(3, host.journal->runs({})->size());
}

TEST(Admission, skipStartsNothingAndSaysBecauseOfWhom) {
  const std::string flow = flowOf("{on_conflict: skip}");
  const RunId first = start(flow);
  CHECK(tryStart(flow).ok());
  CHECK(last.skipped);
  CHECK(last.run.empty());
  STRCMP_EQUAL(first.str().c_str(), last.because.str().c_str());
  finish(first);
  const RunId next = start(flow);
  STATUS("running", next);
  LONGS_EQUAL(2, host.journal->runs({})->size());
}

TEST(Admission, rejectIsAnError) {
  const std::string flow = flowOf("{on_conflict: reject, key: \"${{ input.k }}\"}");
  const RunId first = start(flow);
  const base::Status refused = tryStart(flow);
  CHECK(TestRuntime::failedWith(refused, ErrorCode::kFlowBusy));
  STRCMP_CONTAINS(first.str().c_str(), refused.error().message.c_str());
  const RunId other = start(flow, "b");
  STATUS("running", other);
}

TEST(Admission, supersedeEndsTheOldestAndTheNewOneTakesItsPlace) {
  const std::string flow = flowOf("{on_conflict: supersede, limit: 2}");
  const RunId first = start(flow);
  const RunId second = start(flow);
  const RunId third = start(flow);
  STATUS("cancelled", first);
  STATUS("running", second);
  STATUS("running", third);
  STRCMP_EQUAL(("BLY-RUN-SUPERSEDED superseded by " + third.str()).c_str(),
               host.errorOf(first).c_str());
  CHECK(host.state(first).supersededBy == third);
  LONGS_EQUAL(1, host.jobs.cancelled().size());
}

TEST(Admission, supersedeInOneTransactionLeavesTheNewest) {
  const std::string flow = flowOf("{on_conflict: supersede}");
  std::vector<std::shared_ptr<std::string>> runs;
  for (int i = 0; i < 4; ++i) {
    runs.push_back(std::make_shared<std::string>());
    host.post(flow, runs.back(), {});
  }
  CHECK(host.settle().ok());
  for (std::size_t i = 0; i < 4; ++i)
    STATUS(i < 3 ? "cancelled" : "running", *RunId::parse(*runs[i]));
}

TEST(Admission, aQueuedRunCanBeCancelledAndStopped) {
  const std::string flow = flowOf("{}");
  const RunId first = start(flow);
  const RunId second = start(flow);
  const RunId third = start(flow);
  const RunId fourth = start(flow);
  CHECK(control(second, runtime::Verb::kCancel).ok());
  STATUS("cancelled", second);
  CHECK(control(third, runtime::Verb::kStop).ok());
  STATUS("stopped", third);
  STATUS("queued", fourth);
  LONGS_EQUAL(0, placeOf(fourth).ahead);
  finish(first);
  STATUS("running", fourth);
  STRCMP_EQUAL("run_created run_cancel_requested run_finished", host.history(second).c_str());
}

TEST(Admission, aPausedQueuedRunTakesItsSlotAndWaits) {
  const std::string flow = flowOf("{}");
  const RunId first = start(flow);
  const RunId second = start(flow);
  const RunId third = start(flow);
  CHECK(control(second, runtime::Verb::kPause).ok());
  STATUS("queued", second);
  finish(first);
  STATUS("paused", second);
  STATUS("queued", third);
  CHECK(control(second, runtime::Verb::kResume).ok());
  STATUS("running", second);
}

TEST(Admission, aWaitingRunHoldsItsSlot) {
  const std::string flow = "slug: f\nconcurrency: {}\nsteps:\n  - {id: w, wait: {for: 1h}}\n";
  const RunId first = start(flow);
  const RunId second = start(flow);
  STATUS("waiting", first);
  STATUS("queued", second);
  host.pass(std::chrono::hours{1});
  STATUS("succeeded", first);
  STATUS("waiting", second);
}

TEST(Admission, aRetryTakesItsTurnToo) {
  const std::string flow = flowOf("{}");
  const RunId first = start(flow);
  CHECK(control(first, runtime::Verb::kCancel).ok());
  const RunId second = start(flow);
  CHECK(host.tell([&](runtime::Runtime& on) { return on.retry(first, "a", "uid:1"); }).ok());
  STATUS("queued", first);
  host.cutPower();
  STATUS("queued", first);
  finish(second);
  STATUS("running", first);
  finish(first);
  STATUS("succeeded", first);
  LONGS_EQUAL(0, rows());
}

TEST(Admission, aRetryIsRefusedWhereARunWouldBeSkipped) {
  const std::string flow = flowOf("{on_conflict: skip}");
  const RunId first = start(flow);
  host.fail(attemptOf(first), flow::FailureClass::kOther);
  STATUS("failed", first);
  const RunId second = start(flow);
  CHECK(TestRuntime::failedWith(retry(first), ErrorCode::kFlowBusy));
  finish(second);
  CHECK(retry(first).ok());
  STATUS("running", first);
}

TEST(Admission, aRollbackForgetsWhoWasAdmitted) {
  const std::string flow = flowOf("{}");
  const RunId first = start(flow);
  const RunId second = start(flow);
  host.disk.setFault({host.disk.operations() + 1, test::FaultVfs::Failure::kDiskFull, true});
  const auto attempt = attemptOf(first);
  runtime::StepResult result;
  result.outputJson = "{}";
  host.loop->resultSink()(attempt.run, attempt.key, std::move(result));
  for (int i = 0; i < 5; ++i) CHECK(host.loop->step().ok());
  STATUS("running", first);
  STATUS("queued", second);
  host.disk.clearFault();
  host.pass(std::chrono::seconds{10});
  STATUS("succeeded", first);
  STATUS("running", second);
}

TEST(Admission, theHostsBoundGoesOverAllFlowsInOrder) {
  host.settings.concurrentRunsMax = 2;
  host.boot();
  const std::string keyed = flowOf("{key: \"${{ input.k }}\"}");
  const RunId first = start(kPlain);
  const RunId second = start(keyed);
  const RunId third = start(keyed);        // Behind the second.
  const RunId fourth = start(keyed, "b");  // Has its slot, and waits for a place.
  const RunId fifth = start(kPlain);
  STATUS("running", second);
  STATUS("queued", third);
  STATUS("queued", fourth);
  STATUS("queued", fifth);
  CHECK(placeOf(fourth).turn == journal::Turn::kReady);
  LONGS_EQUAL(1, placeOf(fifth).ahead);
  finish(first);
  STATUS("running", fourth);
  STATUS("queued", fifth);
  finish(second);
  // The third has been there for longer than the fifth.
  STATUS("running", third);
  STATUS("queued", fifth);
  host.cutPower();
  finish(third);
  STATUS("running", fifth);
  finish(fourth);
  finish(fifth);
  LONGS_EQUAL(0, rows());
}

TEST(Admission, aRunThatOnlyWaitsGivesItsPlaceOnTheHostBack) {
  host.settings.concurrentRunsMax = 1;
  host.boot();
  const RunId waiting = start(
      "slug: w\nsteps:\n  - {id: w, wait: {for: 1h}}\n  - {id: a, run: {command: [\"true\"]}}\n");
  STATUS("waiting", waiting);
  const RunId next = start(kPlain);
  STATUS("running", next);
  const RunId further = start(kPlain);
  STATUS("queued", further);
  host.pass(std::chrono::hours{1});
  STATUS("running", waiting);
  finish(next);
  STATUS("queued", further);
  finish(waiting);
  STATUS("running", further);
}

TEST(Admission, withoutTheBoundTheQueueOfTheHostIsWorkedOff) {
  host.settings.concurrentRunsMax = 1;
  host.boot();
  start(kPlain);
  const RunId second = start(kPlain);
  STATUS("queued", second);
  host.settings.concurrentRunsMax = 0;
  host.boot();
  STATUS("running", second);
}

TEST(Admission, drainLetsTheRunsOfOtherReleasesEndFirst) {
  const std::string one = flowOf("{key: \"${{ input.k }}\"}", "on_new_release: drain\n");
  const std::string two = one + "name: two\n";
  const RunId a1 = start(one, "a", "live:1");
  const RunId a2 = start(one, "a", "live:1");
  const RunId b1 = start(two, "b", "live:2");
  const RunId a3 = start(two, "a", "live:2");
  const RunId draft = start(two, "c", "draft");
  STATUS("running", draft);
  STATUS("queued", b1);
  STRCMP_EQUAL("", placeOf(b1).behind.str().c_str());
  finish(a1);
  STATUS("running", a2);
  STATUS("queued", b1);
  host.cutPower();
  STATUS("queued", b1);
  finish(a2);
  STATUS("running", b1);
  STATUS("running", a3);
}

TEST(Admission, drainWaitsForQueuedRunsThatCameBefore) {
  const std::string one = flowOf("{key: \"${{ input.k }}\"}", "on_new_release: drain\n");
  const std::string two = one + "name: two\n";
  const RunId a1 = start(one, "a", "live:1");
  const RunId a2 = start(one, "a", "live:1");
  const RunId b1 = start(two, "b", "live:2");
  CHECK(control(a2, runtime::Verb::kPause).ok());
  finish(a1);
  STATUS("paused", a2);
  STATUS("queued", b1);
  CHECK(control(a2, runtime::Verb::kCancel).ok());
  STATUS("running", b1);
  // A rollback: what is live again waits in its turn, and nobody waits for ever.
  const RunId back = start(one, "a", "live:1");
  STATUS("queued", back);
  finish(b1);
  STATUS("running", back);
}

TEST(Admission, supersedeReplacesQueuedRunsOfWhatWasLive) {
  const std::string more = "on_new_release: supersede\n";
  const std::string one = flowOf("{key: \"${{ input.k }}\"}", more);
  const std::string two = one + "name: two\n";
  const runtime::Author me{"uid:1", ""};
  const auto live = [&](const std::string& yaml, const char* release) {
    CHECK(host.tell([&](runtime::Runtime& on) -> base::Status {
                const journal::FlowRow row{host.put(on, yaml), "f", "yaml", yaml, 1};
                BELAY_TRY(runtime::putDraft(on.journal(), row, {.ifDraft = "", .force = true}, me));
                BELAY_TRY(runtime::makeRelease(on.journal(), "f", "", {}, me, 1));
                BELAY_TRY(runtime::promote(on.journal(), "f", release, me, 1));
                on.promoted("f");
                return {};
              })
              .ok());
  };
  live(one, "1");
  const RunId active = start(one, "a", "live:1");
  const RunId queued = start(one, "a", "live:1");
  const RunId named = start(one, "a", "release:1");
  const RunId late = start(one, "a", "live:1");
  live(two, "2");
  STATUS("running", active);
  STATUS("cancelled", queued);
  STATUS("queued", named);
  STATUS("cancelled", late);
  const RunId instead = host.state(queued).supersededBy;
  STRCMP_EQUAL(("BLY-RUN-SUPERSEDED superseded by " + instead.str()).c_str(),
               host.errorOf(queued).c_str());
  STATUS("queued", instead);
  STRCMP_EQUAL("live:2", host.state(instead).created.source.c_str());
  STRCMP_EQUAL(host.state(queued).created.inputJson.c_str(),
               host.state(instead).created.inputJson.c_str());
  LONGS_EQUAL(0, placeOf(instead).ahead);
  LONGS_EQUAL(2, placeOf(host.state(late).supersededBy).ahead);
  finish(active);
  STATUS("running", instead);
}

TEST(Admission, aFlowWithoutBoundsLeavesNoRows) {
  const RunId run = start(kPlain);
  CHECK(!host.state(run).created.lane.has_value());
  LONGS_EQUAL(0, host.journal->admissions().lastPlace().value());
  finish(run);
  STRCMP_EQUAL("run_created step_started step_finished run_finished", host.history(run).c_str());
}
