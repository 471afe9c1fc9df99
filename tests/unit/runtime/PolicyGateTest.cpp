// The only path to a performer asks the policy, and what it refuses never leaves the host.

#include "agent/flow/Family.h"
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

TEST(PolicyGate, aFamilyThatThisHostDoesNotUseFailsItsStepWhateverItDoes) {
  host.policy = trust::Policy::parse(json::parse(R"({"families":["sleep"]})").value(), "p.yaml",
                                     [](const std::string& path) { return path; })
                    .value();
  host.boot();
  const auto kv = host.start("slug: k\nsteps:\n  - {id: a, kv: {set: x, value: 1}}\n");
  STRCMP_EQUAL("failed", host.status(kv).c_str());
  STRCMP_CONTAINS("steps of family kv are not used on this host", host.errorOf(kv).c_str());
  const auto nap = host.start("slug: s\nsteps:\n  - {id: a, sleep: {for: 10m}}\n");
  STRCMP_EQUAL("waiting", host.status(nap).c_str());
}

TEST(PolicyGate, thePolicyKnowsAllFamilies) {
  for (const flow::FamilyRow& row : flow::familyTable()) {
    const std::string text = R"({"families":[")" + std::string(row.key.name) + "\"]}";
    CHECK_TEXT(trust::Policy::parse(json::parse(text).value(), "p.yaml",
                                    [](const std::string& path) { return path; })
                   .ok(),
               text.c_str());
  }
}
