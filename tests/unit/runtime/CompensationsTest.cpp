// Runs that fail or are stopped after some of their steps succeeded: what each step said would undo
// it is performed in the opposite order, one at a time, and the record says what became of it.

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::TestRuntime;

namespace {

constexpr const char* kSaga =
    "slug: s\nsteps:\n"
    "  - id: book\n    run: {command: [book]}\n"
    "    compensate: {run: {command: [cancel, \"${{ steps.book.output.exit_code }}\"]}}\n"
    "  - id: charge\n    run: {command: [charge]}\n"
    "    compensate: {run: {command: [refund]}, timeout: 5s, effect: idempotent,\n"
    "      retry: {max_attempts: 2, on: [unavailable], backoff: {initial: 1s, max: 1s, jitter: "
    "0}}}\n"
    "  - id: ship\n    run: {command: [ship]}\n"
    "on_failure: [{id: alarm, run: {command: [alarm]}}]\n";

}  // namespace

TEST_GROUP(Compensations) {
  TestRuntime host;

  runtime::Attempt last() { return host.jobs.started().back(); }
  /// The first arguments of the commands that were started, in order.
  std::string commands() {
    std::string out;
    for (const runtime::Attempt& attempt : host.jobs.started()) {
      const auto rendered = *json::parse(attempt.renderedJson);
      out += (out.empty() ? "" : " ") + rendered.find("command")->asArray().front().asString();
    }
    return out;
  }
  base::RunId untilShip() {
    host.boot();
    const auto run = host.start(kSaga);
    host.succeed(last());
    host.succeed(last(), R"({"exit_code":0})");
    return run;
  }
  void control(const base::RunId& run, runtime::Verb verb) {
    CHECK(host.tell([&](runtime::Runtime& on) { return on.control(run, verb, "uid:1000"); }).ok());
  }
  engine::RunFinished end(const base::RunId& run) { return *host.state(run).finished; }
};

TEST(Compensations, theLatestStepIsUndoneFirstAndOnFailureRunsAfterAll) {
  const auto run = untilShip();
  host.fail(last(), flow::FailureClass::kExitCode);
  STRCMP_EQUAL("book charge ship refund", commands().c_str());
  STRCMP_EQUAL("charge~undo", last().key.path.c_str());
  LONGS_EQUAL(5000, last().timeoutMs);
  CHECK(last().effect == flow::EffectClass::kIdempotent);
  host.succeed(last());
  STRCMP_EQUAL("book charge ship refund cancel", commands().c_str());
  STRCMP_EQUAL(R"({"command":["cancel",0]})", last().renderedJson.c_str());
  host.succeed(last());
  STRCMP_EQUAL("book charge ship refund cancel alarm", commands().c_str());
  host.succeed(last());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  LONGS_EQUAL(2, end(run).compensated.size());
  STRCMP_EQUAL("charge", end(run).compensated[0].c_str());
  STRCMP_EQUAL("book", end(run).compensated[1].c_str());
  LONGS_EQUAL(0, end(run).uncompensated.size());
  STRCMP_EQUAL("ship", end(run).failedStep.c_str());
}

// Regression: seed 13 of the simulation. The second round never came, and the run never ended.
TEST(Compensations, aLoopOfOnFailureGoesOnAfterItsPause) {
  host.boot();
  const auto run = host.start(
      "slug: s\nsteps:\n"
      "  - {id: book, run: {command: [book]}, compensate: {run: {command: [cancel]}}}\n"
      "  - {id: ship, run: {command: [ship]}}\n"
      "on_failure:\n"
      "  - id: again\n"
      "    loop: {until: \"${{ index >= 1 }}\", max: 3, interval: 3m,\n"
      "      steps: [{id: alarm, run: {command: [alarm]}}]}\n");
  host.succeed(last());
  host.fail(last(), flow::FailureClass::kExitCode);
  host.succeed(last());
  host.succeed(last());
  STRCMP_EQUAL("book ship cancel alarm", commands().c_str());
  host.pass(std::chrono::minutes{3});
  STRCMP_EQUAL("book ship cancel alarm alarm", commands().c_str());
  host.succeed(last());
  STRCMP_EQUAL("failed", host.status(run).c_str());
}

TEST(Compensations, aRunThatSucceedsUndoesNothing) {
  const auto run = untilShip();
  host.succeed(last());
  STRCMP_EQUAL("book charge ship", commands().c_str());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  LONGS_EQUAL(0, end(run).uncompensated.size());
}

TEST(Compensations, anUndoThatFailsIsRecordedAndTheOthersStillRun) {
  const auto run = untilShip();
  host.fail(last(), flow::FailureClass::kExitCode);
  host.fail(last(), flow::FailureClass::kUnavailable);
  host.pass(std::chrono::seconds{2});
  LONGS_EQUAL(2, last().key.attempt);
  host.fail(last(), flow::FailureClass::kUnavailable);
  host.succeed(last());
  host.succeed(last());
  STRCMP_EQUAL("charge", end(run).uncompensated.front().c_str());
  STRCMP_EQUAL("book", end(run).compensated.front().c_str());
  // What the run failed of is not what came after.
  STRCMP_CONTAINS("BLY-TEST", host.errorOf(run).c_str());
  STRCMP_EQUAL("ship", end(run).failedStep.c_str());
}

TEST(Compensations, aStopLetsWhatIsInFlightEndAndUndoesItToo) {
  const auto run = untilShip();
  control(run, runtime::Verb::kStop);
  host.fail(last(), flow::FailureClass::kUnavailable);
  STRCMP_EQUAL("book charge ship refund", commands().c_str());
  // An undo is tried again, stopped or not.
  host.fail(last(), flow::FailureClass::kUnavailable);
  host.pass(std::chrono::seconds{2});
  host.succeed(last());
  host.succeed(last());
  STRCMP_EQUAL("book charge ship refund refund cancel", commands().c_str());
  LONGS_EQUAL(2, end(run).compensated.size());
}

TEST(Compensations, aStopUndoesWhatEndsWell) {
  host.boot();
  const auto run = host.start(kSaga);
  control(run, runtime::Verb::kStop);
  host.succeed(last());
  STRCMP_EQUAL("book cancel", commands().c_str());
  host.succeed(last());
  STRCMP_EQUAL("stopped", host.status(run).c_str());
}

TEST(Compensations, aCancelledRunUndoesNothingAndSaysSo) {
  const auto run = untilShip();
  control(run, runtime::Verb::kCancel);
  STRCMP_EQUAL("book charge ship", commands().c_str());
  STRCMP_EQUAL("cancelled", host.status(run).c_str());
  LONGS_EQUAL(2, end(run).uncompensated.size());
  // It can still be undone: the run goes on, and fails.
  CHECK(host.tell([&](runtime::Runtime& on) { return on.retry(run, "ship", "uid:1000"); }).ok());
  host.fail(last(), flow::FailureClass::kExitCode);
  STRCMP_EQUAL("book charge ship ship refund", commands().c_str());
}

TEST(Compensations, cancellingInTheMiddleSaysWhatWasUndone) {
  const auto run = untilShip();
  host.fail(last(), flow::FailureClass::kExitCode);
  host.succeed(last());
  control(run, runtime::Verb::kCancel);
  STRCMP_EQUAL("charge", end(run).compensated.front().c_str());
  STRCMP_EQUAL("book", end(run).uncompensated.front().c_str());
}

TEST(Compensations, whatACancelEndedIsNotTriedAgainByARetriedRun) {
  const auto run = untilShip();
  host.fail(last(), flow::FailureClass::kExitCode);
  STRCMP_EQUAL("charge~undo", last().key.path.c_str());
  control(run, runtime::Verb::kCancel);
  LONGS_EQUAL(2, end(run).uncompensated.size());
  CHECK(host.tell([&](runtime::Runtime& on) { return on.retry(run, "ship", "uid:1000"); }).ok());
  host.fail(last(), flow::FailureClass::kExitCode);
  // How far the refund had come is not known: under its key it is not begun twice.
  STRCMP_EQUAL("book charge ship refund ship cancel", commands().c_str());
  host.succeed(last());
  host.succeed(last());
  LONGS_EQUAL(1, end(run).compensated.size());
  STRCMP_EQUAL("book", end(run).compensated[0].c_str());
}

TEST(Compensations, aLoopBetweenTwoRoundsBeginsNoneInARunThatIsStopped) {
  host.boot();
  const auto run = host.start(
      "slug: s\nsteps:\n  - id: again\n    loop:\n      while: \"${{ true }}\"\n      max: 3\n"
      "      interval: 3m\n      steps:\n        - id: work\n          run: {command: [work]}\n"
      "          compensate: {run: {command: [undo]}}\n");
  host.succeed(last());
  control(run, runtime::Verb::kStop);
  host.pass(std::chrono::minutes{4});
  STRCMP_EQUAL("work undo", commands().c_str());
  host.succeed(last());
  STRCMP_EQUAL("stopped", host.status(run).c_str());
}

TEST(Compensations, aRetryAfterwardsMustNameItsStep) {
  const auto run = untilShip();
  host.fail(last(), flow::FailureClass::kExitCode);
  for (int i = 0; i < 3; ++i) host.succeed(last());
  const auto retry = [&](const std::string& step) {
    return host.tell([&](runtime::Runtime& on) { return on.retry(run, step, "uid:1000"); });
  };
  CHECK(TestRuntime::failedWith(retry(""), base::ErrorCode::kRunState));
  CHECK(retry("book").ok());
  STRCMP_EQUAL("book charge ship refund cancel alarm book", commands().c_str());
  host.succeed(last());
  host.fail(last(), flow::FailureClass::kExitCode);
  // The second visit has an undo of its own.
  STRCMP_EQUAL("cancel",
               json::parse(last().renderedJson)->find("command")->asArray()[0].asString().c_str());
  LONGS_EQUAL(2, last().key.visit);
}

TEST(Compensations, whatTheyNeedIsInTheJournal) {
  const auto run = untilShip();
  host.cutPower();
  // The job of ship is lost with the boot, and a person says that it failed.
  runtime::StepResult lost;
  lost.ambiguous = true;
  host.finish(host.jobs.recovered().back(), lost);
  CHECK(host.tell([&](runtime::Runtime& on) {
              return on.resolve(run, "ship", engine::Resolution::kFailed, "uid:1000", "");
            })
            .ok());
  STRCMP_EQUAL("refund", commands().c_str());
  host.boot();
  host.succeed(host.jobs.recovered().back());
  STRCMP_EQUAL(R"({"command":["cancel",0]})", last().renderedJson.c_str());
  host.succeed(last());
  host.succeed(last());
  LONGS_EQUAL(2, end(run).compensated.size());
}

TEST(Compensations, aPausedRunUndoesNothingUntilItIsResumed) {
  const auto run = untilShip();
  control(run, runtime::Verb::kPause);
  host.fail(last(), flow::FailureClass::kExitCode);
  STRCMP_EQUAL("book charge ship", commands().c_str());
  host.boot();
  control(run, runtime::Verb::kResume);
  STRCMP_CONTAINS("refund", last().renderedJson.c_str());
}

TEST(Compensations, thePolicyIsAskedForThemToo) {
  const auto run = untilShip();
  host.policy = trust::Policy::denyAll();
  host.fail(last(), flow::FailureClass::kExitCode);
  STRCMP_EQUAL("book charge ship", commands().c_str());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  LONGS_EQUAL(2, end(run).uncompensated.size());
}

TEST(Compensations, itemsAreUndoneInTheOppositeOrderOfTheirEnds) {
  host.boot();
  const auto run = host.start(
      "slug: s\nsteps:\n  - id: e\n    for_each:\n      items: [a, b]\n      max_parallel: 2\n"
      "      steps:\n        - id: w\n          run: {command: [do]}\n"
      "          compensate: {run: {command: [\"undo-${{ item }}\"]}}\n"
      "  - id: bad\n    run: {command: [bad]}\n");
  const auto items = host.jobs.started();
  host.succeed(items[1]);
  host.succeed(items[0]);
  host.fail(last(), flow::FailureClass::kExitCode);
  host.succeed(last());
  host.succeed(last());
  STRCMP_EQUAL("do do bad undo-a undo-b", commands().c_str());
  STRCMP_EQUAL("e[0]/w", end(run).compensated[0].c_str());
  STRCMP_EQUAL("e[1]/w", end(run).compensated[1].c_str());
}

TEST(Compensations, aStopWithinItemsStillKnowsTheItem) {
  host.boot();
  const auto run = host.start(
      "slug: s\nsteps:\n  - id: e\n    for_each:\n      items: [a, b]\n      steps:\n"
      "        - id: w\n          run: {command: [do]}\n"
      "          compensate: {run: {command: [\"undo-${{ item }}\"]}}\n");
  control(run, runtime::Verb::kStop);
  host.boot();
  host.succeed(host.jobs.recovered().back());
  STRCMP_CONTAINS("undo-a", last().renderedJson.c_str());
  host.succeed(last());
  STRCMP_EQUAL("stopped", host.status(run).c_str());
}

TEST(Compensations, anUndoThatCannotBeRenderedFailsItsStep) {
  host.boot();
  const auto run = host.start(
      "slug: s\nsteps:\n  - id: a\n    run: {command: [do]}\n"
      "    compensate: {run: {command: [\"${{ steps.a.output.none.x }}\"]}}\n");
  host.succeed(last());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_CONTAINS("compensate", host.errorOf(run).c_str());
}

TEST(Compensations, longOnesAreKeptAsResources) {
  host.boot();
  const auto run = host.start(
      "slug: s\nsteps:\n  - id: a\n    run: {command: [do]}\n"
      "    compensate: {run: {command: [undo, \"${{ 'x'.repeat(9000) }}\"]}}\n"
      "  - id: bad\n    run: {command: [bad]}\n");
  host.succeed(last());
  CHECK(host.state(run).undos.front().renderedJson.empty());
  host.fail(last(), flow::FailureClass::kExitCode);
  CHECK(last().renderedJson.size() > 9000);
}

TEST(Compensations, anAmbiguousUndoIsResolvedByAPerson) {
  const auto run = untilShip();
  host.fail(last(), flow::FailureClass::kExitCode);
  host.succeed(last());
  runtime::StepResult unknown;
  unknown.ambiguous = true;
  host.finish(last(), unknown);
  STRCMP_EQUAL("ambiguous", host.status(run).c_str());
  CHECK(host.tell([&](runtime::Runtime& on) {
              return on.resolve(run, "book~undo", engine::Resolution::kSucceeded, "uid:1000", "");
            })
            .ok());
  host.succeed(last());
  LONGS_EQUAL(2, end(run).compensated.size());
}

TEST(Compensations, inCodeSecretsThatItDoesNotNameAreRefusedBeforeTheEffect) {
  host.boot();
  const auto run = host.start(
      "export const flow = {slug: 's', input: {type: 'object'}};\n"
      "export default async function (ctx, input) {\n"
      "  await ctx.step('pay', {run: {command: ['pay']},\n"
      "    compensate: {http: {method: 'POST', url: 'http://peer.test/', headers: input.h}}});\n"
      "}\n",
      R"({"h":{"X-T":{"secret":"token"}}})");
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_CONTAINS("BLY-FLOW-SECRET-MISPLACED compensate: headers.X-T", host.errorOf(run).c_str());
}

TEST(Compensations, inCodeSecretsThatItNamesAreTaken) {
  host.boot();
  const auto run = host.start(
      "export const flow = {slug: 's'};\n"
      "export default async function (ctx) {\n"
      "  await ctx.step('pay', {run: {command: ['pay']},\n"
      "    compensate: {run: {command: ['refund'], env: {T: {secret: 'token'}}}}});\n"
      "  await ctx.step('bad', {run: {command: ['bad']}});\n"
      "}\n");
  host.succeed(last());
  host.fail(last(), flow::FailureClass::kExitCode);
  STRCMP_EQUAL("pay bad refund", commands().c_str());
  host.succeed(last());
  LONGS_EQUAL(1, end(run).compensated.size());
}

TEST(Compensations, whatFailsAfterAnEffectIsNotSaidToHaveLeftNothing) {
  host.boot();
  const auto run = host.start(
      "slug: s\ninput: {type: object}\nsteps:\n  - id: a\n    run: {command: [do]}\n"
      "    compensate: {run: {command: [undo], env: {T: \"${{ input.t }}\"}}}\n",
      R"({"t":{"secret":"token"}})");
  host.succeed(last());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_CONTAINS("BLY-FLOW-SECRET-MISPLACED compensate: env.T", host.errorOf(run).c_str());
  CHECK(!host.state(run).finished->failure->nothingLeft);
}
