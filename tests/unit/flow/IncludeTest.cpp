// Flows that are made of several files. Each test gives the files as a bundle, as the journal has
// them, and looks at the flow that comes of it, or at what is said and where.
#include <map>
#include <string>

#include "agent/flow/Bundle.h"
#include "agent/flow/Validate.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::flow::Bundle;
using belay::flow::Checked;
using belay::flow::Format;
using belay::test::placeOf;

namespace {

using Files = std::map<std::string, std::string>;

Checked checked(const std::string& content, const Files& files) {
  return belay::test::check(belay::flow::printBundle({Format::kYaml, content, files}),
                            Format::kBundle);
}

/// "FILE CODE LINE:COLUMN POINTER: MESSAGE" of each problem.
std::string problems(const Checked& checked) {
  std::string out;
  for (const auto& problem : checked.diagnostics)
    out += problem.place.file + " " + placeOf(problem) + ": " + problem.message + "\n";
  return out;
}

std::string stepsOf(const Checked& checked) {
  std::string out;
  if (!checked.flow) return problems(checked);
  for (const auto& step : checked.flow->steps) out += (out.empty() ? "" : " ") + step.id.str();
  return out;
}

const std::string kHead = "slug: x\nsteps:\n";

}  // namespace

TEST_GROUP(Include){};

TEST(Include, textsComeFromFilesVerbatim) {
  const Checked got = checked(
      "slug: x\ntemplates: {task: {file: prompts/task.md}}\n"
      "functions: {up: {file: lib/up.js}}\nsteps: [{id: a, function: {name: up}}]\n",
      {{"prompts/task.md", "# Task\n${{ input.what }}\n"}, {"lib/up.js", "s => s + 1\n"}});
  STRCMP_EQUAL("", problems(got).c_str());
  STRCMP_EQUAL("# Task\n${{ input.what }}\n", got.flow->templates.at("task").c_str());
  STRCMP_EQUAL("s => s + 1\n", got.flow->functions.at("up").c_str());
}

TEST(Include, stepsOfAFileStandWhereItIsNamed) {
  const Checked got =
      checked(kHead +
                  "  - {id: a, set: {x: 1}}\n  - include: two.yaml\n"
                  "  - {id: e, for_each: {items: [1], steps: [{include: in.yaml}]}}\n"
                  "  - {id: p, parallel: {branches: {l: [{include: l.yaml}]}, finalize: [{include: "
                  "f.yaml}]}}\n"
                  "on_failure: [{include: z.yaml}]\n",
              {{"two.yaml", "- {id: b, set: {x: 2}}\n- include: three.json\n"},
               {"three.json", R"([{"id": "c", "set": {"x": 3}}])"},
               {"in.yaml", "[{id: i, set: {x: 1}}]"},
               {"l.yaml", "[{id: l, set: {x: 1}}]"},
               {"f.yaml", "[{id: f, set: {x: 1}}]"},
               {"z.yaml", "[{id: z, set: {x: 1}}]"}});
  STRCMP_EQUAL("a b c e i p l f z", stepsOf(got).c_str());
}

TEST(Include, templatesAndFunctionsOfFilesAreAdded) {
  const Checked got = checked(
      "slug: x\ninclude: [shared/all.yaml]\ntemplates: {own: o}\n"
      "steps: [{id: a, function: {name: up, input: \"${{ functions.down(1) }}\"}}]\n",
      {{"shared/all.yaml",
        "templates: {theirs: {file: t.txt}}\nfunctions: {up: s => s, down: n => n - 1}\n"},
       {"t.txt", "T"}});
  STRCMP_EQUAL("", problems(got).c_str());
  STRCMP_EQUAL("o", got.flow->templates.at("own").c_str());
  STRCMP_EQUAL("T", got.flow->templates.at("theirs").c_str());
  LONGS_EQUAL(2, got.flow->functions.size());
}

TEST(Include, whatIsWrongInAFileIsSaidOfThatFile) {
  const Checked got =
      checked(kHead + "  - {id: a, set: {x: 1}, nxt: b}\n  - include: bad.yaml\n",
              {{"bad.yaml", "- id: b\n  set: {x: \"${{ a b }}\"}\n- id: c\n  kv: {gte: k}\n"}});
  STRCMP_EQUAL(
      "f.yaml FLOW-UNKNOWN-KEY 3:26 /steps/0/nxt: unknown key \"nxt\" in a step\n"
      "bad.yaml FLOW-EXPRESSION-SYNTAX 2:12 /steps/1/set/x: ${{ a b }} at column 3: `a b` is not "
      "valid JavaScript: something stands here that does not belong here\n"
      "bad.yaml FLOW-UNKNOWN-KEY 4:8 /steps/2/kv/gte: unknown key \"gte\" in a kv step\n",
      problems(got).c_str());
}

TEST(Include, everyMistakeOfIncludingIsNamed) {
  const struct {
    std::string content;
    Files files;
    const char* said;
  } rows[] = {
      {kHead + "  - include: gone.yaml\n",
       {},
       "f.yaml FLOW-UNKNOWN-NAME 3:14 /steps/0/include: the file \"gone.yaml\" is not there"},
      {kHead + "  - {include: a.yaml, id: b}\n", {{"a.yaml", "[]"}}, "include stands alone"},
      {kHead + "  - include: ../a.yaml\n", {}, "include must be the name of a file in or below"},
      {kHead + "  - include: 3\n", {}, "include must be the name of a file"},
      {kHead + "  - include: a.yaml\n",
       {{"a.yaml", "id: b\n"}},
       "a.yaml FLOW-WRONG-TYPE 1:1 : the file must be a list of steps, is an object"},
      {kHead + "  - include: a.yaml\n", {{"a.yaml", "- [\n"}}, "a.yaml YAML-SYNTAX"},
      {kHead + "  - include: a.yaml\n",
       {{"a.yaml", "- include: b.yaml\n"}, {"b.yaml", "- include: a.yaml\n"}},
       "b.yaml FLOW-BAD-VALUE 1:12 /0/include: the file \"a.yaml\" includes itself"},
      {"slug: x\ninclude: [a.yaml]\nsteps: [{id: a, set: {x: 1}}]\n",
       {{"a.yaml", "- {}\n"}},
       "must be an object with templates or functions, is a list"},
      {"slug: x\ninclude: [a.yaml]\nsteps: [{id: a, set: {x: 1}}]\n",
       {{"a.yaml", "steps: []\n"}},
       "unknown key \"steps\" in a file under include"},
      {"slug: x\ninclude: [a.yaml]\nsteps: [{id: a, set: {x: 1}}]\n",
       {{"a.yaml", "templates: 3\n"}},
       "a.yaml FLOW-WRONG-TYPE 1:12 /templates: templates must be an object"},
      {"slug: x\ninclude: [a.yaml]\ntemplates: {t: x}\nsteps: [{id: a, set: {x: 1}}]\n",
       {{"a.yaml", "templates: {t: y}\n"}},
       "a.yaml FLOW-BAD-VALUE 1:13 /templates/t: templates has the name \"t\" already"},
      {"slug: x\ninclude: a.yaml\nsteps: [{id: a, set: {x: 1}}]\n", {}, "include must be a list"},
      {"slug: x\ntemplates: {t: {file: a.md}}\nsteps: [{id: a, set: {x: 1}}]\n",
       {},
       "f.yaml FLOW-UNKNOWN-NAME 2:23 /templates/t/file: the file \"a.md\" is not there"},
      {kHead + "  - {id: a, set: {x: 1}}\n",
       {{"more.md", "x"}},
       "the file \"more.md\" came along, and the flow does not include it"},
  };
  for (const auto& row : rows) {
    const Checked got = checked(row.content, row.files);
    const std::string said = problems(got);
    CHECK_TEXT(!got.flow && said.find(row.said) != std::string::npos,
               (std::string(row.said) + "\nwas: " + said).c_str());
  }
}

TEST(Include, filesThatIncludeEachOtherManyTimesAreBounded) {
  Files files;
  for (int i = 0; i < 7; ++i) {
    std::string text;
    for (int n = 0; n < 50; ++n) text += "- include: f" + std::to_string(i + 1) + ".yaml\n";
    files["f" + std::to_string(i) + ".yaml"] = text;
  }
  files["f7.yaml"] = "[{id: a, set: {x: 1}}]";
  const Checked got = checked(kHead + "  - include: f0.yaml\n", files);
  CHECK(!got.flow);
  CHECK(problems(got).find("100000 values") != std::string::npos);
}

TEST(Include, aBundleIsReadBackAndDigestedAsAWhole) {
  const Bundle bundle{
      Format::kYaml, kHead + "  - include: a.yaml\n", {{"a.yaml", "[{id: a, set: {x: 1}}]"}}};
  const std::string text = belay::flow::printBundle(bundle);
  const auto back = belay::flow::parseBundle(text);
  CHECK(back.ok());
  STRCMP_EQUAL(bundle.content.c_str(), back->content.c_str());
  CHECK(back->files == bundle.files);
  const auto one = belay::test::check(text, Format::kBundle);
  const auto other = checked(bundle.content, {{"a.yaml", "[{id: a, set: {x: 2}}]"}});
  CHECK(one.flow && other.flow && one.flow->digest != other.flow->digest);
  for (const char* bad :
       {"[]", "{}", R"({"belay_bundle":2,"format":"yaml","content":"","files":{}})",
        R"({"belay_bundle":1,"format":"bundle","content":"","files":{}})",
        R"({"belay_bundle":1,"format":"yaml","content":"","files":[]})",
        R"({"belay_bundle":1,"format":"yaml","content":"","files":{"../x":""}})",
        R"({"belay_bundle":1,"format":"yaml","content":"","files":{"x":1}})",
        R"({"belay_bundle":1,"format":"yaml","content":"","files":{},"more":1})"}) {
    CHECK_TEXT(!belay::flow::parseBundle(bad).ok(), bad);
  }
  const std::string large(belay::flow::kFlowBytesMax, 'x');
  const auto refused =
      belay::flow::parseBundle(belay::flow::printBundle({Format::kYaml, large, {{"a", "b"}}}));
  CHECK(!refused.ok() && refused.error().code == ErrorCode::kFlowTooLarge);
}

TEST(Include, namesAreFoundWithoutCheckingTheFlow) {
  const auto names = belay::flow::includedNames(
      "include: [a.yaml, ../no]\ntemplates: {t: {file: t.md}, u: {file: t.md}}\n"
      "steps:\n  - include: s.yaml\n  - {loop: {steps: [{include: l.yaml}]}}\nnonsense: 3\n",
      Format::kYaml);
  std::string all;
  for (const std::string& name : names) all += name + " ";
  STRCMP_EQUAL("a.yaml t.md s.yaml l.yaml ", all.c_str());
  CHECK(belay::flow::includedNames("{", Format::kYaml).empty());
}

TEST(Include, peopleReadTheFilesOneAfterAnother) {
  const Bundle bundle{Format::kYaml, "slug: x", {{"a.md", "A\n"}, {"b.md", "B"}}};
  STRCMP_EQUAL(
      "slug: x\n# included: a.md\nA\n# included: b.md\nB",
      belay::flow::readableText(belay::flow::printBundle(bundle), Format::kBundle).c_str());
  STRCMP_EQUAL("slug: x", belay::flow::readableText("slug: x", Format::kYaml).c_str());
}
