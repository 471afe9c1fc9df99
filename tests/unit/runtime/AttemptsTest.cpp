// Lets attempts fail and looks at what the next one is, if there is one.

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace std::chrono_literals;
using test::TestRuntime;

namespace {

std::string flowOf(const std::string& effect) {
  return "slug: r\nsteps:\n  - id: a\n    run: {command: [\"true\"]}\n    effect: " + effect +
         "\n    retry: {max_attempts: 3, on: [unavailable], backoff: {initial: 1s, max: 1s, "
         "jitter: 0}}\n";
}

}  // namespace

TEST_GROUP(Attempts) {
  TestRuntime host;
  void setup() override { host.boot(); }
};

TEST(Attempts, allAttemptsOfAVisitHaveOneIdempotencyKey) {
  host.start(flowOf("idempotent"));
  host.fail(host.jobs.started().back(), flow::FailureClass::kUnavailable);
  host.pass(1s);
  host.fail(host.jobs.started().back(), flow::FailureClass::kUnavailable);
  host.pass(1s);
  const auto attempts = host.jobs.started();
  LONGS_EQUAL(3, attempts.size());
  CHECK(!attempts[0].idempotencyKey.empty());
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    LONGS_EQUAL(i + 1, attempts[i].key.attempt);
    STRCMP_EQUAL(attempts[0].idempotencyKey.c_str(), attempts[i].idempotencyKey.c_str());
  }
}

TEST(Attempts, twoRunsHaveTwoKeys) {
  host.start(flowOf("idempotent"));
  host.start(flowOf("idempotent"));
  const auto attempts = host.jobs.started();
  LONGS_EQUAL(2, attempts.size());
  CHECK(attempts[0].idempotencyKey != attempts[1].idempotencyKey);
}

TEST(Attempts, whatMayHaveTakenEffectOnceIsNotRepeated) {
  const auto run = host.start(flowOf("once"));
  host.fail(host.jobs.started().back(), flow::FailureClass::kUnavailable);
  host.pass(10s);
  LONGS_EQUAL(1, host.jobs.started().size());
  STRCMP_EQUAL("failed", host.status(run).c_str());
}

TEST(Attempts, whatProvablyDidNothingIsRepeatedThoughItsClassIsOnce) {
  host.start(flowOf("once"));
  host.fail(host.jobs.started().back(), flow::FailureClass::kUnavailable, true);
  host.pass(1s);
  LONGS_EQUAL(2, host.jobs.started().size());
}
