// Runs small flows whose effects a test holds and ends as it likes: what an attempt carries, who is
// asked before it, what follows a failure, and what expressions see. Time passes only where a test
// says so.

#include <string>
#include <vector>

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using belay::base::RunId;
using belay::base::Status;
using belay::engine::Resolution;
using belay::flow::FailureClass;
using belay::runtime::Attempt;
using belay::runtime::Runtime;
using belay::runtime::StepResult;
using belay::test::TestRuntime;

namespace {

const char* const kRetries = R"(slug: fetch
steps:
  - id: get
    http: {url: "http://peer.test/"}
    retry: {max_attempts: 4, backoff: {initial: 10s, factor: 3, max: 1m, jitter: 0}}
output: {ok: "${{ steps.get.status }}"}
)";

std::string once(const std::string& more) {
  return "slug: push\nsteps:\n  - id: push\n    run: {command: [/bin/true]}\n" + more +
         "  - id: after\n    http: {url: \"http://peer.test/\"}\noutput: {push: \"${{ steps.push "
         "}}\"}\n";
}

}  // namespace

TEST_GROUP(Steps) {
  TestRuntime host;

  void setup() override { host.boot(); }
  Attempt lastRequest() { return host.requests.started().back(); }
  std::size_t requests() { return host.requests.started().size(); }
  Status resolve(const RunId& run, Resolution how) {
    return host.tell([&](Runtime& on) { return on.resolve(run, "push", how, "uid:0", "looked"); });
  }
  /// A run whose `push` is ambiguous.
  RunId ambiguous() {
    const RunId run = host.start(once(""));
    StepResult result;
    result.ok = false;
    result.ambiguous = true;
    result.reason = "no answer came";
    host.finish(host.jobs.started().back(), result);
    return run;
  }
};

TEST(Steps, theIdempotencyKeyIsTheSameOverAttemptsAndAnotherForEachVisitStepAndRun) {
  host.start(kRetries);
  const std::string key = lastRequest().idempotencyKey;
  host.fail(lastRequest(), FailureClass::kUnavailable);
  host.pass(10s);
  LONGS_EQUAL(2, requests());
  LONGS_EQUAL(2, lastRequest().key.attempt);
  STRCMP_EQUAL(key.c_str(), lastRequest().idempotencyKey.c_str());
  host.start(kRetries);
  CHECK(key != lastRequest().idempotencyKey);

  const RunId loops = host.start(
      "slug: loops\nsteps:\n  - id: get\n    http: {url: \"http://peer.test/\"}\n    next: get\n");
  const std::string first = lastRequest().idempotencyKey;
  host.succeed(lastRequest(), "{}");
  LONGS_EQUAL(2, lastRequest().key.visit);
  CHECK(first != lastRequest().idempotencyKey);
  CHECK(lastRequest().run == loops);
}

TEST(Steps, aRetryWaitsLongerEachTimeAndEndsAtItsBound) {
  const RunId run = host.start(kRetries);
  std::size_t made = 1;
  for (const auto delay : {10s, 30s, 60s}) {
    host.fail(lastRequest(), FailureClass::kUnavailable);
    host.pass(delay - 1ms);
    LONGS_EQUAL(made, requests());
    host.pass(1ms);
    LONGS_EQUAL(++made, requests());
  }
  host.fail(lastRequest(), FailureClass::kUnavailable);
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_EQUAL("BLY-TEST the world said no", host.errorOf(run).c_str());
}

TEST(Steps, aServerThatAsksForMoreTimeGetsIt) {
  host.start(kRetries);
  host.fail(lastRequest(), FailureClass::kRateLimited, true, 120'000);
  host.pass(119s);
  LONGS_EQUAL(1, requests());
  host.pass(1s);
  LONGS_EQUAL(2, requests());
}

TEST(Steps, whatIsNotWorthRepeatingIsNotRepeated) {
  const RunId run = host.start(kRetries);
  host.fail(lastRequest(), FailureClass::kOther);
  STRCMP_EQUAL("failed", host.status(run).c_str());
}

TEST(Steps, aOnceStepIsRepeatedOnlyWhereNothingLeft) {
  const std::string retry = "    retry: {max_attempts: 3, backoff: {initial: 1s, jitter: 0}}\n";
  const RunId left = host.start(once(retry));
  host.fail(host.jobs.started().back(), FailureClass::kExitCode);
  STRCMP_EQUAL("failed", host.status(left).c_str());
  const RunId stayed = host.start(once(retry));
  host.fail(host.jobs.started().back(), FailureClass::kUnavailable, true);
  STRCMP_EQUAL("running", host.status(stayed).c_str());
  host.pass(1s);
  LONGS_EQUAL(3, host.jobs.started().size());
}

TEST(Steps, thePolicyIsAskedBeforeEachAttempt) {
  host.start(kRetries);
  LONGS_EQUAL(1, host.requests.described().size());
  host.fail(lastRequest(), FailureClass::kUnavailable);
  host.pass(10s);
  LONGS_EQUAL(2, requests());
  LONGS_EQUAL(2, host.requests.described().size());
  LONGS_EQUAL(2, host.requests.described().back().key.attempt);
}

TEST(Steps, whatThePolicyRefusesNeverStartsAndTheRefusalCitesItsRule) {
  host.policy = *belay::trust::Policy::parse(
      *belay::json::parse(
          R"({"run": {"allow": [{"id": "it", "executable": "/bin/true", "argv": ["true"]}],
                              "deny": [{"id": "not-in-root", "cwd": ["/"]}]}})"),
      "policy.yaml", [](const std::string& path) { return path; });
  const RunId run = host.start(once("    retry: {max_attempts: 5}\n"));
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_CONTAINS("BLY-POLICY-REFUSED", host.errorOf(run).c_str());
  STRCMP_CONTAINS("not-in-root", host.errorOf(run).c_str());
  LONGS_EQUAL(0, host.jobs.started().size());
  LONGS_EQUAL(1, host.jobs.described().size());
}

TEST(Steps, theIntentHasSecretsByNameOnly) {
  host.start(
      "slug: s\nsteps:\n  - id: push\n    run: {command: [/bin/true], env: {TOKEN: {secret: "
      "token}}}\n");
  const Attempt attempt = host.jobs.started().front();
  STRCMP_CONTAINS(R"("TOKEN":{"secret":"token"})", attempt.renderedJson.c_str());
}

TEST(Steps, theTimeoutOfAStepMayBeAnExpression) {
  host.start(
      "slug: s\ninput: {type: object, properties: {limit: {type: string}}}\nsteps:\n  - id: push\n"
      "    run: {command: [/bin/true]}\n    timeout: \"${{ input.limit }}\"\n",
      R"({"limit": "90s"})");
  LONGS_EQUAL(90'000, host.jobs.started().front().timeoutMs);
  // 0 would be no timeout at all.
  for (const std::string bad : {"soon", "0ms"}) {
    const RunId wrong = host.start(
        "slug: s\nsteps:\n  - id: push\n    run: {command: [/bin/true]}\n"
        "    timeout: \"${{ '" +
        bad + "' }}\"\n");
    STRCMP_EQUAL("failed", host.status(wrong).c_str());
  }
  LONGS_EQUAL(1, host.jobs.started().size());
}

TEST(Steps, anAmbiguousStepStopsTheRunUntilSomebodyDecides) {
  const RunId run = ambiguous();
  STRCMP_EQUAL("ambiguous", host.status(run).c_str());
  host.pass(24h);
  host.boot();
  STRCMP_EQUAL("ambiguous", host.status(run).c_str());
  LONGS_EQUAL(1, host.jobs.started().size());
  LONGS_EQUAL(0, host.jobs.recovered().size());
}

TEST(Steps, aRunStandsAtTheStepThatIsToBeResolved) {
  const RunId run = host.start(
      "slug: fan\nsteps:\n  - id: fan\n    parallel:\n      branches:\n"
      "        left: [{id: a, run: {command: [/bin/true]}}]\n"
      "        right: [{id: b, run: {command: [/bin/true]}}]\n");
  const std::vector<Attempt> attempts = host.jobs.started();
  LONGS_EQUAL(2, attempts.size());
  StepResult lost;
  lost.ok = false;
  lost.ambiguous = true;
  lost.reason = "no answer came";
  for (const Attempt& attempt : attempts) host.finish(attempt, lost);
  const auto standsAt = [&] { return (*host.journal->run(run))->step; };
  const auto resolveAs = [&](const std::string& path) {
    return host.tell([&](Runtime& on) {
      return on.resolve(run, path, Resolution::kSucceeded, "uid:0", "looked");
    });
  };
  const Status refused = resolveAs("fan");
  STRCMP_CONTAINS(("ambiguous there: " + attempts[0].key.path + ", " + attempts[1].key.path).c_str(),
                  refused.error().message.c_str());
  for (const Attempt& attempt : attempts) {
    STRCMP_EQUAL("ambiguous", host.status(run).c_str());
    STRCMP_EQUAL(attempt.key.path.c_str(), standsAt().c_str());
    CHECK(resolveAs(attempt.key.path).ok());
  }
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}

TEST(Steps, anAmbiguousStepIsResolvedAsSucceededFailedOrByAnotherTry) {
  const RunId good = ambiguous();
  CHECK(resolve(good, Resolution::kSucceeded).ok());
  LONGS_EQUAL(1, requests());
  const RunId bad = ambiguous();
  CHECK(resolve(bad, Resolution::kFailed).ok());
  STRCMP_EQUAL("failed", host.status(bad).c_str());
  const RunId again = ambiguous();
  const Attempt before = host.jobs.started().back();
  CHECK(resolve(again, Resolution::kRetry).ok());
  const Attempt after = host.jobs.started().back();
  LONGS_EQUAL(2, after.key.attempt);
  STRCMP_EQUAL(before.idempotencyKey.c_str(), after.idempotencyKey.c_str());
  CHECK(TestRuntime::failedWith(resolve(again, Resolution::kSucceeded),
                                belay::base::ErrorCode::kRunState));
}

TEST(Steps, aResultThatNobodyWaitsForAnyMoreChangesNothing) {
  const RunId run = host.start(once(""));
  const Attempt attempt = host.jobs.started().front();
  host.succeed(attempt, R"({"n":1})");
  const std::string history = host.history(run);
  host.succeed(attempt, R"({"n":2})");
  STRCMP_EQUAL(history.c_str(), host.history(run).c_str());
}

TEST(Steps, afterAFailureTheRunGoesWhereOnErrorSays) {
  const RunId skips = host.start(once("    on_error: skip\n"));
  host.fail(host.jobs.started().back(), FailureClass::kExitCode);
  host.succeed(lastRequest(), "{}");
  STRCMP_CONTAINS(R"("status":"failed")", host.output(skips).c_str());
  STRCMP_CONTAINS(R"("code":"BLY-TEST")", host.output(skips).c_str());
  STRCMP_EQUAL("succeeded", host.status(skips).c_str());

  const RunId repairs = host.start(R"(slug: repairs
steps:
  - id: push
    run: {command: [/bin/true]}
    on_error: repair
    next: end
  - id: repair
    http: {url: "http://peer.test/${{ error.code }}/${{ error.step }}"}
)");
  host.fail(host.jobs.started().back(), FailureClass::kExitCode);
  STRCMP_CONTAINS("http://peer.test/BLY-TEST/push", lastRequest().renderedJson.c_str());
  host.succeed(lastRequest(), "{}");
  STRCMP_EQUAL("succeeded", host.status(repairs).c_str());
}

TEST(Steps, nextIsChosenWithTheOutcomeInSightAndKeptInTheEvent) {
  const char* const flow = R"(slug: branch
steps:
  - id: push
    run: {command: [/bin/true]}
    next: "${{ steps.push.output.n > 1 ? 'end' : 'after' }}"
  - id: after
    http: {url: "http://peer.test/"}
)";
  const RunId ends = host.start(flow);
  host.succeed(host.jobs.started().back(), R"({"n":2})");
  STRCMP_EQUAL("succeeded", host.status(ends).c_str());
  host.start(flow);
  host.succeed(host.jobs.started().back(), R"({"n":1})");
  LONGS_EQUAL(1, requests());
  const RunId wrong = host.start(
      "slug: b\nsteps:\n  - id: push\n    run: {command: [/bin/true]}\n    next: \"${{ 'no' + "
      "'where' }}\"\n");
  host.succeed(host.jobs.started().back());
  STRCMP_CONTAINS("BLY-STEP-UNKNOWN-NEXT", host.errorOf(wrong).c_str());
}

TEST(Steps, aSwitchTakesTheFirstCaseThatHoldsAndFailsWhereNoneDoes) {
  const char* const flow = R"(slug: route
input: {type: object, properties: {n: {type: integer}}}
steps:
  - id: route
    switch:
      - {when: "${{ input.n > 5 }}", next: end}
      - {when: "${{ input.n > 1 }}", next: after}
  - id: after
    http: {url: "http://peer.test/"}
)";
  STRCMP_EQUAL("succeeded", host.status(host.start(flow, R"({"n": 6})")).c_str());
  LONGS_EQUAL(0, requests());
  host.start(flow, R"({"n": 2})");
  LONGS_EQUAL(1, requests());
  STRCMP_CONTAINS("BLY-SWITCH-NO-CASE", host.errorOf(host.start(flow, R"({"n": 0})")).c_str());
}

TEST(Steps, aStepWhoseWhenDoesNotHoldIsSkipped) {
  const RunId run = host.start(once("    when: \"${{ false }}\"\n"));
  LONGS_EQUAL(0, host.jobs.started().size());
  host.succeed(lastRequest(), "{}");
  STRCMP_CONTAINS(R"("status":"skipped")", host.output(run).c_str());
}

TEST(Steps, aLoopThatNeverEndsIsEndedByItsVisits) {
  const RunId run = host.start(
      "slug: loops\nsteps:\n  - id: get\n    http: {url: \"http://peer.test/\"}\n    max_visits: "
      "3\n"
      "    next: get\n    on_error: get\n");
  for (int i = 0; i < 3; ++i) host.succeed(lastRequest(), "{}");
  LONGS_EQUAL(3, requests());
  STRCMP_CONTAINS("BLY-STEP-VISITS", host.errorOf(run).c_str());
}

TEST(Steps, anOutputThatIsTooLargeForTheJournalIsAResourceAndReadsTheSame) {
  host.settings.inlineBytesMax = 100;
  host.boot();
  const RunId run = host.start(once(""));
  host.succeed(host.jobs.started().back(), "{\"text\":\"" + std::string(500, 'x') + "\"}");
  const auto done = host.state(run).done.at("push");
  CHECK(done.outputJson.empty());
  CHECK(done.outputRef.starts_with("res://"));
  CHECK(host.journal->resource(done.outputRef)->has_value());
  host.succeed(lastRequest(), "{}");
  STRCMP_CONTAINS(std::string(500, 'x').c_str(), host.output(run).c_str());
}

TEST(Steps, anExpressionThatThrowsFailsItsStepBeforeAnythingLeaves) {
  const RunId run =
      host.start("slug: s\nsteps:\n  - id: push\n    run: {command: [\"${{ input.a.b.c }}\"]}\n");
  STRCMP_CONTAINS("BLY-EXPRESSION-FAILED", host.errorOf(run).c_str());
  LONGS_EQUAL(0, host.jobs.described().size());
}

TEST(Steps, itemsThatCannotBeReadAgainFailWhoReadsThem) {
  host.settings.inlineBytesMax = 100;
  host.boot();
  const RunId run = host.start(
      "slug: s\nsteps:\n  - id: e\n    for_each:\n"
      "      items: \"${{ ['a', 'b'].map(n => ({n, pad: 'x'.repeat(100)})) }}\"\n"
      "      steps:\n        - {id: first, run: {command: [first]}}\n"
      "        - {id: second, run: {command: [echo, \"${{ item?.n ?? 'none' }}\"]}}\n");
  host.outputs.lose();
  host.jobs.forget();
  host.boot();
  host.succeed(host.jobs.recovered().back());
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_CONTAINS("BLY-RESOURCE-NOT-FOUND", host.errorOf(run).c_str());
  STRCMP_CONTAINS("the items of step e", host.errorOf(run).c_str());
}

TEST(Steps, outputsOfBranchesThatCannotBeReadAgainFailWhoReadsThem) {
  host.settings.inlineBytesMax = 100;
  host.boot();
  const RunId run = host.start(
      "slug: s\nsteps:\n  - id: p\n    parallel:\n      branches:\n"
      "        one: [{id: x, run: {command: [x]}}]\n        two: [{id: z, run: {command: [z]}}]\n"
      "      finalize:\n"
      "        - {id: f, run: {command: [echo, \"${{ steps.p.output?.one ?? 'none' }}\"]}}\n");
  const auto begun = host.jobs.started();
  host.succeed(begun.front(), "{\"text\":\"" + std::string(500, 'x') + "\"}");
  host.outputs.lose();
  host.succeed(begun.back());
  LONGS_EQUAL(2, host.jobs.started().size());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_CONTAINS("step f: the output of step p", host.errorOf(run).c_str());
}
