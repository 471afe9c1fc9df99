// Feeds events, and asks for the visits, attempts and advice that people see.

#include "agent/api/RunHistory.h"

#include <CppUTest/TestHarness.h>

using namespace belay::api;
namespace engine = belay::engine;

namespace {

engine::StepKey key(const char* path, unsigned visit = 1, unsigned attempt = 1) {
  return {path, visit, attempt};
}

engine::StepStarted started(const engine::StepKey& k) {
  engine::StepStarted e;
  e.key = k;
  return e;
}

engine::StepFinished finished(const engine::StepKey& k, engine::StepOutcome outcome) {
  engine::StepFinished e;
  e.key = k;
  e.outcome = outcome;
  if (outcome == engine::StepOutcome::kFailed) {
    engine::Failure failure;
    failure.code = "BLY-STEP-FAILED";
    failure.message = "broken";
    e.failure = failure;
  }
  return e;
}

engine::WaitOpened approval(const engine::StepKey& k) {
  engine::WaitOpened e;
  e.key = k;
  e.wait = *belay::base::WaitId::parse("w1");
  e.kind = belay::flow::WaitKind::kApproval;
  e.requestJson = R"({"summary":"Ship\u001b[31m it?"})";
  return e;
}

}  // namespace

TEST_GROUP(RunHistory) { RunHistory history; };

TEST(RunHistory, countsAttemptsOfAVisitWithTheirTimes) {
  history.add(1000, started(key("a")));
  engine::AttemptFailed failed;
  failed.key = key("a");
  failed.failure.message = "no";
  failed.delayMs = 500;
  history.add(1100, failed);
  CHECK(history.latest("a")->status == VisitRecord::Status::kBackoff);
  history.add(1600, started(key("a", 1, 2)));
  history.add(1900, finished(key("a", 1, 2), engine::StepOutcome::kSucceeded));
  const VisitRecord& visit = *history.latest("a");
  LONGS_EQUAL(2, visit.attempts.size());
  LONGS_EQUAL(500, visit.attempts[0].delayMs);
  CHECK(visit.attempts[0].failure.has_value());
  CHECK(!visit.attempts[1].failure.has_value());
  LONGS_EQUAL(900, visit.durationMs);
}

TEST(RunHistory, anotherVisitIsAnotherRecord) {
  history.add(1, finished(key("a", 1), engine::StepOutcome::kSucceeded));
  history.add(2, finished(key("b", 1), engine::StepOutcome::kSkipped));
  history.add(3, finished(key("a", 2), engine::StepOutcome::kFailed));
  LONGS_EQUAL(3, history.visits().size());
  LONGS_EQUAL(2, history.latest("a")->visit);
}

TEST(RunHistory, keepsTheLatestVisitsOnly) {
  RunHistory small(2);
  for (unsigned visit = 1; visit <= 5; ++visit) {
    small.add(visit, started(key("a", visit)));
    small.add(visit, finished(key("a", visit), engine::StepOutcome::kSucceeded));
  }
  LONGS_EQUAL(2, small.visits().size());
  LONGS_EQUAL(3, small.dropped());
  LONGS_EQUAL(5, small.latest("a")->visit);
  CHECK(small.visits().front().finished.has_value());
}

TEST(RunHistory, aCancelledRunLeavesNothingActive) {
  history.add(1, started(key("a")));
  history.add(5, engine::RunCancelRequested{"uid:1"});
  engine::RunFinished end;
  end.end = engine::RunEnd::kCancelled;
  history.add(6, end);
  CHECK(history.latest("a")->status == VisitRecord::Status::kEnded);
  LONGS_EQUAL(5, history.latest("a")->durationMs);
}

TEST(RunHistory, adviceForAnApprovalNamesTheCommands) {
  history.add(1, approval(key("review")));
  const Advice advice = adviseOn("r1", engine::RunStatus::kWaiting, history, nullptr, 2);
  CHECK(advice.reason.find("step review waits for approval") != std::string::npos);
  // A summary comes from the outside: it must not colour the terminal of whoever reads it.
  CHECK(advice.reason.find('\x1b') == std::string::npos);
  STRCMP_EQUAL("belay approve w1", advice.actions[1].c_str());
}

TEST(RunHistory, adviceForAnAmbiguousStepGivesAllThreeWaysOut) {
  history.add(1, started(key("pay")));
  history.add(2, engine::StepAmbiguous{key("pay"), "the daemon ended"});
  const Advice advice = adviseOn("r1", engine::RunStatus::kAmbiguous, history, nullptr, 3);
  LONGS_EQUAL(3, advice.actions.size());
  STRCMP_EQUAL("belay run resolve r1 pay --as succeeded", advice.actions[0].c_str());
}

TEST(RunHistory, adviceForAFailureExplainsAndRetries) {
  engine::RunFinished end;
  end.end = engine::RunEnd::kFailed;
  end.failedStep = "a";
  end.failure = finished(key("a"), engine::StepOutcome::kFailed).failure;
  history.add(1, end);
  const Advice advice = adviseOn("r1", engine::RunStatus::kFailed, history, nullptr, 3);
  STRCMP_EQUAL("step a failed: broken [BLY-STEP-FAILED]", advice.reason.c_str());
  STRCMP_EQUAL("belay run retry r1", advice.actions.back().c_str());
}

TEST(RunHistory, anAmbiguousStepThatNobodyResolvedIsNamedInTheEnd) {
  history.add(1, started(key("pay")));
  history.add(2, engine::StepAmbiguous{key("pay"), "the daemon ended"});
  engine::RunFinished end;
  end.end = engine::RunEnd::kCancelled;
  history.add(3, end);
  const Advice advice = adviseOn("r1", engine::RunStatus::kCancelled, history, nullptr, 3);
  STRCMP_EQUAL("cancelled; step pay may have taken effect", advice.reason.c_str());
}

TEST(RunHistory, theOutputOfAFlowIsNoStep) {
  engine::RunFinished end;
  end.end = engine::RunEnd::kFailed;
  end.failedStep = "output";
  end.failure = finished(key("a"), engine::StepOutcome::kFailed).failure;
  history.add(1, end);
  const Advice advice = adviseOn("r1", engine::RunStatus::kFailed, history, nullptr, 3);
  STRCMP_EQUAL("the output of the flow failed: broken [BLY-STEP-FAILED]", advice.reason.c_str());
}
