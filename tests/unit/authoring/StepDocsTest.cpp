// The docs of steps are made from the tables, and the examples are flows: both are held against the
// checks that everybody's flows pass.
#include <set>

#include "agent/authoring/StepDocs.h"
#include "agent/authoring/Templates.h"
#include "agent/flow/Validate.h"
#include "agent/script/SyntaxChecker.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using namespace belay;

namespace {

std::string problemsOf(const std::string& name, std::string_view text) {
  script::SyntaxChecker checker;
  std::string out;
  const auto checked =
      flow::checkFlow(text, name, flow::Format::kYaml, belay::test::syntaxOf(checker));
  for (const auto& diagnostic : checked.diagnostics) out += diagnostic.text() + "\n";
  if (!checked.flow && out.empty()) out = name + " was refused without a reason\n";
  return out;
}

const json::Value* keyOf(const json::Value& list, std::string_view name) {
  for (const json::Value& key : list.asArray()) {
    if (key.text("key") == name) return &key;
  }
  return nullptr;
}

}  // namespace

TEST_GROUP(StepDocs){};

TEST(StepDocs, everyFamilyHasAtLeastTwoExamplesAndAllAreValid) {
  std::string problems;
  for (const flow::FamilyRow& row : flow::familyTable()) {
    const auto examples = authoring::examplesOf(row.key.name);
    CHECK_TEXT(examples.size() >= 2, row.key.name.data());
    std::set<std::string_view> titles;
    for (const authoring::Example& example : examples) {
      CHECK_TEXT(titles.insert(example.title).second, row.key.name.data());
      problems += problemsOf(std::string(row.key.name) + ".yaml", example.text);
      const auto flow = flow::checkFlow(example.text, "e", flow::Format::kYaml).flow;
      bool shows = false;
      for (std::size_t i = 0; flow && i < flow->steps.size(); ++i)
        shows = shows || flow->steps[i].family == row.family;
      CHECK_TEXT(shows, (std::string(row.key.name) + ": " + std::string(example.title)).c_str());
    }
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(StepDocs, eachKeyOfAFamilyStandsInItsExamples) {
  std::string missing;
  for (const flow::FamilyRow& row : flow::familyTable()) {
    if (!row.key.object) continue;
    std::string text;
    for (const authoring::Example& example : authoring::examplesOf(row.key.name))
      text += example.text;
    for (const flow::KeyRow& key : row.key.object->keys) {
      if (text.find(std::string(key.name) + ":") == std::string::npos)
        missing += std::string(row.key.name) + "." + std::string(key.name) + " ";
    }
  }
  STRCMP_EQUAL("", missing.c_str());
}

TEST(StepDocs, tellBoundsChoicesAndDefaultsOfTheTables) {
  const json::Value run = authoring::describeFamily(flow::familyRow(flow::Family::kRun));
  STRCMP_EQUAL("once", run.text("effect").c_str());
  STRCMP_EQUAL("1h", run.text("timeout").c_str());
  STRCMP_EQUAL("command", run.find("exactly_one")->asArray()[0].asString().c_str());
  const json::Value* env = keyOf(*run.find("keys"), "env");
  CHECK(env && env->flag("secrets") && env->flag("template"));
  const json::Value* codes = keyOf(*run.find("keys"), "ok_exit_codes");
  LONGS_EQUAL(255, codes->integer("most"));
  const json::Value* retry = keyOf(*run.find("options"), "retry");
  const json::Value* backoff = keyOf(*retry->find("keys"), "backoff");
  STRCMP_EQUAL("1m", keyOf(*backoff->find("keys"), "max")->text("default").c_str());
}

TEST(StepDocs, nameTheOptionsOfTheFamilyOnly) {
  const json::Value set = authoring::describeFamily(flow::familyRow(flow::Family::kSet));
  CHECK(keyOf(*set.find("options"), "when") != nullptr);
  CHECK(keyOf(*set.find("options"), "timeout") == nullptr);
  const json::Value choice = authoring::describeFamily(flow::familyRow(flow::Family::kSwitch));
  CHECK(keyOf(*choice.find("options"), "next") == nullptr);
  CHECK(keyOf(*choice.find("keys"), "next") != nullptr);
}

TEST_GROUP(Templates){};

TEST(Templates, allAreThereAndStayValidUnderAnotherSlug) {
  std::string problems;
  for (const char* name :
       {"review-and-apply", "nightly-job", "poll-until", "fan-out-and-join", "hello"}) {
    CHECK_TEXT(authoring::findTemplate(name).has_value(), name);
  }
  for (const authoring::Template& one : authoring::allTemplates()) {
    CHECK_TEXT(!one.summary.empty() && one.summary.ends_with('.'), one.name.data());
    const std::string text = authoring::withSlug(one, "mine");
    const flow::Format format = flow::formatOf(one.ending);
    if (format == flow::Format::kYaml) problems += problemsOf(std::string(one.name), text);
    const auto flow = flow::checkFlow(text, "t", format).flow;
    CHECK_TEXT(flow && flow->slug.str() == "mine", one.name.data());
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Templates, keepEverythingButTheSlug) {
  const auto one = *authoring::findTemplate("hello");
  const std::string text = authoring::withSlug(one, "hello");
  STRCMP_EQUAL(std::string(one.text).c_str(), text.c_str());
  CHECK(!authoring::findTemplate("steps/run").has_value());
}
