// Watches runs whose events a fake daemon tells: how the watch ends, and what it draws on terminals
// of any size.

#include "agent/cli/Style.h"
#include "common/json/Json.h"
#include "tests/unit/cli/FakeWorld.h"

#include <CppUTest/TestHarness.h>

using belay::test::FakeWorld;

namespace {

std::string line(int seq, const std::string& event, const std::string& body) {
  return R"({"seq":)" + std::to_string(seq) + R"(,"event":")" + event +
         R"(","at":"2027-01-15T08:00:00.000Z","body":)" + body + "}\n";
}

std::string created(const std::string& slug) {
  return line(1, "run_created",
              R"({"flow":")" + slug +
                  R"(","digest":"sha256:1","source":"draft","input":{},"state":{},"by":"uid:0",)"
                  R"("first":"step-1","seed":1})");
}

}  // namespace

TEST_GROUP(RunWatch) {
  FakeWorld world;

  /// The daemon tells of a run of so many steps, the last of which fails.
  void tellFailed(const std::string& slug, int steps) {
    std::string events = created(slug);
    for (int i = 1; i <= steps; ++i) {
      const std::string id = "step-" + std::to_string(i), next = "step-" + std::to_string(i + 1);
      events +=
          line(i + 1, "step_finished",
               i < steps ? R"({"step":")" + id + R"(","outcome":"succeeded","next":"step","to":")" +
                               next + "\"}"
                         : R"({"step":")" + id +
                               R"(","outcome":"failed","next":"end","error":)"
                               R"({"code":"BLY-X","message":"broken","class":"permanent"}})");
    }
    events += line(steps + 2, "run_finished", R"({"end":"failed","failed_step":"step-1"})");
    world.daemon.answer("GET /v1/runs/r1/follow?after=0&heartbeat=1s", events);
    world.daemon.data(
        "GET /v1/runs/r1",
        R"({"run":{"id":"r1","flow":"gate","status":"failed","error":{"code":"BLY-X","message":"broken"}},)"
        R"("steps":[],"actions":["belay run retry r1"]})");
  }
};

TEST(RunWatch, endsAsAWaitForTheRunDoes) {
  tellFailed("gate", 1);
  LONGS_EQUAL(6, world.run({"run", "watch", "r1"}));
  STRCMP_CONTAINS("run r1 failed: broken [BLY-X]", world.console.errText.c_str());
  STRCMP_CONTAINS("belay run retry r1", world.console.errText.c_str());
}

TEST(RunWatch, endsForProgramsWithAnEnvelopeOfTheError) {
  tellFailed("gate", 1);
  LONGS_EQUAL(6, world.run({"run", "watch", "r1", "--json"}));
  const std::string& out = world.console.outText;
  const auto last = belay::json::parse(out.substr(out.rfind('\n', out.size() - 2) + 1));
  STRCMP_EQUAL("BLY-RUN-FAILED", last->at("/error/code")->asString().c_str());
  CHECK(!last->at("/data/run"));
}

TEST(RunWatch, saysThatTheTimeIsOver) {
  world.daemon.answer("GET /v1/runs/r1/follow?after=0&heartbeat=1s", created("gate"));
  world.daemon.answer("GET /v1/runs/r1/follow?after=1&heartbeat=1s", "\n");
  LONGS_EQUAL(0, world.run({"run", "watch", "r1", "--timeout", "2s", "--json"}));
  const std::string& out = world.console.outText;
  const auto last = belay::json::parse(out.substr(out.rfind('\n', out.size() - 2) + 1));
  CHECK(last->at("/meta/timed_out")->asBool());
}

TEST(RunWatch, drawsWhatFitsTheTerminal) {
  world.console.outTerminal = true;
  const std::pair<std::size_t, std::size_t> sizes[] = {
      {80, 24}, {80, 8}, {30, 12}, {12, 3}, {1, 1}};
  for (const auto& [width, height] : sizes) {
    world.console.width = width;
    world.console.height = height;
    world.console.outText.clear();
    tellFailed(std::string(60, 's'), 30);
    LONGS_EQUAL(6, world.run({"run", "watch", "r1", "--no-color"}));
    std::string out = world.console.outText;
    std::size_t rows = 0;
    for (std::size_t at = 0, end = 0; (end = out.find('\n', at)) != std::string::npos;
         at = end + 1) {
      std::string drawn = out.substr(at, end - at);
      const std::string anew = "\r\x1b[J";
      if (const std::size_t begins = drawn.find(anew); begins != std::string::npos) {
        STRCMP_EQUAL(("\x1b[" + std::to_string(rows) + "A").c_str(),
                     drawn.substr(0, begins).c_str());
        drawn = drawn.substr(begins + anew.size());
        rows = 0;
      }
      CHECK(belay::cli::widthOf(drawn) < std::max<std::size_t>(width, 11));
      ++rows;
      CHECK(rows < std::max<std::size_t>(height, 2));
    }
    CHECK(rows > 0);
  }
}
