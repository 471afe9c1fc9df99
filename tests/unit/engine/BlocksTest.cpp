// Feeds apply() the events of steps that hold steps, and looks at which children it begins, in
// which order they end, and what stays in the state.

#include <string>
#include <vector>

#include "agent/engine/Engine.h"
#include "agent/engine/Path.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace belay::engine;

TEST_GROUP(Blocks) {
  RunState state;
  std::int64_t at = 1000;

  void setup() override {
    RunCreated created;
    created.slug = "s";
    created.flowDigest = "sha256:0";
    created.firstStep = "each";
    created.stateJson = "{}";
    static_cast<void>(play(created));
  }
  std::vector<Effect> play(EventBody body) {
    // What the journal gives back must do the same.
    const auto again = decodeBody(eventName(body), encodeBody(body));
    CHECK_TRUE(again.ok());
    auto effects = apply(state, Event{at++, *again});
    CHECK_TRUE(effects.ok());
    return *effects;
  }
  BlockStarted forEach(std::uint32_t count, std::uint32_t maxParallel = 1) {
    BlockStarted e;
    e.key = {"each", state.visits.count("each") != 0 ? state.visits.at("each") + 1 : 1, 1};
    e.kind = BlockKind::kForEach;
    e.firsts = {"work"};
    e.count = count;
    e.maxParallel = maxParallel;
    return e;
  }
  StepFinished ended(const std::string& path, Next::Kind kind = Next::Kind::kEnd,
                     const std::string& output = "1") {
    StepFinished e;
    e.key = {path, 1, 1};
    e.next.kind = kind;
    e.outputJson = output;
    if (kind == Next::Kind::kFail) {
      e.outcome = StepOutcome::kFailed;
      e.failure = Failure{"BLY-X", flow::FailureClass::kOther, "no", false};
    }
    return e;
  }
  StepStarted started(const std::string& path) {
    StepStarted e;
    e.key = {path, 1, 1};
    return e;
  }
  std::string ready() {
    std::string out;
    for (const std::string& path : state.ready) out += path + " ";
    return out;
  }
  template <typename T>
  static std::size_t count(const std::vector<Effect>& effects) {
    std::size_t found = 0;
    for (const Effect& effect : effects) found += std::holds_alternative<T>(effect) ? 1 : 0;
    return found;
  }
};

TEST(Blocks, pathsAreTakenApartAsTheyWerePutTogether) {
  const StepKey outer{"fan", 2, 1};
  const std::string inner = pathIn(childScope(outer, "left"), "each");
  STRCMP_EQUAL("fan:2[left]/each", inner.c_str());
  const std::string work = pathIn(childScope({inner, 1, 1}, "3"), "work");
  STRCMP_EQUAL("fan:2[left]/each[3]/work", work.c_str());
  STRCMP_EQUAL("work", std::string(stepIdOf(work)).c_str());
  const auto child = childOf(scopeOf(work));
  STRCMP_EQUAL(inner.c_str(), child->container.c_str());
  STRCMP_EQUAL("3", child->child.c_str());
  LONGS_EQUAL(1, child->visit);
  LONGS_EQUAL(2, childOf(scopeOf(inner))->visit);
  CHECK_FALSE(childOf(scopeOf("work")).has_value());
}

TEST(Blocks, itemsBeginAFewAtATime) {
  static_cast<void>(play(forEach(5, 2)));
  STRCMP_EQUAL("each[0]/work each[1]/work ", ready().c_str());
  static_cast<void>(play(ended("each[1]/work")));
  STRCMP_EQUAL("each[0]/work each[2]/work ", ready().c_str());
}

TEST(Blocks, outputsStandInTheOrderOfTheItemsAndStepsLeaveTheState) {
  static_cast<void>(play(forEach(3, 3)));
  static_cast<void>(play(ended("each[2]/work", Next::Kind::kEnd, "\"c\"")));
  static_cast<void>(play(ended("each[0]/work", Next::Kind::kEnd, "\"a\"")));
  CHECK_TRUE(state.done.empty());
  const auto effects = play(ended("each[1]/work", Next::Kind::kEnd, "\"b\""));
  LONGS_EQUAL(1, count<EndBlock>(effects));
  const ActiveBlock& block = state.blocks.at("each");
  STRCMP_EQUAL("\"a\"", block.children[0].outputJson.c_str());
  STRCMP_EQUAL("\"c\"", block.children[2].outputJson.c_str());
  LONGS_EQUAL(1, count<EndBlock>(owed(state)));
  LONGS_EQUAL(1, count<FinishRun>(play(ended("each"))));
  CHECK_TRUE(state.blocks.empty());
}

TEST(Blocks, noItemsAreNoWork) {
  LONGS_EQUAL(1, count<EndBlock>(play(forEach(0))));
  STRCMP_EQUAL("", ready().c_str());
}

TEST(Blocks, oneFailureEndsTheOthersAtOnce) {
  static_cast<void>(play(forEach(5, 3)));
  static_cast<void>(play(started("each[0]/work")));
  const auto effects = play(ended("each[1]/work", Next::Kind::kFail));
  LONGS_EQUAL(1, count<CancelStep>(effects));
  LONGS_EQUAL(1, count<EndBlock>(effects));
  STRCMP_EQUAL("", ready().c_str());
  CHECK_TRUE(state.findActive("each[0]/work") == nullptr);
  STRCMP_EQUAL("each[1]/work", state.blocks.at("each").failedStep.c_str());
  CHECK_FALSE(state.failure.has_value());  // Not yet the run's.
}

TEST(Blocks, orAllOthersRunFirst) {
  BlockStarted e = forEach(3, 1);
  e.failFast = false;
  static_cast<void>(play(e));
  static_cast<void>(play(ended("each[0]/work", Next::Kind::kFail)));
  STRCMP_EQUAL("each[1]/work ", ready().c_str());
  static_cast<void>(play(ended("each[1]/work")));
  const auto effects = play(ended("each[2]/work"));
  LONGS_EQUAL(1, count<EndBlock>(effects));
  CHECK_TRUE(state.blocks.at("each").failure.has_value());
}

TEST(Blocks, finalizeRunsAfterAllBranchesEvenWhenOneFailed) {
  BlockStarted e;
  e.key = {"each", 1, 1};
  e.names = {"a", "b"};
  e.firsts = {"x", "y"};
  e.count = 2;
  e.finalize = "last";
  static_cast<void>(play(e));
  STRCMP_EQUAL("each[a]/x each[b]/y ", ready().c_str());
  static_cast<void>(play(ended("each[b]/y", Next::Kind::kFail)));
  STRCMP_EQUAL("each[finalize]/last ", ready().c_str());
  const auto effects = play(ended("each[finalize]/last"));
  LONGS_EQUAL(1, count<EndBlock>(effects));
}

TEST(Blocks, aStopFinalizesWhatHasBegunTheInnermostFirst) {
  const auto parallel = [](const std::string& path) {
    BlockStarted e;
    e.key = {path, 1, 1};
    e.names = {"a"};
    e.firsts = {"x"};
    e.count = 1;
    e.finalize = "last";
    return e;
  };
  static_cast<void>(play(parallel("each")));
  static_cast<void>(play(parallel("each[a]/x")));
  static_cast<void>(play(started("each[a]/x[a]/x")));
  const RunStopRequested stop = stopOf(state, "uid:0");
  CHECK_TRUE(stop.finalizes);
  static_cast<void>(play(stop));
  STRCMP_EQUAL("", ready().c_str());
  static_cast<void>(play(ended("each[a]/x[a]/x")));
  STRCMP_EQUAL("each[a]/x[finalize]/last ", ready().c_str());
  LONGS_EQUAL(1, count<EnterStep>(owed(state)));
  static_cast<void>(play(started("each[a]/x[finalize]/last")));
  // It goes on within, as in a run that does not stop.
  StepFinished more = ended("each[a]/x[finalize]/last", Next::Kind::kStep);
  more.next.step = "more";
  static_cast<void>(play(more));
  STRCMP_EQUAL("each[a]/x[finalize]/more ", ready().c_str());
  LONGS_EQUAL(0, count<EndBlock>(play(ended("each[a]/x[finalize]/more"))));
  STRCMP_EQUAL("each[finalize]/last ", ready().c_str());
  LONGS_EQUAL(1, count<FinishRun>(play(ended("each[finalize]/last", Next::Kind::kFail))));
  STRCMP_EQUAL("each[finalize]/last", state.failedStep.c_str());
}

TEST(Blocks, aHistoryOfAStopWithoutFinalizeStaysSo) {
  BlockStarted e;
  e.key = {"each", 1, 1};
  e.names = {"a"};
  e.firsts = {"x"};
  e.count = 1;
  e.finalize = "last";
  static_cast<void>(play(e));
  static_cast<void>(play(started("each[a]/x")));
  static_cast<void>(play(RunStopRequested{"uid:0"}));
  LONGS_EQUAL(1, count<FinishRun>(play(ended("each[a]/x"))));
}

TEST(Blocks, runsThatAreAwaitedAreAskedToStopAndTheBlockEndsBehindThem) {
  static_cast<void>(play(forEach(3, 3)));
  StepStarted child = started("each[0]/work");
  child.child = *base::RunId::parse("r00000000000000000000000001");
  child.awaited = true;
  static_cast<void>(play(child));
  const auto effects = play(ended("each[1]/work", Next::Kind::kFail));
  LONGS_EQUAL(0, count<EndBlock>(effects));
  LONGS_EQUAL(1, count<ControlChild>(effects));
  CHECK_TRUE(state.isGivenUp("each[0]/work"));
  LONGS_EQUAL(0, count<EndBlock>(owed(state)));
  StepFinished over = ended("each[0]/work", Next::Kind::kFail);
  over.stands = true;
  LONGS_EQUAL(1, count<EndBlock>(play(over)));
  STRCMP_EQUAL("each[0]/work", state.uncompensated.front().c_str());
  STRCMP_EQUAL("each[1]/work", state.blocks.at("each").failedStep.c_str());
}

TEST(Blocks, aLoopIsAskedAfterEachRoundAndItsStepsStayUntilThen) {
  BlockStarted e;
  e.key = {"each", 1, 1};
  e.kind = BlockKind::kLoop;
  e.firsts = {"look"};
  e.count = 5;
  static_cast<void>(play(e));
  STRCMP_EQUAL("each[0]/look ", ready().c_str());
  LONGS_EQUAL(1, count<NextRound>(play(ended("each[0]/look"))));
  LONGS_EQUAL(1, count<NextRound>(owed(state)));
  LONGS_EQUAL(1, state.done.count("each[0]/look"));
  LONGS_EQUAL(1, count<ArmRound>(play(RoundStarted{{"each", 1, 1}, 1, 5000})));
  LONGS_EQUAL(0, state.done.count("each[0]/look"));
  CHECK_TRUE(state.status() == RunStatus::kWaiting);
  static_cast<void>(play(RoundStarted{{"each", 1, 1}, 1, 0}));
  STRCMP_EQUAL("each[1]/look ", ready().c_str());
  RunState copy = state;
  CHECK_FALSE(apply(copy, Event{at, RoundStarted{{"each", 1, 1}, 3, 0}}).ok());
}

TEST(Blocks, aPauseOfTheRunDoesNotShortenThatOfALoop) {
  BlockStarted e;
  e.key = {"each", 1, 1};
  e.kind = BlockKind::kLoop;
  e.firsts = {"look"};
  e.count = 5;
  static_cast<void>(play(e));
  static_cast<void>(play(ended("each[0]/look")));
  static_cast<void>(play(RoundStarted{{"each", 1, 1}, 1, 5000}));
  static_cast<void>(play(RunPaused{"uid:0"}));
  at += 1000;
  const auto effects = play(RunResumed{"uid:0"});
  LONGS_EQUAL(1, count<ArmRound>(effects));
  LONGS_EQUAL(3998, std::get<ArmRound>(effects.front()).delayMs);
}

TEST(Blocks, aSecondVisitHasPathsOfItsOwn) {
  static_cast<void>(play(forEach(1)));
  static_cast<void>(play(ended("each[0]/work")));
  StepFinished again = ended("each", Next::Kind::kStep);
  again.next.step = "each";
  static_cast<void>(play(again));
  static_cast<void>(play(forEach(1)));
  STRCMP_EQUAL("each:2[0]/work ", ready().c_str());
}

TEST(Blocks, cancelAndStopLeaveNoBlockBehind) {
  static_cast<void>(play(forEach(3, 3)));
  static_cast<void>(play(started("each[0]/work")));
  RunState cancelled = state;
  const auto effects = apply(cancelled, Event{at, RunCancelRequested{"uid:0"}});
  LONGS_EQUAL(1, count<CancelStep>(*effects));
  LONGS_EQUAL(1, count<FinishRun>(*effects));
  static_cast<void>(play(RunStopRequested{"uid:0"}));
  LONGS_EQUAL(1, state.active.size());  // What is in flight ends.
  LONGS_EQUAL(1, count<FinishRun>(play(ended("each[0]/work"))));
}

TEST(Blocks, pauseHoldsItemsAndResumeGivesThem) {
  static_cast<void>(play(forEach(3, 1)));
  static_cast<void>(play(started("each[0]/work")));
  static_cast<void>(play(RunPaused{"uid:0"}));
  LONGS_EQUAL(0, count<EnterStep>(play(ended("each[0]/work"))));
  LONGS_EQUAL(1, count<EnterStep>(play(RunResumed{"uid:0"})));
}

TEST(Blocks, onFailureRunsOnceBeforeTheRunEnds) {
  state = RunState{};
  RunCreated created;
  created.flowDigest = "sha256:0";
  created.firstStep = "a";
  created.onFailure = "alarm";
  static_cast<void>(play(created));
  LONGS_EQUAL(0, count<FinishRun>(play(ended("a", Next::Kind::kFail))));
  STRCMP_EQUAL("alarm ", ready().c_str());
  const auto effects = play(ended("alarm", Next::Kind::kFail));
  LONGS_EQUAL(1, count<FinishRun>(effects));
  STRCMP_EQUAL("a", state.failedStep.c_str());
}
