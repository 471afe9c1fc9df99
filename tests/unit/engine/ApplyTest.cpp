// Feeds apply() scripts of events and looks at the state and at what is owed.
// Nothing else is involved: the engine has no clock, no disk and no evaluator.

#include <algorithm>

#include "agent/engine/Engine.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace belay::engine;

namespace {

template <typename T>
bool owes(const std::vector<Effect>& effects) {
  return std::any_of(effects.begin(), effects.end(),
                     [](const Effect& e) { return std::holds_alternative<T>(e); });
}

}  // namespace

TEST_GROUP(Apply) {
  RunState state;
  std::int64_t at = 1000;

  void setup() override {
    RunCreated created;
    created.slug = "s";
    created.flowDigest = "sha256:0";
    created.firstStep = "a";
    created.stateJson = "{}";
    static_cast<void>(play(created));
  }
  std::vector<Effect> play(EventBody body) {
    auto effects = apply(state, Event{at++, std::move(body)});
    CHECK(effects.ok());
    return *effects;
  }
  bool refused(EventBody body) {
    RunState copy = state;
    return !apply(copy, Event{at, std::move(body)}).ok();
  }
  StepStarted started(const std::string& path, std::uint32_t visit = 1, std::uint32_t attempt = 1) {
    StepStarted event;
    event.key = {path, visit, attempt};
    return event;
  }
  StepFinished finished(const std::string& path, Next next, std::uint32_t visit = 1) {
    StepFinished event;
    event.key = {path, visit, 1};
    event.next = std::move(next);
    return event;
  }
  /// The one retry that is owed.
  static ArmRetry retryOf(const std::vector<Effect>& effects) {
    LONGS_EQUAL(1, effects.size());
    CHECK(owes<ArmRetry>(effects));
    return std::get<ArmRetry>(effects.front());
  }
  static Next to(const std::string& step) { return Next{Next::Kind::kStep, step}; }
};

TEST(Apply, aNewRunOwesItsFirstStep) {
  LONGS_EQUAL(1, state.ready.size());
  STRCMP_EQUAL("a", state.ready.front().c_str());
  CHECK(state.status() == RunStatus::kRunning);
}

TEST(Apply, aStartedStepIsPerformedOnce) {
  CHECK(owes<PerformStep>(play(started("a"))));
  CHECK(refused(started("a")));
  CHECK(owes<PerformStep>(owed(state)));
}

TEST(Apply, theEndOfAStepOwesTheNextOne) {
  play(started("a"));
  CHECK(owes<EnterStep>(play(finished("a", to("b")))));
  CHECK(refused(finished("a", to("b"))));
}

TEST(Apply, theLastStepOwesTheEndOfTheRun) {
  play(started("a"));
  CHECK(owes<FinishRun>(play(finished("a", Next{}))));
  play(RunFinished{});
  CHECK(state.status() == RunStatus::kSucceeded);
  CHECK(refused(RunFinished{}));
}

TEST(Apply, aStepOfTheLoopNeedsNoIntent) {
  CHECK(owes<EnterStep>(play(finished("a", to("b")))));
  LONGS_EQUAL(1, state.visits["a"]);
}

TEST(Apply, aJumpBackIsANewVisit) {
  play(finished("a", to("a")));
  CHECK(refused(finished("a", Next{}, 1)));
  play(finished("a", Next{}, 2));
  LONGS_EQUAL(2, state.visits["a"]);
}

TEST(Apply, anotherAttemptFollowsAFailedOneOnly) {
  play(started("a"));
  CHECK(refused(started("a", 1, 2)));
  CHECK(owes<ArmRetry>(play(AttemptFailed{{"a", 1, 1}, {}, 10})));
  CHECK(refused(started("a", 1, 3)));
  CHECK(owes<PerformStep>(play(started("a", 1, 2))));
}

TEST(Apply, pauseHoldsTheNextStepAndResumeGivesIt) {
  play(started("a"));
  play(RunPaused{"me"});
  CHECK(!owes<EnterStep>(play(finished("a", to("b")))));
  CHECK(owed(state).empty());
  CHECK(owes<EnterStep>(play(RunResumed{"me"})));
}

TEST(Apply, resumeArmsARetryWithWhatIsLeftOfItsDelay) {
  play(started("a"));
  at = 10'000;
  LONGS_EQUAL(60'000, retryOf(play(AttemptFailed{{"a", 1, 1}, {}, 60'000})).delayMs);
  play(RunPaused{"me"});
  at = 25'000;
  LONGS_EQUAL(45'000, retryOf(play(RunResumed{"me"})).delayMs);
  // It is the attempt that failed that counts, not the resume before.
  play(RunPaused{"me"});
  at = 69'999;
  LONGS_EQUAL(1, retryOf(play(RunResumed{"me"})).delayMs);
  play(RunPaused{"me"});
  at = 500'000;
  const auto effects = play(RunResumed{"me"});
  LONGS_EQUAL(0, retryOf(effects).delayMs);
  CHECK((StepKey{"a", 1, 1}) == retryOf(effects).key);
}

TEST(Apply, resumeNeverArmsARetryLaterThanItWas) {
  play(started("a"));
  at = 10'000;
  play(AttemptFailed{{"a", 1, 1}, {}, 60'000});
  play(RunPaused{"me"});
  at = 0;  // The wall clock was set back.
  LONGS_EQUAL(60'000, retryOf(play(RunResumed{"me"})).delayMs);
}

TEST(Apply, resumeCountsTheDelayOfTheLatestAttempt) {
  play(started("a"));
  play(AttemptFailed{{"a", 1, 1}, {}, 60'000});
  play(started("a", 1, 2));
  at = 100'000;
  play(AttemptFailed{{"a", 1, 2}, {}, 5'000});
  play(RunPaused{"me"});
  at = 101'000;
  const auto effects = play(RunResumed{"me"});
  LONGS_EQUAL(4'000, retryOf(effects).delayMs);
  LONGS_EQUAL(2, retryOf(effects).key.attempt);
}

TEST(Apply, aRetryThatAPersonAskedForIsMadeAtOnceAfterAPauseToo) {
  play(started("a"));
  play(AttemptFailed{{"a", 1, 1}, {}, 60'000});
  play(started("a", 1, 2));
  play(StepAmbiguous{{"a", 1, 2}, "who knows"});
  play(RunPaused{"me"});
  LONGS_EQUAL(0,
              retryOf(play(AmbiguityResolved{{"a", 1, 2}, Resolution::kRetry, "me", ""})).delayMs);
  LONGS_EQUAL(0, retryOf(play(RunResumed{"me"})).delayMs);
}

TEST(Apply, stopLetsWhatIsInFlightEnd) {
  play(started("a"));
  CHECK(!owes<CancelStep>(play(RunStopRequested{"me"})));
  const auto effects = play(finished("a", to("b")));
  CHECK(!owes<EnterStep>(effects));
  CHECK(owes<FinishRun>(effects));
  CHECK(std::get<FinishRun>(effects.back()).end == RunEnd::kStopped);
}

TEST(Apply, cancelEndsWhatIsInFlight) {
  play(started("a"));
  const auto effects = play(RunCancelRequested{"me"});
  CHECK(owes<CancelStep>(effects));
  CHECK(owes<FinishRun>(effects));
}

TEST(Apply, aStepThatStartedARunOwesNothingButWhatIsAskedOfItsRun) {
  using Verb = ControlChild::Verb;
  StepStarted event = started("a");
  event.child = *base::RunId::parse("r2");
  LONGS_EQUAL(0, play(event).size());
  CHECK(state.status() == RunStatus::kWaiting);
  LONGS_EQUAL(0, owed(state).size());
  const auto asked = [](const std::vector<Effect>& effects) {
    LONGS_EQUAL(1, effects.size());
    return std::get<ControlChild>(effects.front()).verb;
  };
  CHECK(asked(play(RunPaused{"x"})) == Verb::kPause);
  CHECK(asked(play(RunResumed{"x"})) == Verb::kResume);
  CHECK(asked(play(RunStopRequested{"x"})) == Verb::kStop);
  LONGS_EQUAL(1, state.active.size());
  const auto effects = play(RunCancelRequested{"x"});
  LONGS_EQUAL(2, effects.size());
  CHECK(std::get<ControlChild>(effects[0]).verb == Verb::kCancel);
  CHECK(owes<FinishRun>(effects));
}

TEST(Apply, theRunOfAStepIsKeptWithItsOutput) {
  StepStarted event = started("a");
  event.child = *base::RunId::parse("r2");
  play(event);
  AttemptFailed failed;
  failed.key = {"a", 1, 1};
  CHECK(owes<ArmRetry>(play(failed)));
  event.key.attempt = 2;
  event.child = *base::RunId::parse("r3");
  play(event);
  play(finished("a", to("b")));
  STRCMP_EQUAL("r3", state.done["a"].child.str().c_str());
}

TEST(Apply, anAnswerThatComesEarlyIsKept) {
  WaitOpened wait;
  wait.key = {"w", 1, 1};
  wait.wait = *base::WaitId::parse("w1");
  play(wait);
  WaitResolved answer;
  answer.key = wait.key;
  answer.wait = wait.wait;
  play(answer);
  CHECK(state.early.at("w").answer.has_value());
}

TEST(Apply, aRetryOfAnEndedRunStartsWhereItFailed) {
  StepFinished failed = finished("a", Next{Next::Kind::kFail, {}});
  failed.failure = Failure{"BLY-STEP-FAILED", flow::FailureClass::kOther, "no", false};
  play(failed);
  RunFinished end;
  end.end = RunEnd::kFailed;
  end.failedStep = "a";
  play(end);
  CHECK(owes<EnterStep>(play(RunRetried{"a", "me"})));
  CHECK(state.status() == RunStatus::kRunning);
}

TEST(Apply, aQueuedRunOwesNothingUntilItIsAdmitted) {
  state = RunState{};
  RunCreated created;
  created.flowDigest = "sha256:0";
  created.firstStep = "a";
  created.queued = true;
  CHECK(play(created).empty());
  CHECK(state.status() == RunStatus::kQueued);
  CHECK(!isFinal(state.status()));
  CHECK(owed(state).empty());
  CHECK(owes<EnterStep>(play(RunAdmitted{})));
  CHECK(state.status() == RunStatus::kRunning);
  CHECK(owes<EnterStep>(owed(state)));
  CHECK(refused(RunAdmitted{}));
}

TEST(Apply, aQueuedRunThatIsPausedBeginsWhenBothHaveEnded) {
  state = RunState{};
  RunCreated created;
  created.flowDigest = "sha256:0";
  created.firstStep = "a";
  created.queued = true;
  play(created);
  play(RunPaused{"me"});
  CHECK(state.status() == RunStatus::kQueued);
  CHECK(play(RunResumed{"me"}).empty());
  play(RunPaused{"me"});
  CHECK(play(RunAdmitted{}).empty());
  CHECK(state.status() == RunStatus::kPaused);
  CHECK(owes<EnterStep>(play(RunResumed{"me"})));
}

TEST(Apply, aQueuedRunThatIsCancelledEndsWithoutAStep) {
  state = RunState{};
  RunCreated created;
  created.flowDigest = "sha256:0";
  created.firstStep = "a";
  created.onFailure = "f";
  created.queued = true;
  play(created);
  const base::RunId other = *base::RunId::parse("r9");
  const auto effects = play(RunCancelRequested{"me", other});
  LONGS_EQUAL(1, effects.size());
  CHECK(std::get<FinishRun>(effects.front()).end == RunEnd::kCancelled);
  CHECK(state.supersededBy == other);
  play(RunFinished{RunEnd::kCancelled, "", std::nullopt, "", {}, {}});
  CHECK(refused(RunAdmitted{}));
}

TEST(Apply, aRetryMayHaveToWaitForItsTurn) {
  play(started("a"));
  play(finished("a", Next{Next::Kind::kEnd, {}}));
  play(RunFinished{RunEnd::kCancelled, "", std::nullopt, "", {}, {}});
  CHECK(play(RunRetried{"a", "me", true}).empty());
  CHECK(state.status() == RunStatus::kQueued);
  CHECK(owes<EnterStep>(play(RunAdmitted{})));
}

TEST(Apply, whatIsSaidOfLanesReadsBack) {
  RunCreated created;
  created.flowDigest = "sha256:0";
  created.lane = Lane{"a \"b\"", 3};
  created.queued = true;
  auto back = decodeBody("run_created", encodeBody(created));
  CHECK(back.ok());
  CHECK(std::get<RunCreated>(*back).lane == created.lane);
  CHECK(std::get<RunCreated>(*back).queued);
  const RunCancelRequested cancel{"me", *base::RunId::parse("r9")};
  back = decodeBody("run_cancel_requested", encodeBody(cancel));
  STRCMP_EQUAL("r9", std::get<RunCancelRequested>(*back).supersededBy.str().c_str());
  CHECK(std::get<RunRetried>(*decodeBody("run_retried", encodeBody(RunRetried{"a", "me", true})))
            .queued);
  CHECK(decodeBody("run_admitted", "{}").ok());
  CHECK(!decodeBody("run_cancel_requested", R"({"by":"x","superseded_by":"/"})").ok());
  CHECK(!decodeBody("run_created", R"({"flow":"a","digest":"b","source":"c","by":"d","first":"e",)"
                                   R"("lane":{"limit":1}})")
             .ok());
}

TEST(Apply, everyEventReadsBackAsItWasWritten) {
  StepFinished event = finished("a", to("b"), 7);
  event.outputJson = R"({"x":[1,"ü"]})";
  event.failure = Failure{"BLY-TIMEOUT", flow::FailureClass::kTimeout, "late", true};
  const std::string text = encodeBody(event);
  const auto back = decodeBody("step_finished", text);
  CHECK(back.ok());
  STRCMP_EQUAL(text.c_str(), encodeBody(*back).c_str());
  CHECK(!decodeBody("step_finished", R"({"step":"a"})").ok());
  CHECK(!decodeBody("no_such_event", "{}").ok());
}

TEST(Apply, aReviewedStepStartsOnlyOnceItIsApproved) {
  WaitOpened asked;
  asked.key = {"a", 1, 1};
  asked.wait = *base::WaitId::parse("w1");
  asked.kind = flow::WaitKind::kApproval;
  asked.review = true;
  play(asked);
  CHECK(refused(started("a")));
  CHECK(state.status() == RunStatus::kWaiting);
  WaitResolved answer;
  answer.key = asked.key;
  answer.wait = asked.wait;
  answer.answer = WaitAnswer::kApproved;
  CHECK(owes<StartReviewed>(play(answer)));
  CHECK(owes<StartReviewed>(owed(state)));
  CHECK(refused(started("a", 1, 2)));
  CHECK(owes<PerformStep>(play(started("a"))));
  CHECK(state.findActive("a")->review->wait == asked.wait);
}

TEST(Apply, aWaitThatIsAskedAnewTakesThePlaceOfTheOldOne) {
  WaitOpened asked;
  asked.key = {"a", 1, 1};
  asked.wait = *base::WaitId::parse("w1");
  asked.kind = flow::WaitKind::kApproval;
  play(asked);
  WaitOpened anew = asked;
  anew.wait = *base::WaitId::parse("w2");
  anew.replaces = *base::WaitId::parse("w3");
  CHECK(refused(anew));
  anew.replaces = asked.wait;
  play(anew);
  LONGS_EQUAL(1, state.active.size());
  WaitResolved answer;
  answer.key = asked.key;
  answer.wait = asked.wait;
  CHECK(refused(answer));
  answer.wait = anew.wait;
  play(answer);
}

TEST(Apply, undosRunOneAfterTheOtherTheLatestFirst) {
  for (const char* id : {"a", "b"}) {
    play(started(id));
    StepFinished end = finished(id, {Next::Kind::kStep, id == std::string("a") ? "b" : "c"});
    end.undoJson = "{}";
    play(end);
  }
  play(started("c"));
  StepFinished bad = finished("c", {Next::Kind::kFail, {}});
  bad.failure = Failure{};
  CHECK(owes<StartUndo>(play(bad)));
  CHECK(owes<StartUndo>(owed(state)));
  CHECK(refused(started("a~undo")));
  play(started("b~undo"));
  CHECK(refused(started("a~undo")));
  CHECK(owes<StartUndo>(play(finished("b~undo", {}))));
  CHECK(owes<FinishRun>(play(finished("a~undo", {}))));
  STRCMP_EQUAL("b", state.compensated.front().c_str());
}

TEST_GROUP(Retry) {
  flow::Step step;
  Failure failure;

  void setup() override {
    step.retry.maxAttempts = 3;
    step.retry.backoff = {std::chrono::milliseconds{100}, 2.0, std::chrono::milliseconds{150}, 0.0};
    step.effect = flow::EffectClass::kIdempotent;
    failure.kind = flow::FailureClass::kUnavailable;
  }
};

TEST(Retry, delaysGrowUpToTheirBound) {
  LONGS_EQUAL(100, decideRetry(step, {"a", 1, 1}, failure, 0.5, 0).delayMs);
  LONGS_EQUAL(150, decideRetry(step, {"a", 1, 2}, failure, 0.5, 0).delayMs);
  CHECK(!decideRetry(step, {"a", 1, 3}, failure, 0.5, 0).retry);
}

TEST(Retry, aPeerThatAsksForMoreGetsIt) {
  LONGS_EQUAL(9000, decideRetry(step, {"a", 1, 1}, failure, 0.5, 9000).delayMs);
}

TEST(Retry, whatMayHaveTakenEffectIsNotRepeated) {
  step.effect = flow::EffectClass::kOnce;
  CHECK(!decideRetry(step, {"a", 1, 1}, failure, 0.5, 0).retry);
  failure.nothingLeft = true;
  CHECK(decideRetry(step, {"a", 1, 1}, failure, 0.5, 0).retry);
}

TEST(Retry, onlyTheNamedClassesAreRepeated) {
  step.retry.on = {flow::FailureClass::kTimeout};
  CHECK(!decideRetry(step, {"a", 1, 1}, failure, 0.5, 0).retry);
}
