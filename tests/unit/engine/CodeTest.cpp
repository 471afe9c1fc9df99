// Feeds apply() the events of a run whose flow is code.

#include <string>
#include <vector>

#include "agent/engine/Engine.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace belay::engine;

TEST_GROUP(Code) {
  RunState state;
  std::int64_t at = 1000;

  void setup() override {
    RunCreated created;
    created.slug = "s";
    created.flowDigest = "sha256:0";
    created.stateJson = "{}";
    created.interpreter = "quickjs 1";
    LONGS_EQUAL(1, count<AdvanceCode>(play(created)));
  }
  base::Result<std::vector<Effect>> tryPlay(EventBody body) {
    // What the journal gives back must do the same.
    auto again = decodeBody(eventName(body), encodeBody(body));
    CHECK_TRUE(again.ok());
    return apply(state, Event{at++, std::move(*again)});
  }
  std::vector<Effect> play(EventBody body) {
    auto effects = tryPlay(std::move(body));
    CHECK_TRUE(effects.ok());
    return *effects;
  }
  static CodeAdvanced calls(const std::vector<std::string>& paths) {
    CodeAdvanced e;
    for (const std::string& path : paths)
      e.calls.push_back({{path, 1, 1}, R"({"run":{"command":["x"]}})"});
    return e;
  }
  static StepStarted started(const std::string& path) {
    StepStarted e;
    e.key = {path, 1, 1};
    return e;
  }
  static StepFinished ended(const std::string& path, Next::Kind kind = Next::Kind::kEnd) {
    StepFinished e;
    e.key = {path, 1, 1};
    e.next.kind = kind;
    e.outputJson = "1";
    return e;
  }
  std::string ready() const {
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

TEST(Code, isOwedAsLongAsThereAreResultsThatItHasNotSeen) {
  LONGS_EQUAL(1, count<AdvanceCode>(owed(state)));
  LONGS_EQUAL(2, count<EnterStep>(play(calls({"a", "b"}))));
  LONGS_EQUAL(0, count<AdvanceCode>(owed(state)));
  STRCMP_EQUAL("a b ", ready().c_str());
  LONGS_EQUAL(1, count<AdvanceCode>(play(ended("a"))));
  // One advance takes all results.
  LONGS_EQUAL(0, count<AdvanceCode>(play(ended("b"))));
  LONGS_EQUAL(1, count<AdvanceCode>(owed(state)));
  LONGS_EQUAL(0, count<FinishRun>(owed(state)));
}

TEST(Code, keepsNothingOfCallsThatHaveEnded) {
  play(calls({"a"}));
  LONGS_EQUAL(1, state.code->calls.size());
  play(started("a"));
  play(ended("a", Next::Kind::kFail));
  LONGS_EQUAL(0, state.code->calls.size());
  LONGS_EQUAL(0, state.done.size());
  CHECK_FALSE(state.failure.has_value());  // Whether that fails the run is for the code to say.
}

TEST(Code, advancesOnlyWhenThereIsSomethingNew) {
  play(calls({"a"}));
  CHECK_FALSE(tryPlay(calls({"b"})).ok());
  play(ended("a"));
  CodeAdvanced first = calls({"b"});
  first.more = true;
  play(first);
  play(calls({"c"}));
  STRCMP_EQUAL("b c ", ready().c_str());
  play(ended("b"));
  CHECK_FALSE(tryPlay(calls({"c"})).ok());  // It has not ended.
}

TEST(Code, endsWhatItGivesUp) {
  play(calls({"p[a]/x", "p[a]/y", "p[b]/z"}));
  play(started("p[a]/x"));
  play(ended("p[b]/z"));
  CodeAdvanced e = calls({"p[a]/late", "after"});
  e.cancelled = {"p["};
  const auto effects = play(e);
  LONGS_EQUAL(1, count<CancelStep>(effects));
  STRCMP_EQUAL("after ", ready().c_str());
  LONGS_EQUAL(1, state.code->calls.size());
  for (const Effect& effect : effects) {
    if (const auto* cancel = std::get_if<CancelStep>(&effect))
      STRCMP_EQUAL(R"({"run":{"command":["x"]}})", cancel->definitionJson.c_str());
  }
}

TEST(Code, isHeldWhileTheRunIsPaused) {
  play(calls({"a"}));
  play(started("a"));
  play(RunPaused{"me"});
  LONGS_EQUAL(0, count<AdvanceCode>(play(ended("a"))));
  LONGS_EQUAL(0, owed(state).size());
  LONGS_EQUAL(1, count<AdvanceCode>(play(RunResumed{"me"})));
}

TEST(Code, endsWithTheRun) {
  play(calls({"a", "b"}));
  play(started("a"));
  LONGS_EQUAL(0, count<FinishRun>(play(RunStopRequested{"me"})));
  const auto effects = play(ended("a"));
  LONGS_EQUAL(0, count<AdvanceCode>(effects));
  LONGS_EQUAL(1, count<FinishRun>(effects));
  LONGS_EQUAL(1, count<FinishRun>(owed(state)));
}

TEST(Code, waitsWhenAllItsCallsDo) {
  CHECK(state.status() == RunStatus::kRunning);
  play(calls({"w"}));
  WaitOpened opened;
  opened.key = {"w", 1, 1};
  opened.wait = *base::WaitId::parse("w1");
  play(opened);
  CHECK(state.status() == RunStatus::kWaiting);
  play(ended("w"));
  CHECK(state.status() == RunStatus::kRunning);
}

TEST(Code, remembersWhoRanIt) {
  CodeAdvanced e;
  e.interpreter = "quickjs 2";
  e.logs = {"one"};
  e.stateJson = R"({"n":1})";
  play(e);
  STRCMP_EQUAL("quickjs 2", state.code->interpreter.c_str());
  STRCMP_EQUAL(R"({"n":1})", state.stateJson.c_str());
}

TEST(Code, aRowThatIsDamagedIsSaid) {
  for (const char* row :
       {R"({"calls":1})", R"({"calls":[{"step":"a"}]})", R"({"calls":[{"call":{}}]})",
        R"({"cancelled":[1]})", R"({"logs":"x"})"}) {
    CHECK_FALSE(decodeBody("code_advanced", row).ok());
  }
}
