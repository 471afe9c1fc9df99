// Starts, stops, pauses, cancels and retries runs, and kills the process between any two of these:
// what a person asked for must hold, and a new process must go on exactly where the journal says.

#include <string>

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using belay::base::ErrorCode;
using belay::base::RunId;
using belay::base::Status;
using belay::flow::FailureClass;
using belay::runtime::Runtime;
using belay::runtime::StartRequest;
using belay::runtime::Verb;
using belay::test::TestRuntime;

namespace {

const char* const kTwo = R"(slug: two
input: {type: object, properties: {n: {type: integer}}}
steps:
  - id: first
    run: {command: [/bin/true]}
  - id: second
    http: {url: "http://peer.test/"}
    retry: {max_attempts: 3, backoff: {initial: 10s, jitter: 0}}
)";
const char* const kNap = "slug: nap\nsteps:\n  - id: nap\n    sleep: {for: 10m}\n";

}  // namespace

TEST_GROUP(Runtime) {
  TestRuntime host;

  void setup() override { host.boot(); }
  Status control(const RunId& run, Verb verb) {
    return host.tell([&](Runtime& on) { return on.control(run, verb, "uid:0"); });
  }
  Status retry(const RunId& run, const std::string& step) {
    return host.tell([&](Runtime& on) { return on.retry(run, step, "uid:0"); });
  }
  RunId startWithKey(const std::string& key) {
    const auto run = std::make_shared<std::string>();
    StartRequest request;
    request.idempotencyKey = key;
    const auto asked = host.post(kNap, run, request);
    CHECK(host.settle().ok() && asked->status.ok());
    return *RunId::parse(*run);
  }
  /// A run whose second step is in flight.
  RunId atSecond() {
    const RunId run = host.start(kTwo);
    host.succeed(host.jobs.started().back());
    return run;
  }
};

TEST(Runtime, theSameKeyOfAStartGivesTheSameRunAlsoAfterARestart) {
  const RunId run = startWithKey("k");
  CHECK(run == startWithKey("k"));
  host.boot();
  CHECK(run == startWithKey("k"));
  CHECK(!(run == startWithKey("other")));
}

TEST(Runtime, anInputIsCoercedAndCheckedBeforeThereIsARun) {
  const RunId run = host.start(kTwo, R"({"n": "7"})");
  STRCMP_EQUAL(R"({"n":7})", host.state(run).created.inputJson.c_str());
  StartRequest request;
  request.input = *belay::json::parse(R"({"n": "x"})");
  const auto asked = host.post(kTwo, std::make_shared<std::string>(), request);
  CHECK(host.settle().ok());
  CHECK(TestRuntime::failedWith(asked->status, ErrorCode::kInputInvalid));
  LONGS_EQUAL(1, host.journal->runs({})->size());
}

TEST(Runtime, runsHaveABoundThatCountsThoseThatWaitAndNotThoseThatEnded) {
  host.settings.activeRunsMax = 2;
  host.boot();
  const RunId first = host.start(kNap);
  host.start(kNap);
  const auto refused = host.post(kNap, std::make_shared<std::string>(), StartRequest{});
  CHECK(host.settle().ok());
  CHECK(TestRuntime::failedWith(refused->status, ErrorCode::kQueueFull));
  CHECK(control(first, Verb::kCancel).ok());
  host.start(kNap);
}

TEST(Runtime, startsThatAreRefusedSayWhyAndWhatRunsGoesOn) {
  const RunId run = host.start(kNap);
  host.runtime->refuseStarts({ErrorCode::kLimit, "limits.disk"});
  const auto refused = host.post(kNap, std::make_shared<std::string>(), StartRequest{});
  CHECK(host.settle().ok());
  CHECK(TestRuntime::failedWith(refused->status, ErrorCode::kLimit));
  host.pass(10min);
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  host.runtime->admit();
  host.start(kNap);
}

TEST(Runtime, pausedMeansThatWhatIsInFlightEndsAndNothingNewBegins) {
  const RunId run = host.start(kTwo);
  CHECK(control(run, Verb::kPause).ok());
  CHECK(control(run, Verb::kPause).ok());
  host.succeed(host.jobs.started().front());
  LONGS_EQUAL(0, host.requests.started().size());
  STRCMP_EQUAL("paused", host.status(run).c_str());
  host.boot();
  STRCMP_EQUAL("paused", host.status(run).c_str());
  CHECK(control(run, Verb::kResume).ok());
  LONGS_EQUAL(1, host.requests.started().size());
}

TEST(Runtime, aRetryThatComesDueWhilePausedIsMadeOnResume) {
  const RunId run = atSecond();
  host.fail(host.requests.started().back(), FailureClass::kUnavailable);
  CHECK(control(run, Verb::kPause).ok());
  host.pass(1h);
  LONGS_EQUAL(1, host.requests.started().size());
  CHECK(control(run, Verb::kResume).ok());
  LONGS_EQUAL(2, host.requests.started().size());
}

TEST(Runtime, aPauseDoesNotShortenWhatThePeerAskedFor) {
  const RunId run = atSecond();
  host.fail(host.requests.started().back(), FailureClass::kRateLimited, false,
            std::chrono::milliseconds(1h).count());
  CHECK(control(run, Verb::kPause).ok());
  host.pass(10min);
  CHECK(control(run, Verb::kResume).ok());
  LONGS_EQUAL(1, host.requests.started().size());
  host.pass(49min);
  LONGS_EQUAL(1, host.requests.started().size());
  host.pass(1min);
  LONGS_EQUAL(2, host.requests.started().size());
}

TEST(Runtime, aPauseOverARestartDoesNotShortenItEither) {
  const RunId run = atSecond();
  host.fail(host.requests.started().back(), FailureClass::kRateLimited, false,
            std::chrono::milliseconds(1h).count());
  CHECK(control(run, Verb::kPause).ok());
  host.boot();
  host.pass(10min);
  CHECK(control(run, Verb::kResume).ok());
  host.boot();
  host.pass(49min);
  LONGS_EQUAL(1, host.requests.started().size());
  host.pass(1min);
  LONGS_EQUAL(2, host.requests.started().size());
}

TEST(Runtime, aBackoffThatIsHalfOverWhenPausedGoesOnFromThere) {
  const RunId run = atSecond();
  host.fail(host.requests.started().back(), FailureClass::kUnavailable);
  host.pass(6s);
  CHECK(control(run, Verb::kPause).ok());
  CHECK(control(run, Verb::kResume).ok());
  LONGS_EQUAL(1, host.requests.started().size());
  host.pass(3s);
  LONGS_EQUAL(1, host.requests.started().size());
  host.pass(1s);
  LONGS_EQUAL(2, host.requests.started().size());
}

TEST(Runtime, stoppedMeansThatWhatIsInFlightEndsAndNothingFollows) {
  const RunId run = host.start(kTwo);
  CHECK(control(run, Verb::kStop).ok());
  STRCMP_EQUAL("stopping", host.status(run).c_str());
  LONGS_EQUAL(0, host.jobs.cancelled().size());
  host.succeed(host.jobs.started().front());
  STRCMP_EQUAL("stopped", host.status(run).c_str());
  LONGS_EQUAL(0, host.requests.started().size());
  CHECK(TestRuntime::failedWith(control(run, Verb::kPause), ErrorCode::kRunFinished));
}

TEST(Runtime, cancelledMeansAtOnce) {
  const RunId run = host.start(kTwo);
  CHECK(control(run, Verb::kCancel).ok());
  LONGS_EQUAL(1, host.jobs.cancelled().size());
  STRCMP_EQUAL("first", host.jobs.cancelled().front().path.c_str());
  STRCMP_EQUAL("cancelled", host.status(run).c_str());
  const std::string history = host.history(run);
  host.succeed(host.jobs.started().front());
  STRCMP_EQUAL(history.c_str(), host.history(run).c_str());
}

TEST(Runtime, aRetryThatIsWaitingDiesWithItsRun) {
  const RunId run = atSecond();
  host.fail(host.requests.started().back(), FailureClass::kUnavailable);
  CHECK(control(run, Verb::kCancel).ok());
  host.pass(1h);
  LONGS_EQUAL(1, host.requests.started().size());
  CHECK(!host.journal->nextDue()->bootMs);
}

TEST(Runtime, aRunThatFailedGoesOnFromWhereItFailedOrWhereItIsTold) {
  const RunId run = atSecond();
  host.fail(host.requests.started().back(), FailureClass::kOther);
  CHECK(TestRuntime::failedWith(retry(run, "nowhere"), ErrorCode::kFlowUnknownStep));
  CHECK(retry(run, "").ok());
  LONGS_EQUAL(2, host.requests.started().size());
  LONGS_EQUAL(2, host.requests.started().back().key.visit);
  LONGS_EQUAL(1, host.jobs.started().size());
  CHECK(TestRuntime::failedWith(retry(run, ""), ErrorCode::kRunState));
  host.fail(host.requests.started().back(), FailureClass::kOther);
  CHECK(retry(run, "first").ok());
  LONGS_EQUAL(2, host.jobs.started().size());
  host.succeed(host.jobs.started().back());
  host.succeed(host.requests.started().back(), "{}");
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}

TEST(Runtime, afterAKillAJobIsTakenUpAndNotStartedAgain) {
  host.start(kTwo);
  host.boot();
  LONGS_EQUAL(1, host.jobs.started().size());
  LONGS_EQUAL(1, host.jobs.recovered().size());
  // The policy said yes to it before.
  LONGS_EQUAL(1, host.jobs.described().size());
  STRCMP_EQUAL(host.jobs.started().front().idempotencyKey.c_str(),
               host.jobs.recovered().front().idempotencyKey.c_str());
}

TEST(Runtime, afterAKillARequestThatMayBeRepeatedIsSentAgainUnderItsKey) {
  atSecond();
  host.boot();
  LONGS_EQUAL(2, host.requests.started().size());
  LONGS_EQUAL(2, host.requests.described().size());
  STRCMP_EQUAL(host.requests.started()[0].idempotencyKey.c_str(),
               host.requests.started()[1].idempotencyKey.c_str());
}

TEST(Runtime, afterAKillARequestThatMayNotBeRepeatedIsAmbiguous) {
  const RunId run = host.start(
      "slug: post\nsteps:\n  - id: post\n    http: {url: \"http://peer.test/\", method: POST}\n");
  host.boot();
  STRCMP_EQUAL("ambiguous", host.status(run).c_str());
  LONGS_EQUAL(1, host.requests.started().size());
}

TEST(Runtime, afterAKillStepsThatEndedAreNotRepeated) {
  const RunId run = atSecond();
  host.boot();
  LONGS_EQUAL(1, host.jobs.started().size());
  LONGS_EQUAL(0, host.jobs.recovered().size());
  host.succeed(host.requests.started().back(), "{}");
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}

TEST(Runtime, afterAKillARetryKeepsItsTime) {
  atSecond();
  host.fail(host.requests.started().back(), FailureClass::kUnavailable);
  host.clock.advance(4s);
  host.boot();
  host.pass(5s);
  LONGS_EQUAL(1, host.requests.started().size());
  host.pass(1s);
  LONGS_EQUAL(2, host.requests.started().size());
}

TEST(Runtime, afterARebootASleepLastsWhatWasLeftOfIt) {
  const RunId run = host.start(kNap);
  host.clock.advance(4min);
  host.cutPower();
  host.pass(6min - 1ms);
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  host.pass(1ms);
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}
