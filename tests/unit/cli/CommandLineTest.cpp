// Words in, exit code and texts out: what a person or a script meets before any daemon is asked.

#include <algorithm>
#include <cstring>
#include <string>

#include "agent/cli/Command.h"
#include "agent/cli/Style.h"
#include "common/json/Json.h"
#include "tests/unit/cli/FakeWorld.h"

#include <CppUTest/TestHarness.h>

using namespace belay::cli;
using belay::test::FakeWorld;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_GROUP(CommandLine) { FakeWorld world; };

TEST(CommandLine, withoutACommandListsThemOnStandardErrorAndFails) {
  LONGS_EQUAL(2, world.run({}));
  CHECK(world.console.outText.empty());
  CHECK(has(world.console.errText, "run list"));
}

TEST(CommandLine, helpIsDataAndNoError) {
  LONGS_EQUAL(0, world.run({"--help"}));
  CHECK(has(world.console.outText, "flow run FILE|SLUG"));
  LONGS_EQUAL(0, world.run({"help", "run", "show"}));
  CHECK(has(world.console.outText, "usage: belay run show RUN"));
  LONGS_EQUAL(0, world.run({"run", "--help"}));
  CHECK(has(world.console.outText, "run logs"));
  CHECK(!has(world.console.outText, "flow run"));
}

TEST(CommandLine, everyCommandHasHelpThatFitsATerminal) {
  for (const Command* command : allCommands()) {
    const std::string help = helpOf(*command);
    CHECK(has(help, std::string(command->path)));
    CHECK_TEXT(!command->summary.empty() && !command->summary.ends_with('.'), command->path.data());
  }
}

TEST(CommandLine, aMisspelledCommandGetsTheNearestOne) {
  LONGS_EQUAL(2, world.run({"rum", "list"}));
  CHECK(has(world.console.errText, "did you mean \"belay run\"?"));
  LONGS_EQUAL(2, world.run({"run", "lst"}));
  CHECK(has(world.console.errText, "did you mean \"belay run list\"?"));
}

TEST(CommandLine, aMisspelledFlagGetsTheNearestOne) {
  LONGS_EQUAL(2, world.run({"run", "list", "--stats", "failed"}));
  CHECK(has(world.console.errText, "did you mean --status?"));
}

TEST(CommandLine, errorsAreOneEnvelopeWhereJsonIsAsked) {
  LONGS_EQUAL(2, world.run({"run", "lst", "--json"}));
  CHECK(world.console.errText.empty());
  const auto envelope = belay::json::parse(world.console.outText);
  CHECK(envelope.ok());
  STRCMP_EQUAL("BLY-USAGE", envelope->at("/error/code")->asString().c_str());
}

TEST(CommandLine, countsItsArguments) {
  LONGS_EQUAL(2, world.run({"run", "show"}));
  LONGS_EQUAL(2, world.run({"run", "show", "a", "b"}));
  LONGS_EQUAL(2, world.run({"run", "list", "--limit"}));
  CHECK(has(world.console.errText, "needs a value: N"));
  LONGS_EQUAL(2, world.run({"run", "list", "--limit", "1", "--limit", "2"}));
  LONGS_EQUAL(2, world.run({"run", "list", "--json=yes"}));
}

TEST(CommandLine, aDoubleDashEndsTheFlags) {
  world.daemon.data("POST /v1/kv/default", R"({"value":"-x"})");
  LONGS_EQUAL(0, world.run({"kv", "set", "--", "key", "-x"}));
  CHECK(has(world.daemon.asked.front().body, R"("value":"-x")"));
}

TEST(CommandLine, aThumbprintIsNoFlagWhateverItBeginsWith) {
  for (const char* const first : {"-", "--", "a"}) {
    const std::string key = first + std::string(43 - std::strlen(first), 'A');
    world.daemon.data("POST /v1/kv/default", R"({"value":"v"})");
    LONGS_EQUAL(0, world.run({"kv", "set", key, "v"}));
  }
  LONGS_EQUAL(2, world.run({"kv", "set", "-" + std::string(41, 'x'), "v"}));
}

TEST(CommandLine, coloursOnlyATerminalThatWantsThem) {
  world.daemon.data(
      "GET /v1/runs?limit=20",
      R"({"runs":[{"id":"r1","flow":"f","status":"failed","created_at":"2027-01-15T07:59:00.000Z","duration_ms":5}]})");
  world.run({"run", "list"});
  CHECK(!has(world.console.outText, "\x1b["));
  world.console.outTerminal = true;
  world.run({"run", "list"});
  CHECK(has(world.console.outText, "\x1b[31m"));
  world.environment.emplace("NO_COLOR", "1");
  world.run({"run", "list"});
  CHECK(!has(world.console.outText, "\x1b["));
  world.run({"run", "list", "--color", "always"});
  CHECK(has(world.console.outText, "\x1b[31m"));
  LONGS_EQUAL(2, world.run({"run", "list", "--color", "sometimes"}));
}

TEST(CommandLine, exitCodesAreThoseOfTheTable) {
  world.daemon.error("GET /v1/runs/rx", "BLY-RUN-NOT-FOUND", "there is no run rx");
  LONGS_EQUAL(8, world.run({"run", "show", "rx"}));
  world.daemon.error("POST /v1/waits/w/reject", "BLY-PERMISSION", "no");
  world.daemon.data("GET /v1/waits/w", R"({"wait":{"id":"w","request_digest":""}})");
  LONGS_EQUAL(7, world.run({"reject", "w"}));
  world.daemon.reachable = false;
  LONGS_EQUAL(9, world.run({"run", "list"}));
}

TEST(CommandLine, completionKnowsEveryCommandAndFlag) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    LONGS_EQUAL(0, world.run({"completion", shell}));
    for (const Command* command : allCommands()) {
      const std::string first(command->path.substr(0, command->path.find(' ')));
      CHECK_TEXT(has(world.console.outText, first), shell);
    }
    CHECK(has(world.console.outText, "older-than"));
  }
  LONGS_EQUAL(2, world.run({"completion", "tcsh"}));
}

TEST(CommandLine, explainsCodesInAnyWriting) {
  LONGS_EQUAL(0, world.run({"explain", "bly-run-failed"}));
  CHECK(has(world.console.outText, "# BLY-RUN-FAILED"));
  LONGS_EQUAL(0, world.run({"explain", "disk-full"}));
  LONGS_EQUAL(8, world.run({"explain", "BLY-RUN-FAILD"}));
  CHECK(has(world.console.errText, "did you mean BLY-RUN-FAILED?"));
}

TEST_GROUP(Style) {
  const Style plain{false, 0};
  const Style narrow{false, 40};
};

TEST(Style, columnsLineUpByWhatATerminalShows) {
  Table table({"A", "B"});
  table.row({std::string("ü"), std::string("1")});
  table.row({std::string("漢字"), std::string("2")});
  STRCMP_EQUAL("A     B\nü     1\n漢字  2\n", table.print(plain).c_str());
}

TEST(Style, aTerminalThatIsNarrowShortensTheWidestColumn) {
  Table table({"ID", "TEXT"});
  table.row({"r1", std::string(100, 'x')});
  const std::string text = table.print(narrow);
  CHECK(has(text, "…"));
  const std::string row = text.substr(text.find('\n') + 1);
  LONGS_EQUAL(40, widthOf(row.substr(0, row.size() - 1)));
}

TEST(Style, textsFromOutsideCannotDriveTheTerminal) {
  Table table({"A"});
  table.row({std::string("x\x1b[2J\ny")});
  const std::string text = table.print(plain);
  CHECK(!has(text, "\x1b"));
  LONGS_EQUAL(2, std::count(text.begin(), text.end(), '\n'));
}

TEST(Style, timesReadAsPeopleSayThem) {
  STRCMP_EQUAL("950 ms", lasting(950).c_str());
  STRCMP_EQUAL("12.3 s", lasting(12'345).c_str());
  STRCMP_EQUAL("4 m 10 s", lasting(250'000).c_str());
  STRCMP_EQUAL("2 d 4 h", lasting(188'000'000).c_str());
  STRCMP_EQUAL("5 m ago", relative("2027-01-15T08:00:00.000Z", 1'800'000'300'000).c_str());
  STRCMP_EQUAL("in 5 m", relative("2027-01-15T08:10:00.000Z", 1'800'000'300'000).c_str());
  STRCMP_EQUAL("–", relative("", 0).c_str());
}
