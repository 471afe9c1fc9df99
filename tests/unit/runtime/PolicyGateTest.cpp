// The only path to a performer asks the policy, and what it refuses never leaves the host.

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::TestRuntime;

namespace {

constexpr const char* kRun = "slug: r\nsteps:\n  - {id: a, run: {command: [\"true\"]}}\n";
constexpr const char* kRetried =
    "slug: r\nsteps:\n  - id: a\n    run: {command: [\"true\"]}\n    effect: idempotent\n"
    "    retry: {max_attempts: 2, on: [unavailable], backoff: {initial: 1s, max: 1s, jitter: 0}}\n";

}  // namespace

TEST_GROUP(PolicyGate) { TestRuntime host; };

TEST(PolicyGate, whatIsRefusedIsNotStartedAndFailsItsStep) {
  host.policy = trust::Policy::denyAll();
  host.boot();
  const auto run = host.start(kRun);
  LONGS_EQUAL(1, host.jobs.described().size());
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_CONTAINS("BLY-POLICY-REFUSED", host.errorOf(run).c_str());
}

TEST(PolicyGate, eachAttemptIsAskedForAnew) {
  host.boot();
  const auto run = host.start(kRetried);
  LONGS_EQUAL(1, host.jobs.started().size());
  host.policy = trust::Policy::denyAll();
  host.fail(host.jobs.started().front(), flow::FailureClass::kUnavailable);
  host.pass(std::chrono::seconds{2});
  LONGS_EQUAL(1, host.jobs.started().size());
  STRCMP_EQUAL("failed", host.status(run).c_str());
}
