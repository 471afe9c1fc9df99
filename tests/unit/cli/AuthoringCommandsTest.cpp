// The tools for those who write flows, without a daemon: what they print, what they refuse, and
// what they leave on the disk.
#include "agent/flow/Family.h"
#include "common/base/Files.h"
#include "common/json/Json.h"
#include "tests/unit/cli/FakeWorld.h"

#include <CppUTest/TestHarness.h>

using belay::test::FakeWorld;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_GROUP(AuthoringCommands) {
  FakeWorld world;

  belay::json::Value data(std::vector<std::string> words) {
    words.push_back("--json");
    LONGS_EQUAL(0, world.run(words));
    return *belay::json::parse(world.console.outText)->find("data");
  }
};

TEST(AuthoringCommands, aNewFlowGoesToAFileThatIsNotWrittenOver) {
  const std::string file = world.folder.at("mine.flow.yaml");
  LONGS_EQUAL(0, world.run({"flow", "new", "mine", "--template", "hello", "-o", file}));
  CHECK(has(*belay::base::readFile(file, 1u << 16), "\nslug: mine\n"));
  CHECK(has(world.console.errText, "belay flow validate"));
  LONGS_EQUAL(1, world.run({"flow", "new", "mine", "--template", "poll-until", "-o", file}));
  CHECK(has(world.console.errText, "is there already"));
  CHECK(has(*belay::base::readFile(file, 1u << 16), "name: Say hello"));
  LONGS_EQUAL(0, world.run({"flow", "new", "other", "-t", "hello", "-o", file, "--force"}));
  CHECK(has(*belay::base::readFile(file, 1u << 16), "\nslug: other\n"));
}

TEST(AuthoringCommands, aNewFlowNeedsASlugAndATemplateThatExists) {
  LONGS_EQUAL(2, world.run({"flow", "new"}));
  CHECK(has(world.console.errText, "belay flow new --list"));
  LONGS_EQUAL(8, world.run({"flow", "new", "x", "--template", "poll-untl"}));
  CHECK(has(world.console.errText, "did you mean \"poll-until\"?"));
  CHECK(world.run({"flow", "new", "No Slug", "--template", "hello"}) != 0);
  CHECK(data({"flow", "new", "--list"}).find("templates")->asArray().size() >= 8);
}

TEST(AuthoringCommands, docsOfStepsNameFamiliesKeysAndOptions) {
  LONGS_EQUAL(belay::flow::familyTable().size(),
              data({"flow", "steps", "docs"}).find("families")->asArray().size());
  LONGS_EQUAL(0, world.run({"flow", "steps", "docs", "http"}));
  for (const char* part : {"response_as  choice: auto | json | text | resource, default \"auto\"",
                           "Beside http:", "retry", "1 to 100", "or {secret: NAME}"}) {
    CHECK_TEXT(has(world.console.outText, part), part);
  }
  LONGS_EQUAL(8, world.run({"flow", "steps", "docs", "htp"}));
  CHECK(has(world.console.errText, "did you mean \"http\"?"));
  LONGS_EQUAL(8, world.run({"flow", "steps", "examples", "poem"}));
}

TEST(AuthoringCommands, aSearchNamesTheCommandThatOpensThePage) {
  const auto found = data({"docs", "search", "BLY-FLOW-BAD-SLUG", "--limit", "2"});
  const auto& results = found.find("results")->asArray();
  CHECK(!results.empty() && results.size() <= 2);
  STRCMP_EQUAL("belay explain BLY-FLOW-BAD-SLUG", results[0].text("open").c_str());
  LONGS_EQUAL(0, world.run({"docs", "search", "xylophone"}));
  CHECK(has(world.console.errText, "nothing"));
  LONGS_EQUAL(2, world.run({"docs", "search", "x", "--limit", "51"}));
  LONGS_EQUAL(2, world.run({"docs", "search"}));
}

TEST(AuthoringCommands, aCommandThatBeginsAnotherStaysACommand) {
  LONGS_EQUAL(0, world.run({"docs", "flows"}));
  CHECK(has(world.console.outText, "# Flows"));
  LONGS_EQUAL(0, world.run({"completion", "bash"}));
  CHECK(has(world.console.outText, "'docs') candidates='search --"));
  CHECK(has(world.console.outText, "'flow steps') candidates='docs examples'"));
}

TEST(AuthoringCommands, aGraphIsOfAFileOfAFlowOrOfARun) {
  const char* const content =
      R"J({"flow":"gate","name":"draft","digest":"sha256:01","format":"yaml",)J"
      R"J("content":"slug: gate\nsteps:\n  - id: work\n    set: {a: 1}\n"})J";
  world.daemon.data("GET /v1/flows/gate/content?of=draft", content);
  world.daemon.data("GET /v1/flows/gate/content?of=sha256%3A01", content);
  world.daemon.data(
      "GET /v1/runs/r1",
      R"J({"run":{"id":"r1abc","flow":"gate","digest":"sha256:01","status":"succeeded",)J"
      R"J("duration_ms":1500},"steps":[{"step":"work","visit":1,"status":"succeeded",)J"
      R"J("duration_ms":1200,"next":"end"}]})J");
  LONGS_EQUAL(0, world.run({"flow", "graph", "gate"}));
  CHECK(has(world.console.outText, "flowchart TD\n  s0[\"work<br/>set\"]\n"));
  const std::string file = world.folder.at("g.svg");
  LONGS_EQUAL(0, world.run({"flow", "graph", "--run", "r1", "--format", "svg", "-o", file}));
  const std::string svg = *belay::base::readFile(file, 1u << 20);
  CHECK(has(svg, "gate · run r1abc · succeeded · 1.5 s") && has(svg, "✓ 1.2 s"));
  const auto shown = data({"flow", "graph", "--run", "r1"});
  CHECK(shown.find("graph")->find("ways")->asArray()[0].flag("taken"));
  LONGS_EQUAL(2, world.run({"flow", "graph"}));
  LONGS_EQUAL(2, world.run({"flow", "graph", "gate", "--run", "r1"}));
  LONGS_EQUAL(2, world.run({"flow", "graph", "gate", "--format", "png"}));
}

TEST(AuthoringCommands, aGraphOfABadFileSaysWhatIsWrongWithIt) {
  const std::string file = world.folder.at("bad.flow.yaml");
  CHECK(belay::base::writeFileDurably(file, "slug: x\nsteps:\n  - id: a\n    rum: {}\n").ok());
  CHECK(world.run({"flow", "graph", file}) != 0);
  CHECK(has(world.console.errText, "did you mean \"run\"?"));
}

TEST(AuthoringCommands, whatComesFromDaguIsAFlowAndAListOfNotes) {
  const std::string dagu = world.folder.at("d.yaml");
  const std::string file = world.folder.at("d.flow.yaml");
  const char* const text = "steps:\n  - name: a\n    command: echo hi\n    mailOnError: true\n";
  CHECK(belay::base::writeFileDurably(dagu, text).ok());
  LONGS_EQUAL(0, world.run({"flow", "import", "dagu", dagu}));
  CHECK(has(world.console.outText, "slug: d\nsteps:\n  - id: a\n    run: {script: echo hi}\n"));
  CHECK(
      has(world.console.errText, "d.yaml:4:5: dropped: steps have no counterpart of mailOnError"));
  const auto given = data({"flow", "import", "dagu", dagu, "-o", file});
  CHECK(given.flag("valid"));
  const auto& note = given.find("notes")->asArray().at(0);
  LONGS_EQUAL(4, note.integer("line"));
  STRCMP_EQUAL("dropped", note.text("kind").c_str());
  STRCMP_EQUAL("/steps/0/mailOnError", note.text("pointer").c_str());
  LONGS_EQUAL(1, world.run({"flow", "import", "dagu", dagu, "-o", file}));
  LONGS_EQUAL(0, world.run({"flow", "validate", file}));
  CHECK(world.run({"flow", "import", "dagu", world.folder.at("none")}) != 0);
}
