// A runtime over a disk in memory, with a clock that stands still: opens waits and answers them in
// every way that should count, and in those that should not. What is believed is what the journal
// says afterwards.

#include <chrono>
#include <string>

#include "common/crypto/Sha256.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using belay::base::ErrorCode;
using belay::base::RunId;
using belay::base::Status;
using belay::journal::WaitRow;
using belay::runtime::Runtime;
using belay::test::TestRuntime;

namespace {

std::string approval(const std::string& options) {
  return R"(slug: gate
steps:
  - id: review
    wait:
      approval: {summary: "Ship it?", form: {type: object, properties: {ticket: {type: integer}}}}
      timeout: 1h
)" + options +
         R"(  - id: ship
    run: {command: [/bin/true]}
output: {review: "${{ steps.review.output }}"}
)";
}

const char* const kCallback = R"(slug: phone
steps:
  - id: ring
    wait:
      callback: {schema: {type: object, required: [n], properties: {n: {type: integer}}}}
      timeout: 1h
output: {n: "${{ steps.ring.output.body?.n }}", late: "${{ steps.ring.output.timed_out }}"}
)";

const char* const kEarly = R"(slug: early
steps:
  - id: begin
    run: {command: [/bin/true], callback: ring}
  - id: ring
    wait: {callback: {}, timeout: 1h}
output: {n: "${{ steps.ring.output.body.n }}"}
)";

const char* const kEvent = R"(slug: listen
steps:
  - id: hear
    wait: {event: {name: built, match: "${{ event.body.ref === 'main' }}"}, timeout: 1h}
output: {at: "${{ steps.hear.output.body.ref }}"}
)";

}  // namespace

TEST_GROUP(Waits) {
  TestRuntime host;

  void setup() override { host.boot(); }

  Status answer(const WaitRow& wait, const std::string& body) {
    return host.tell(
        [&](Runtime& on) { return on.waits().answerCallback(wait.id, body, "uid:1000"); });
  }
  Status give(const WaitRow& wait, const belay::trust::VerifiedDecision& decision) {
    return host.tell(
        [&](Runtime& on) { return on.waits().answerApproval(wait.id, decision, "uid:1000"); });
  }
  std::size_t emit(const std::string& body) {
    std::size_t answered = 0;
    CHECK(host.tell([&](Runtime& on) -> Status {
                BELAY_ASSIGN(const auto emitted, on.waits().emit("built", body, "uid:1000"));
                answered = emitted.answered;
                return {};
              })
              .ok());
    return answered;
  }
  void refused(ErrorCode code, const Status& status) {
    CHECK_FALSE(status.ok());
    STRCMP_EQUAL(std::string(belay::base::errorText(code)).c_str(),
                 std::string(belay::base::errorText(status.error().code)).c_str());
  }
};

TEST(Waits, anApprovalLetsTheRunGoOn) {
  const RunId run = host.start(approval(""));
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  CHECK(host.decide(host.openWait(), true, R"({"ticket": 7})").ok());
  LONGS_EQUAL(1, host.jobs.started().size());
  host.succeed(host.jobs.started().front());
  CHECK(host.output(run).find(R"("approved":true)") != std::string::npos);
  CHECK(host.output(run).find(R"("ticket":7)") != std::string::npos);
}

TEST(Waits, approversAreShownAndNotYetChecked) {
  const RunId run = host.start(
      "slug: gate\nsteps:\n  - id: review\n    wait:\n      approval: {summary: s, approvers: "
      "[ada], "
      "quorum: 1}\n      timeout: 1h\n");
  STRCMP_CONTAINS(R"("approvers":["ada"])", host.openWait().requestJson.c_str());
  CHECK(host.decide(host.openWait(), true).ok());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}

TEST(Waits, aRejectionIsAnOutcomeUnlessTheFlowSaysThatItFails) {
  const RunId goesOn = host.start(approval(""));
  CHECK(host.decide(host.openWait(), false).ok());
  LONGS_EQUAL(1, host.jobs.started().size());
  const RunId fails = host.start(approval("      on_reject: fail\n"));
  CHECK(host.decide(host.openWait(), false).ok());
  STRCMP_EQUAL("running", host.status(goesOn).c_str());
  STRCMP_EQUAL("failed", host.status(fails).c_str());
  STRNCMP_EQUAL("BLY-WAIT-REJECTED", host.errorOf(fails).c_str(), 17);
}

TEST(Waits, silenceIsDenial) {
  const RunId run = host.start(approval("      on_reject: fail\n"));
  host.pass(59min);
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  host.pass(1min);
  STRCMP_EQUAL("failed", host.status(run).c_str());
  LONGS_EQUAL(0, host.jobs.started().size());
}

TEST(Waits, aFormThatDoesNotFitLeavesTheWaitOpen) {
  const RunId run = host.start(approval(""));
  refused(ErrorCode::kSchemaViolation,
          host.decide(host.openWait(), true, R"({"ticket": "seven"})"));
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  CHECK(host.decide(host.openWait(), true, R"({"ticket": 7})").ok());
}

TEST(Waits, whoRejectsNeedNotFillTheFormIn) {
  const std::string asks =
      "slug: gate\nsteps:\n  - id: review\n    wait:\n      approval:\n        summary: s\n"
      "        form: {type: object, required: [why, n], additionalProperties: false,\n"
      "          properties: {why: {type: string}, n: {type: integer}}}\n"
      "output: \"${{ steps.review.output }}\"\n";
  host.start(asks);
  refused(ErrorCode::kSchemaViolation, host.decide(host.openWait(), true));
  CHECK(host.decide(host.openWait(), false).ok());
  // What is filled in is checked.
  const RunId run = host.start(asks);
  refused(ErrorCode::kSchemaViolation, host.decide(host.openWait(), false, R"({"n": "x"})"));
  refused(ErrorCode::kSchemaViolation, host.decide(host.openWait(), false, R"({"other": 1})"));
  CHECK(host.decide(host.openWait(), false, R"({"n": "7"})").ok());
  STRCMP_CONTAINS(R"("form":{"n":7})", host.output(run).c_str());
}

TEST(Waits, aTimeoutThatAnExpressionGivesIsLongerThanNothing) {
  const RunId run = host.start(
      "slug: w\nsteps:\n  - id: hear\n    wait: {event: {name: e}, timeout: \"${{ '0s' }}\"}\n");
  STRCMP_CONTAINS("timeout: it must be longer than 0s", host.errorOf(run).c_str());
}

TEST(Waits, aDecisionCountsOnce) {
  host.start(approval(""));
  const WaitRow wait = host.openWait();
  const auto decision = host.sign(wait.requestJson, true);
  CHECK(give(wait, *decision).ok());
  refused(ErrorCode::kWaitClosed, give(wait, *decision));
  LONGS_EQUAL(1, host.jobs.started().size());
}

TEST(Waits, twoAnswersInOneTransactionAreOne) {
  host.start(approval(""));
  const WaitRow wait = host.openWait();
  const auto decision = host.sign(wait.requestJson, true);
  const auto twice = [&](Runtime& on) {
    return on.waits().answerApproval(wait.id, *decision, "uid:1000");
  };
  const auto first = host.ask(twice);
  const auto second = host.ask(twice);
  CHECK(host.settle().ok());
  CHECK(first->answered && first->status.ok());
  CHECK(second->answered);
  refused(ErrorCode::kWaitClosed, second->status);
}

TEST(Waits, aDecisionAboutAnotherRequestIsRefused) {
  const RunId other = host.start(approval(""));
  const WaitRow othersWait = host.openWait();
  host.start(approval(""));
  const WaitRow wait = host.openWait();
  CHECK(!(wait.id == othersWait.id));
  const auto decision = host.sign(othersWait.requestJson, true);
  refused(ErrorCode::kDecisionInvalid, give(wait, *decision));
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_EQUAL("waiting", host.status(other).c_str());
}

TEST(Waits, aKeyThatIsNoLongerBelievedDecidesNothing) {
  const RunId run = host.start(approval(""));
  const WaitRow wait = host.openWait();
  const auto decision = host.sign(wait.requestJson, true);
  host.keys = belay::trust::DecisionKeys();
  refused(ErrorCode::kDecisionInvalid, give(wait, *decision));
  STRCMP_EQUAL("waiting", host.status(run).c_str());
}

TEST(Waits, aDecisionThatComesAfterTheEndIsLateThoughTheLoopHasNotSeenTheTimer) {
  const RunId run = host.start(approval("      on_reject: fail\n"));
  const WaitRow wait = host.openWait();
  host.clock.advance(1h);
  // Answers are taken before timers are looked at: as after a start of a host that was off.
  refused(ErrorCode::kWaitClosed, host.decide(wait, true));
  STRCMP_EQUAL("failed", host.status(run).c_str());
  LONGS_EQUAL(0, host.jobs.started().size());
}

TEST(Waits, aWallClockThatJumpsDoesNotEndAWait) {
  const RunId run = host.start(approval(""));
  host.clock.jumpWall(48h);
  CHECK(host.settle().ok());
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  CHECK(host.decide(host.openWait(), true).ok());
}

TEST(Waits, theRequestIsBoundToRunStepAndVisitAndNeverTheSameTwice) {
  host.start(approval(""));
  const std::string first = host.openWait().requestJson;
  host.start(approval(""));
  const auto request = belay::json::parse(host.openWait().requestJson);
  CHECK(first != host.openWait().requestJson);
  for (const char* member :
       {"flow", "digest", "run", "step", "visit", "wait", "nonce", "summary", "artifacts"}) {
    CHECK_TRUE_TEXT(request->find(member) != nullptr, member);
  }
  STRCMP_EQUAL(belay::crypto::sha256(host.openWait().requestJson).hex().c_str(),
               host.openWait().requestDigest.c_str());
}

TEST(Waits, aCallbackTakesOneBodyThatMatchesItsSchema) {
  const RunId run = host.start(kCallback);
  const WaitRow wait = host.openWait();
  refused(ErrorCode::kSchemaViolation, answer(wait, R"({"n": "x"})"));
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  CHECK(answer(wait, R"({"n": 5})").ok());
  STRCMP_EQUAL(R"({"n":5,"late":false})", host.output(run).c_str());
  refused(ErrorCode::kWaitClosed, answer(wait, R"({"n": 6})"));
  STRCMP_EQUAL(R"({"n":5,"late":false})", host.output(run).c_str());
}

TEST(Waits, aCallbackNeverAnswersAnApproval) {
  const RunId run = host.start(approval(""));
  refused(ErrorCode::kWaitKind, answer(host.openWait(), R"({"approved": true})"));
  STRCMP_EQUAL("waiting", host.status(run).c_str());
}

TEST(Waits, anAnswerThatComesBeforeTheRunReachesTheWaitIsKept) {
  const RunId run = host.start(kEarly);
  LONGS_EQUAL(1, host.jobs.started().size());
  const WaitRow wait = host.openWait();
  STRCMP_EQUAL(wait.id.str().c_str(), host.jobs.started().front().callbackWait.c_str());
  CHECK(answer(wait, R"({"n": 1})").ok());
  refused(ErrorCode::kWaitClosed, answer(wait, R"({"n": 2})"));
  STRCMP_EQUAL("running", host.status(run).c_str());
  host.boot();
  LONGS_EQUAL(1, host.jobs.recovered().size());
  host.succeed(host.jobs.recovered().front());
  STRCMP_EQUAL(R"({"n":1})", host.output(run).c_str());
}

TEST(Waits, theSameWaitIsTakenOverWhenNobodyAnsweredEarly) {
  const RunId run = host.start(kEarly);
  const WaitRow wait = host.openWait();
  host.succeed(host.jobs.started().front());
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  CHECK(answer(wait, R"({"n": 3})").ok());
  STRCMP_EQUAL(R"({"n":3})", host.output(run).c_str());
}

TEST(Waits, anEventAnswersEveryWaitWhoseConditionHolds) {
  const RunId first = host.start(kEvent);
  const RunId second = host.start(kEvent);
  LONGS_EQUAL(0, emit(R"({"ref": "side"})"));
  LONGS_EQUAL(0, emit("null"));
  LONGS_EQUAL(2, emit(R"({"ref": "main"})"));
  STRCMP_EQUAL(R"({"at":"main"})", host.output(first).c_str());
  STRCMP_EQUAL("succeeded", host.status(second).c_str());
  LONGS_EQUAL(0, emit(R"({"ref": "main"})"));
}

TEST(Waits, aTimeoutFailsGoesOnOrRejectsAsTheFlowSays) {
  const RunId fails = host.start(kCallback);
  const std::string lenient = std::string(kCallback).replace(
      std::string(kCallback).find("timeout: 1h"), 11, "timeout: 1h\n      on_timeout: continue");
  const RunId goesOn = host.start(lenient);
  host.pass(1h);
  STRCMP_EQUAL("failed", host.status(fails).c_str());
  STRNCMP_EQUAL("BLY-WAIT-TIMEOUT", host.errorOf(fails).c_str(), 16);
  STRCMP_EQUAL(R"({"late":true})", host.output(goesOn).c_str());
}

TEST(Waits, aSleepLastsOnTheBootClockAndAnUntilOnTheWallClock) {
  const RunId sleeper = host.start("slug: nap\nsteps:\n  - id: nap\n    sleep: {for: 10m}\n");
  const RunId until = host.start(
      "slug: alarm\nsteps:\n  - id: nap\n    sleep: {until: \"2027-01-15T09:00:00Z\"}\n");
  host.clock.jumpWall(1h);  // 2027-01-15T08:00:00Z before.
  CHECK(host.settle().ok());
  STRCMP_EQUAL("waiting", host.status(sleeper).c_str());
  STRCMP_EQUAL("succeeded", host.status(until).c_str());
  host.pass(10min);
  STRCMP_EQUAL("succeeded", host.status(sleeper).c_str());
}

TEST(Waits, cancellingARunClosesItsWaits) {
  const RunId run = host.start(kCallback);
  const WaitRow wait = host.openWait();
  CHECK(host.tell([&](Runtime& on) {
              return on.control(run, belay::runtime::Verb::kCancel, "uid:0");
            })
            .ok());
  STRCMP_EQUAL("cancelled", host.status(run).c_str());
  refused(ErrorCode::kWaitClosed, answer(wait, R"({"n": 1})"));
  CHECK(host.journal->nextDue()->bootMs == std::nullopt);
}
