// Files of Dagu in tests/data/dagu, each with the flow and the notes that come of it: golden files,
// which BELAY_UPDATE_GOLDEN=1 writes anew. Every flow must be valid, and every key of a file must
// stand in the flow or in the notes.
#include <cstdlib>

#include "agent/authoring/Dagu.h"
#include "agent/authoring/SeriesParallel.h"
#include "agent/authoring/YamlText.h"
#include "agent/flow/Validate.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Files.h"
#include "common/json/Json.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using authoring::ImportNote;
using authoring::Part;

namespace {

std::vector<std::string> daguFiles() {
  std::vector<std::string> out;
  const auto names = base::listFolder("tests/data/dagu");
  CHECK(names.ok());
  for (const std::string& name : *names) {
    if (name.ends_with(".yaml") && !name.ends_with(".flow.yaml")) out.push_back(name);
  }
  return out;
}

std::string contentOf(const std::string& name) {
  return *base::readFile("tests/data/dagu/" + name, 1u << 18);
}

void compare(const std::string& file, const std::string& actual) {
  const std::string path = "tests/data/dagu/" + file;
  if (std::getenv("BELAY_UPDATE_GOLDEN") != nullptr)
    CHECK(base::writeFileDurably(path, actual, 0644).ok());
  const auto expected = base::readFile(path, 1u << 20);
  CHECK_TEXT(expected.ok(), ("no golden file " + path).c_str());
  STRCMP_EQUAL_TEXT(expected->c_str(), actual.c_str(), path.c_str());
}

std::string notesText(const std::vector<ImportNote>& notes) {
  std::string out;
  for (const ImportNote& note : notes) {
    out += std::to_string(note.place.line) + ":" + std::to_string(note.place.column) + " " +
           (note.kind == ImportNote::Kind::kDropped ? "dropped" : "changed") + " " + note.pointer +
           " " + note.message + "\n";
  }
  return out;
}

/// "(a|b)c" for a plan: series stand behind each other.
std::string shapeOf(const Part& part, bool inner = false) {
  if (part.kind == Part::Kind::kStep) return std::string(1, static_cast<char>('a' + part.step));
  std::string out;
  for (const Part& one : part.parts) {
    if (!out.empty() && part.kind == Part::Kind::kParallel) out += "|";
    out += shapeOf(one, true);
  }
  return part.kind == Part::Kind::kParallel && inner ? "(" + out + ")" : out;
}

std::string planText(const std::vector<std::vector<std::size_t>>& before) {
  const authoring::Plan plan = authoring::planOf(before);
  if (plan.cyclic) return "cyclic";
  return shapeOf(plan.whole) + (plan.exact ? "" : " inexact");
}

}  // namespace

TEST_GROUP(Dagu){};

TEST(Dagu, eachFileGivesItsFlowAndItsNotes) {
  CHECK(daguFiles().size() >= 12);
  for (const std::string& name : daguFiles()) {
    const auto imported = authoring::importDagu(contentOf(name), name);
    const std::string stem = name.substr(0, name.size() - 5);
    if (!imported) {
      compare(stem + ".notes", "refused: " + imported.error().message + "\n");
      continue;
    }
    compare(stem + ".flow.yaml", imported->flow);
    compare(stem + ".notes", notesText(imported->notes));
  }
}

TEST(Dagu, eachFlowIsValid) {
  script::SyntaxChecker checker;
  std::string problems;
  for (const std::string& name : daguFiles()) {
    const auto imported = authoring::importDagu(contentOf(name), name);
    if (!imported) continue;
    const auto checked =
        flow::checkFlow(imported->flow, name, flow::Format::kYaml, belay::test::syntaxOf(checker));
    if (checked.flow) continue;
    for (const auto& diagnostic : checked.diagnostics) problems += diagnostic.text() + "\n";
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Dagu, whatIsNoDagIsRefused) {
  CHECK(authoring::importDagu("- a\n", "x.yaml").error().code == base::ErrorCode::kInvalidArgument);
  CHECK(authoring::importDagu("name: x\n", "x.yaml").error().code ==
        base::ErrorCode::kInvalidArgument);
  CHECK(authoring::importDagu("a: [", "x.yaml").error().code == base::ErrorCode::kYamlSyntax);
  std::string many = "steps:\n";
  for (int i = 0; i < 501; ++i) many += "  - echo " + std::to_string(i) + "\n";
  CHECK(authoring::importDagu(many, "x.yaml").error().code == base::ErrorCode::kLimit);
}

TEST(Dagu, anUnknownKeyIsNeverLost) {
  const auto imported = authoring::importDagu(
      "frobnicate: 1\nsteps:\n  - name: a\n    command: ./a\n    glow: 2\n    retryPolicy: {limit: "
      "1, wobble: 3}\nhandlerOn:\n  sleep: {command: ./b}\n",
      "x.yaml");
  const std::string notes = notesText(imported->notes);
  for (const char* part :
       {"1:1 dropped /frobnicate", "5:5 dropped /steps/0/glow", "wobble", "/handlerOn/sleep"}) {
    CHECK_TEXT(notes.find(part) != std::string::npos, (std::string(part) + "\n" + notes).c_str());
  }
}

TEST_GROUP(SeriesParallel){};

TEST(SeriesParallel, findsSeriesAndParallelParts) {
  STRCMP_EQUAL("a", planText({{}}).c_str());
  STRCMP_EQUAL("abc", planText({{}, {0}, {1}}).c_str());
  STRCMP_EQUAL("a|b|c", planText({{}, {}, {}}).c_str());
  STRCMP_EQUAL("a(b|c)d", planText({{}, {0}, {0}, {1, 2}}).c_str());
  STRCMP_EQUAL("ac|bd", planText({{}, {}, {0}, {1}}).c_str());
  STRCMP_EQUAL("(a|b)c", planText({{}, {}, {0, 1}}).c_str());
  STRCMP_EQUAL("a(bd|c)e", planText({{}, {0}, {0}, {1}, {2, 3}}).c_str());
}

TEST(SeriesParallel, aLongerWayBesideAShortOneChangesNothing) {
  STRCMP_EQUAL("abc", planText({{}, {0}, {0, 1}}).c_str());
}

TEST(SeriesParallel, keepsEveryOrderWhereThereIsNoExactPlan) {
  STRCMP_EQUAL("(a|b)(c|d) inexact", planText({{}, {}, {0}, {0, 1}}).c_str());
}

TEST(SeriesParallel, seesCircles) {
  STRCMP_EQUAL("cyclic", planText({{1}, {0}}).c_str());
  STRCMP_EQUAL("cyclic", planText({{}, {0, 2}, {1}}).c_str());
}

TEST_GROUP(YamlText){};

TEST(YamlText, readsBackAsWhatWasWritten) {
  const char* const texts[] = {
      R"J({"a":"plain words","b":"12","c":"true","d":"","e":"- x","f":"a: b","g":"x # y"})J",
      R"J({"a":"line\nnext\n","b":"no end\nhere","c":"  indented\nx","d":"tab\there\nx","e":"x \ny"})J",
      R"J({"a":[1,-2.5,true,null,[],{}],"b":{"c":{"d":["x","y"]}},"On":"yes","n":"null"})J",
      R"J({"steps":[{"id":"a","run":{"script":"x\ny\n"}},{"id":"b","for_each":{"steps":[{"id":"c"}]}}]})J",
      R"J({"quote":"say \"it\" \\ ${{ x }} ü 日","k e y":"v","s":"\u202e\nx","w":"a\n\nb","z":"\nx"})J",
  };
  for (const char* text : texts) {
    const json::Value value = *json::parse(text);
    const std::string yaml = authoring::yamlText(value);
    const auto read = belay::yaml::parse(yaml);
    CHECK_TEXT(read.ok(), (yaml + (read.ok() ? "" : read.error().message)).c_str());
    STRCMP_EQUAL(json::print(value).c_str(), json::print(read->root).c_str());
  }
}
