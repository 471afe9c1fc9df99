// What is said about a file: in which order, how much of it, and in which words.
#include <string>

#include "agent/flow/Validate.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::flow::Checked;
using belay::flow::Diagnostic;
using belay::flow::Format;
using belay::test::check;
using belay::test::placeOf;

TEST_GROUP(Diagnostics){};

TEST(Diagnostics, aStepNameWithADashIsExplained) {
  const Checked checked =
      check("slug: x\nsteps:\n  - id: my-step\n    set: {a: \"${{ steps.my-step.output }}\"}\n");
  LONGS_EQUAL(1, checked.diagnostics.size());
  STRCMP_EQUAL("write steps[\"my-step\"]", checked.diagnostics[0].hint.c_str());
}

TEST(Diagnostics, allProblemsAreListedInTheOrderOfTheFile) {
  const Checked checked = check(
      "slug: X\nsteps:\n  - id: a\n    sleep: {for: 5}\n  - id: a\n    kv: {get: k, ttl: x}\n    "
      "nxt: b\nnmae: y\n");
  std::string places;
  for (const Diagnostic& diagnostic : checked.diagnostics) places += placeOf(diagnostic) + "\n";
  STRCMP_EQUAL(
      "FLOW-BAD-SLUG 1:7 /slug\n"
      "FLOW-WRONG-TYPE 4:18 /steps/0/sleep/for\n"
      "FLOW-DUPLICATE-STEP 5:9 /steps/1/id\n"
      "FLOW-BAD-VALUE 6:18 /steps/1/kv/ttl\n"
      "FLOW-BAD-VALUE 6:23 /steps/1/kv/ttl\n"
      "FLOW-UNKNOWN-KEY 7:5 /steps/1/nxt\n"
      "FLOW-UNKNOWN-KEY 8:1 /nmae\n",
      places.c_str());
}

TEST(Diagnostics, theListOfProblemsIsBounded) {
  std::string text = "slug: x\nsteps: [{id: a, set: {b: 1}}]\n";
  for (int i = 0; i < 500; ++i) text += "key" + std::to_string(i) + ": 1\n";
  const Checked checked = check(text);
  CHECK(!checked.flow.has_value());
  LONGS_EQUAL(belay::flow::kDiagnosticsMax,
              checked.diagnostics.size() - (checked.diagnostics.back().code == ErrorCode::kLimit));
}

TEST(Diagnostics, textSaysItAllInOneLine) {
  const Checked checked = check("slug: x\nnmae: y\nsteps: [{id: a, set: {b: 1}}]\n");
  LONGS_EQUAL(1, checked.diagnostics.size());
  STRCMP_EQUAL(
      "f.yaml:2:1: error: unknown key \"nmae\" in a flow; did you mean \"name\"? "
      "[BLY-FLOW-UNKNOWN-KEY]",
      checked.diagnostics[0].text().c_str());
}

TEST(Diagnostics, jsonFilesHavePlacesToo) {
  const Checked checked =
      check("{\n  \"slug\": \"x\",\n  \"steps\": [{\"id\": \"a\", \"sleep\": {\"for\": 5}}]\n}\n",
            Format::kJson);
  LONGS_EQUAL(1, checked.diagnostics.size());
  STRCMP_EQUAL("FLOW-WRONG-TYPE 3:42 /steps/0/sleep/for", placeOf(checked.diagnostics[0]).c_str());
  const Checked syntax = check("{\n  \"slug\": x\n}", Format::kJson);
  LONGS_EQUAL(1, syntax.diagnostics.size());
  CHECK(syntax.diagnostics[0].code == ErrorCode::kJsonSyntax);
  LONGS_EQUAL(2, syntax.diagnostics[0].place.line);
}

TEST(Diagnostics, jsonFilesLoseNoDigitsAndMayHaveAByteOrderMark) {
  const std::string start =
      "\xEF\xBB\xBF{\"slug\": \"x\",\n\"steps\": [{\"id\": \"a\", \"set\": {\"n\": ";
  CHECK(check(start + "9007199254740992}}]}", Format::kJson).flow.has_value());
  const Checked refused = check(start + "9007199254740993}}]}", Format::kJson);
  LONGS_EQUAL(1, refused.diagnostics.size());
  STRCMP_EQUAL("JSON-SYNTAX 2:36 /steps/0/set/n", placeOf(refused.diagnostics[0]).c_str());
}

TEST(Diagnostics, formatsGoByTheName) {
  CHECK(belay::flow::formatOf("a.flow.json") == Format::kJson);
  CHECK(belay::flow::formatOf("a.flow.yaml") == Format::kYaml);
  CHECK(belay::flow::formatOf("json") == Format::kYaml);
}

TEST(Diagnostics, parseFlowGivesTheFirstErrorWithItsHint) {
  const auto flow = belay::flow::parseFlow("slug: x\nnmae: y\nsteps: [{id: a, set: {b: 1}}]\n",
                                           "f.yaml", Format::kYaml);
  CHECK(!flow.ok());
  CHECK(flow.error().code == ErrorCode::kFlowUnknownKey);
  LONGS_EQUAL(2, flow.error().place.line);
  STRCMP_EQUAL("f.yaml", flow.error().place.file.c_str());
  STRCMP_EQUAL("did you mean \"name\"?", flow.error().actions.front().c_str());
}

TEST(Diagnostics, withoutACheckerSyntaxIsNotLookedAt) {
  CHECK(belay::flow::parseFlow("slug: x\nsteps:\n  - id: a\n    set: {b: \"${{ a b }}\"}\n",
                               "f.yaml", Format::kYaml)
            .ok());
}
