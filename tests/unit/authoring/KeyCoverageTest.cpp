// Every key of the tables stands in at least one flow that is right: the templates, the examples of
// steps, and tests/data/flows. A key that is added to a table without one is named here.
#include <map>
#include <set>

#include "agent/authoring/StepDocs.h"
#include "agent/authoring/Templates.h"
#include "agent/flow/Validate.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Files.h"
#include "common/yaml/Yaml.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using flow::KeyRow;
using flow::Shape;

namespace {

/// Collects which keys of which objects stand in files.
class Coverage {
 public:
  void file(const std::string& name, std::string_view text) {
    script::SyntaxChecker checker;
    const auto checked =
        flow::checkFlow(text, name, flow::Format::kYaml, belay::test::syntaxOf(checker));
    for (const auto& diagnostic : checked.diagnostics) {
      if (diagnostic.severity == flow::Severity::kError) problems += diagnostic.text() + "\n";
    }
    const auto document = yaml::parse(text);
    if (document.ok()) object(document->root, "flow", flow::flowKeys().keys);
  }

  std::string problems;
  std::set<std::string> seen;

  /// All keys, by the names under which `seen` has them.
  static std::set<std::string> all() {
    std::set<std::string> out;
    addAll("flow", flow::flowKeys().keys, out);
    addAll("step", flow::stepKeys(), out);
    for (const flow::FamilyRow& row : flow::familyTable()) addAll("step", {&row.key, 1}, out);
    return out;
  }

 private:
  static void addAll(const std::string& path, std::span<const KeyRow> keys,
                     std::set<std::string>& out) {
    for (const KeyRow& key : keys) {
      const std::string name = path + "." + std::string(key.name);
      out.insert(name);
      if (key.object) addAll(name, key.object->keys, out);
    }
  }

  void object(const json::Value& value, const std::string& path, std::span<const KeyRow> keys) {
    if (!value.isObject()) return;
    for (const json::Member& member : value.asObject()) {
      for (const KeyRow& key : keys) {
        if (key.name == member.first) this->key(member.second, path, key);
      }
    }
  }

  void key(const json::Value& value, const std::string& path, const KeyRow& row) {
    const std::string name = path + "." + std::string(row.name);
    seen.insert(name);
    if (row.object && row.shape == Shape::kMap && value.isObject()) {
      for (const json::Member& member : value.asObject())
        object(member.second, name, row.object->keys);
    } else if (row.object && value.isArray()) {
      for (const json::Value& item : value.asArray()) object(item, name, row.object->keys);
    } else if (row.object) {
      object(value, name, row.object->keys);
    }
    if (row.shape == Shape::kSteps && value.isArray()) {
      for (const json::Value& item : value.asArray()) step(item);
    }
    if (row.shape != Shape::kBranches || !value.isObject()) return;
    for (const json::Member& branch : value.asObject()) {
      for (const json::Value& item : branch.second.asArray()) step(item);
    }
  }

  void step(const json::Value& value) {
    object(value, "step", flow::stepKeys());
    for (const flow::FamilyRow& row : flow::familyTable()) object(value, "step", {&row.key, 1});
  }
};

}  // namespace

TEST_GROUP(KeyCoverage){};

TEST(KeyCoverage, everyKeyStandsInAFlowThatIsRight) {
  Coverage coverage;
  for (const authoring::Template& one : authoring::allTemplates()) {
    // Code has steps only when it runs.
    if (one.ending == ".flow.yaml") coverage.file(std::string(one.name), one.text);
  }
  for (const flow::FamilyRow& row : flow::familyTable()) {
    for (const authoring::Example& example : authoring::examplesOf(row.key.name))
      coverage.file(std::string(row.key.name), example.text);
  }
  const auto names = base::listFolder("tests/data/flows");
  CHECK(names.ok());
  for (const std::string& name : *names) {
    const std::string path = "tests/data/flows/" + name;
    const auto content = base::readFile(path, 1u << 18);
    if (content.ok()) coverage.file(path, *content);
  }
  STRCMP_EQUAL("", coverage.problems.c_str());
  // Of what undoes a step, the keys of its family are those of the family.
  const auto isOfUndo = [](const std::string& key) {
    for (const flow::FamilyRow& row : flow::familyTable()) {
      if (key.starts_with("step.compensate." + std::string(row.key.name) + ".")) return true;
    }
    return false;
  };
  std::string missing;
  for (const std::string& key : Coverage::all()) {
    // What a flow takes from other files has tests of its own, with those files.
    if (!coverage.seen.contains(key) && key != "flow.include" && !isOfUndo(key)) missing += key + "\n";
  }
  STRCMP_EQUAL("", missing.c_str());
}
