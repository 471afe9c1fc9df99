// Attempts that wait for a token of a rate limit: in their order, each woken once, over restarts
// and boots, and all of a connection when its peer asks to be left alone.

#include <algorithm>

#include "agent/runtime/TokenBucket.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::TestRuntime;

TEST_GROUP(TokenBucket) {
  journal::BucketRow row;
  const base::RateLimit limit{2, seconds{10}};

  void setup() override { row.bootId = "b"; }
  runtime::TokenBucket at(std::int64_t second, const std::string& boot = "b") {
    return runtime::TokenBucket(row, limit, boot, second * 1'000'000);
  }
  /// Takes a token, or says when there is one.
  std::int64_t ask(std::int64_t second, bool isTurn = false) {
    auto bucket = at(second);
    if (bucket.earliestUs(isTurn) > second * 1'000'000) return bucket.enqueueUs(isTurn) / 1'000'000;
    bucket.take();
    return second;
  }
};

TEST(TokenBucket, aFullOneGivesAllThatItHasAndThenOneByOne) {
  LONGS_EQUAL(100, ask(100));
  LONGS_EQUAL(100, ask(100));
  LONGS_EQUAL(105, ask(100));
  LONGS_EQUAL(110, ask(100));
  LONGS_EQUAL(105, ask(105, true));
  LONGS_EQUAL(110, ask(110, true));
}

TEST(TokenBucket, whoComesLaterDoesNotOvertake) {
  for (int i = 0; i < 4; ++i) ask(100);
  LONGS_EQUAL(115, ask(105));
}

TEST(TokenBucket, afterAnAbsenceThoseWhoWaitedQueueUpAgain) {
  for (int i = 0; i < 6; ++i) ask(100);
  LONGS_EQUAL(1000, ask(1000, true));
  LONGS_EQUAL(1000, ask(1000, true));
  LONGS_EQUAL(1005, ask(1000, true));
  LONGS_EQUAL(1010, ask(1000, true));
}

TEST(TokenBucket, anotherBootGivesNothingForFree) {
  ask(100);
  ask(100);
  CHECK(at(7, "c").earliestUs(false) == 12'000'000);
}

TEST(TokenBucket, inAnotherBootThoseWhoWaitedNeedNotWaitTheirWholeQueueAgain) {
  for (int i = 0; i < 50; ++i) ask(100);
  auto bucket = at(2, "c");
  CHECK(bucket.earliestUs(true) == 7'000'000);
  CHECK(bucket.enqueueUs(true) == 7'000'000);
  CHECK(bucket.enqueueUs(true) == 12'000'000);
}

TEST(TokenBucket, aPeerThatAsksForARestGetsIt) {
  at(100).block(160'000'000);
  LONGS_EQUAL(160, ask(101));
  LONGS_EQUAL(165, ask(101));
  LONGS_EQUAL(160, ask(160, true));
  LONGS_EQUAL(165, ask(165, true));
}

TEST_GROUP(RateLimits) {
  TestRuntime host;

  static std::string limited(const std::string& more = {}) {
    return "slug: r\nsteps:\n  - id: a\n    run: {command: [\"true\"]}\n"
           "    rate_limit: {max: 1, per: 10s}\n" +
           more;
  }
  static std::string through(const std::string& slug) {
    return "slug: " + slug +
           "\nrequires: [{name: shop, type: http}]\nsteps:\n  - id: a\n"
           "    http: {connection: shop, url: /a}\n"
           "    retry: {max_attempts: 2, backoff: {initial: 1s, max: 1s, jitter: 0}}\n";
  }
  void control(const base::RunId& run, runtime::Verb verb) {
    CHECK(host.tell([&](runtime::Runtime& on) { return on.control(run, verb, "uid:1000"); }).ok());
  }
  std::size_t started() { return host.jobs.started().size(); }
};

TEST(RateLimits, attemptsWaitForTheirTurnAndKeepTheirNumbers) {
  host.boot();
  host.start(limited());
  const auto second = host.start(limited());
  const auto third = host.start(limited());
  LONGS_EQUAL(1, started());
  STRCMP_EQUAL("run_created step_held", host.history(second).c_str());
  STRCMP_EQUAL("step:r/a", host.state(second).active.front().heldBy.c_str());
  host.pass(seconds{10});
  LONGS_EQUAL(2, started());
  CHECK(host.jobs.started().back().run == second);
  LONGS_EQUAL(1, host.jobs.started().back().key.attempt);
  host.pass(seconds{10});
  CHECK(host.jobs.started().back().run == third);
  STRCMP_EQUAL("run_created step_held step_started", host.history(third).c_str());
}

TEST(RateLimits, aRestartAndAnotherBootKeepThem) {
  host.boot();
  for (int i = 0; i < 3; ++i) host.start(limited());
  host.boot();
  LONGS_EQUAL(1, started());
  host.pass(seconds{10});
  LONGS_EQUAL(2, started());
  host.cutPower();
  LONGS_EQUAL(0, started());
  host.start(limited());
  LONGS_EQUAL(0, started());
  host.pass(seconds{10});
  LONGS_EQUAL(1, started());
}

TEST(RateLimits, afterAnAbsenceTheyDoNotAllBeginAtOnce) {
  host.boot();
  for (int i = 0; i < 20; ++i) host.start(limited());
  host.end();
  host.clock.advance(std::chrono::hours{1});
  host.jobs.forget();
  host.boot();
  LONGS_EQUAL(1, started());
  host.pass(seconds{10});
  LONGS_EQUAL(2, started());
}

TEST(RateLimits, eachOfManyIsWokenOnce) {
  host.boot();
  std::vector<base::RunId> runs;
  for (int i = 0; i < 200; ++i) runs.push_back(host.start(limited()));
  for (int i = 0; i < 199; ++i) host.pass(seconds{10});
  LONGS_EQUAL(200, started());
  for (std::size_t i = 1; i < runs.size(); ++i) {
    CHECK(host.jobs.started()[i].run == runs[i]);
    STRCMP_EQUAL("run_created step_held step_started", host.history(runs[i]).c_str());
  }
}

TEST(RateLimits, theLimitOfAFlowIsForAllItsSteps) {
  host.boot();
  const auto run = host.start(
      "slug: r\nrate_limit: {max: 1, per: 10s}\nsteps:\n  - id: a\n    run: {command: [x]}\n"
      "  - id: b\n    run: {command: [x]}\n");
  host.succeed(host.jobs.started().back());
  LONGS_EQUAL(1, started());
  STRCMP_EQUAL("flow:r", host.state(run).active.front().heldBy.c_str());
  host.pass(seconds{10});
  LONGS_EQUAL(2, started());
}

TEST(RateLimits, aRetryNeedsATokenToo) {
  host.boot();
  host.start(limited("    retry: {max_attempts: 2, backoff: {initial: 1s, max: 1s, jitter: 0}}\n"));
  host.fail(host.jobs.started().back(), flow::FailureClass::kUnavailable, true);
  host.pass(seconds{2});
  LONGS_EQUAL(1, started());
  host.pass(seconds{8});
  LONGS_EQUAL(2, started());
  LONGS_EQUAL(2, host.jobs.started().back().key.attempt);
}

TEST(RateLimits, pausedStoppedAndCancelledTheyDoNotBegin) {
  host.boot();
  host.start(limited());
  const auto paused = host.start(limited());
  const auto stopped = host.start(limited());
  control(paused, runtime::Verb::kPause);
  control(stopped, runtime::Verb::kStop);
  STRCMP_EQUAL("stopped", host.status(stopped).c_str());
  host.pass(seconds{60});
  LONGS_EQUAL(1, started());
  control(paused, runtime::Verb::kResume);
  LONGS_EQUAL(2, started());
}

TEST(RateLimits, aConnectionHoldsAllItsFlows) {
  host.requests.connection = runtime::Performer::Connection{"shop", {1, seconds{10}}};
  host.boot();
  host.start(through("one"));
  const auto second = host.start(through("two"));
  LONGS_EQUAL(1, host.requests.started().size());
  STRCMP_EQUAL("connection:shop", host.state(second).active.front().heldBy.c_str());
}

TEST(RateLimits, aRetryAfterHoldsAllOfTheConnection) {
  host.requests.connection = runtime::Performer::Connection{"shop", {}};
  host.boot();
  const auto first = host.start(through("one"));
  host.fail(host.requests.started().back(), flow::FailureClass::kRateLimited, true, 30'000);
  const auto second = host.start(through("two"));
  LONGS_EQUAL(1, host.requests.started().size());
  host.boot();
  host.pass(seconds{29});
  LONGS_EQUAL(1, host.requests.started().size());
  host.pass(seconds{2});
  LONGS_EQUAL(3, host.requests.started().size());
  STRCMP_EQUAL("run_created step_held step_started", host.history(second).c_str());
  LONGS_EQUAL(2, host.state(first).active.front().started.key.attempt);
}

TEST(RateLimits, anApprovedStepWaitsForItsTurnLikeAnyOther) {
  host.boot();
  host.start(limited());
  const auto run = host.start(limited("    review: true\n"));
  CHECK(host.decide(host.openWait(), true).ok());
  // The same slug and step: one bucket.
  LONGS_EQUAL(1, started());
  host.boot();
  host.pass(seconds{10});
  LONGS_EQUAL(2, started());
  host.succeed(host.jobs.started().back());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}
