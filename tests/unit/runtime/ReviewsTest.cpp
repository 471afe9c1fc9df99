// A step with a review begins only once it was approved, does what was shown and nothing else, and
// asks again where an effect may not be repeated.

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::TestRuntime;

namespace {

std::string flowOf(const std::string& options, const std::string& more = {}) {
  return "slug: r\nstate: {n: 1}\nsteps:\n  - id: a\n    run: {command: [\"tool\", \"${{ state.n "
         "}}\"]}\n" +
         options + more;
}

constexpr const char* kReview = "    review: true\n";
constexpr const char* kRetry =
    "    retry: {max_attempts: 3, on: [unavailable], backoff: {initial: 1s, max: 1s, jitter: 0}}\n";

}  // namespace

TEST_GROUP(Reviews) {
  TestRuntime host;

  json::Value request() { return *json::parse(host.openWait().requestJson); }
  std::size_t waiting() { return host.journal->waits({})->size(); }
  void approve() { CHECK(host.decide(host.openWait(), true).ok()); }
};

TEST(Reviews, theRequestShowsExactlyWhatWillBeDone) {
  host.boot();
  const auto run = host.start(flowOf(
      "    title: Do it\n    timeout: 5m\n    review: {form: {type: object}, timeout: 2h}\n"));
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  const json::Value asked = request();
  CHECK(asked.flag("review"));
  STRCMP_EQUAL("approval", asked.text("kind").c_str());
  STRCMP_EQUAL("Do it", asked.text("summary").c_str());
  STRCMP_EQUAL("once", asked.text("effect_class").c_str());
  LONGS_EQUAL(300'000, asked.integer("timeout_ms"));
  const json::Value* effect = asked.find("effect");
  CHECK(effect != nullptr);
  STRCMP_EQUAL("/bin/true", effect->find("run")->text("executable").c_str());
  STRCMP_EQUAL(crypto::sha256(json::print(*effect)).hex().c_str(),
               asked.text("effect_digest").c_str());
  STRCMP_EQUAL(R"({"command":["tool",1]})", json::print(*asked.find("rendered")).c_str());
  LONGS_EQUAL(host.clock.wallMs() + 7'200'000, asked.integer("expires_ms"));
}

TEST(Reviews, whatWasApprovedIsPerformedAsItWasShown) {
  host.boot();
  const auto run = host.start(flowOf(kReview));
  approve();
  LONGS_EQUAL(1, host.jobs.started().size());
  STRCMP_EQUAL(R"({"command":["tool",1]})", host.jobs.started().front().renderedJson.c_str());
  host.succeed(host.jobs.started().front());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  STRCMP_EQUAL("run_created wait_opened wait_resolved step_started step_finished run_finished",
               host.history(run).c_str());
}

TEST(Reviews, whatThePolicyRefusesIsNotAskedFor) {
  host.policy = trust::Policy::denyAll();
  host.boot();
  const auto run = host.start(flowOf(kReview));
  LONGS_EQUAL(0, waiting());
  STRCMP_CONTAINS("BLY-POLICY-REFUSED", host.errorOf(run).c_str());
}

TEST(Reviews, thePolicyIsAskedAgainBeforeItIsDone) {
  host.boot();
  const auto run = host.start(flowOf(kReview));
  host.policy = trust::Policy::denyAll();
  approve();
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_CONTAINS("BLY-POLICY-REFUSED", host.errorOf(run).c_str());
}

TEST(Reviews, aRejectionFailsTheStepAndNothingLeaves) {
  host.boot();
  const auto run = host.start(flowOf(kReview));
  CHECK(host.decide(host.openWait(), false).ok());
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_CONTAINS("BLY-WAIT-REJECTED", host.errorOf(run).c_str());
  CHECK(host.state(run).done.at("a").failure->nothingLeft);
}

TEST(Reviews, silenceIsARejectionOrATimeout) {
  host.boot();
  const auto rejected = host.start(flowOf("    review: {timeout: 1h}\n"));
  const auto timedOut = host.start(flowOf("    review: {timeout: 1h, on_timeout: fail}\n"));
  host.pass(std::chrono::hours{2});
  STRCMP_CONTAINS("BLY-WAIT-REJECTED", host.errorOf(rejected).c_str());
  STRCMP_CONTAINS("BLY-WAIT-TIMEOUT", host.errorOf(timedOut).c_str());
  LONGS_EQUAL(0, host.jobs.started().size());
}

TEST(Reviews, onErrorTakesARejection) {
  host.boot();
  const auto run = host.start(
      flowOf(kReview, "    on_error: b\n  - id: b\n    run: {command: [\"${{ error.code }}\"]}\n"));
  CHECK(host.decide(host.openWait(), false).ok());
  STRCMP_CONTAINS("BLY-WAIT-REJECTED", host.jobs.started().front().renderedJson.c_str());
  host.succeed(host.jobs.started().front());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}

TEST(Reviews, whatWouldBeAnotherEffectIsRefused) {
  host.boot();
  const auto run = host.start(flowOf(kReview));
  host.jobs.executable = "/bin/false";
  approve();
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_CONTAINS("BLY-REVIEW-CHANGED", host.errorOf(run).c_str());
  STRCMP_CONTAINS("executable", host.errorOf(run).c_str());
}

TEST(Reviews, aFurtherAttemptOfAOnceStepIsAskedForAnew) {
  host.boot();
  const auto run = host.start(flowOf(kReview, kRetry));
  approve();
  host.fail(host.jobs.started().front(), flow::FailureClass::kUnavailable, true);
  host.pass(std::chrono::seconds{2});
  LONGS_EQUAL(1, host.jobs.started().size());
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  LONGS_EQUAL(2, request().integer("attempt"));
  approve();
  LONGS_EQUAL(2, host.jobs.started().size());
  LONGS_EQUAL(2, host.jobs.started().back().key.attempt);
  STRCMP_EQUAL(host.jobs.started().front().renderedJson.c_str(),
               host.jobs.started().back().renderedJson.c_str());
  host.succeed(host.jobs.started().back());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}

TEST(Reviews, aRepeatableStepKeepsItsApproval) {
  host.boot();
  const auto run = host.start(flowOf(kReview, std::string(kRetry) + "    effect: idempotent\n"));
  approve();
  host.fail(host.jobs.started().front(), flow::FailureClass::kUnavailable);
  host.pass(std::chrono::seconds{2});
  LONGS_EQUAL(2, host.jobs.started().size());
  host.jobs.executable = "/bin/false";
  host.fail(host.jobs.started().back(), flow::FailureClass::kUnavailable);
  host.pass(std::chrono::seconds{2});
  LONGS_EQUAL(2, host.jobs.started().size());
  STRCMP_CONTAINS("BLY-REVIEW-CHANGED", host.errorOf(run).c_str());
}

TEST(Reviews, aPausedRunHoldsWhatWasApprovedUntilItIsResumed) {
  host.boot();
  const auto run = host.start(flowOf(kReview));
  const auto control = [&](runtime::Verb verb) {
    CHECK(host.tell([&](runtime::Runtime& on) { return on.control(run, verb, "uid:1000"); }).ok());
  };
  control(runtime::Verb::kPause);
  approve();
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_EQUAL("paused", host.status(run).c_str());
  host.boot();
  LONGS_EQUAL(0, host.jobs.started().size());
  control(runtime::Verb::kResume);
  LONGS_EQUAL(1, host.jobs.started().size());
}

TEST(Reviews, aCancelledRunClosesItsRequest) {
  host.boot();
  const auto run = host.start(flowOf(kReview));
  const auto wait = host.openWait();
  CHECK(host.tell([&](runtime::Runtime& on) {
              return on.control(run, runtime::Verb::kCancel, "uid:1000");
            })
            .ok());
  CHECK(TestRuntime::failedWith(host.decide(wait, true), base::ErrorCode::kWaitClosed));
  LONGS_EQUAL(0, host.jobs.started().size());
}

TEST(Reviews, aRestartKeepsTheRequestAndTheApproval) {
  host.boot();
  const auto run = host.start(flowOf(kReview));
  host.cutPower();
  approve();
  LONGS_EQUAL(1, host.jobs.started().size());
  host.boot();
  LONGS_EQUAL(1, host.jobs.recovered().size());
  host.succeed(host.jobs.recovered().front());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}

// What a crash kept from beginning goes the whole way again.
TEST(Reviews, whatNeverBeganIsHeldAgainstTheApprovalBeforeItBegins) {
  host.boot();
  const auto run = host.start(flowOf(kReview));
  approve();
  host.boot();
  host.jobs.executable = "/bin/false";
  runtime::StepResult result;
  result.orderAnew = true;
  host.finish(host.jobs.recovered().front(), result);
  LONGS_EQUAL(1, host.jobs.started().size());
  STRCMP_CONTAINS("BLY-REVIEW-CHANGED", host.errorOf(run).c_str());
}

TEST(Reviews, stepsWithinItemsAreAskedForOneByOne) {
  host.boot();
  const auto run = host.start(
      "slug: r\nsteps:\n  - id: e\n    for_each:\n      items: [1, 2]\n      max_parallel: 2\n"
      "      steps:\n        - id: a\n          run: {command: [\"${{ item }}\"]}\n"
      "          review: {summary: \"Item ${{ item }}?\"}\n");
  LONGS_EQUAL(2, waiting());
  STRCMP_CONTAINS("Item ", request().text("summary").c_str());
  approve();
  LONGS_EQUAL(1, host.jobs.started().size());
  approve();
  LONGS_EQUAL(2, host.jobs.started().size());
  for (const runtime::Attempt& attempt : host.jobs.started()) host.succeed(attempt);
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}
