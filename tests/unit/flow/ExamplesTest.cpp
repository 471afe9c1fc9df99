// The flows under config/templates and the shipped JSON Schema are read from the project's folder
// and held against the code: the parser, the generator, and the project's own schema validator.
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/flow/Validate.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/json/Schema.h"
#include "common/yaml/Yaml.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using belay::test::exampleFlows;

namespace {

std::string contentOf(const std::string& path) {
  const auto content = belay::base::readFile(path, 1u << 20);
  CHECK_TEXT(content.ok(), path.c_str());
  return *content;
}

}  // namespace

TEST_GROUP(Examples){};

TEST(Examples, thereAreSome) { CHECK(exampleFlows().size() >= 4); }

TEST(Examples, allAreValidAndHaveNoWarnings) {
  belay::script::SyntaxChecker checker;
  std::string problems;
  for (const std::string& path : exampleFlows()) {
    const auto checked = belay::flow::checkFlow(contentOf(path), path, belay::flow::Format::kYaml,
                                                belay::test::syntaxOf(checker));
    for (const auto& diagnostic : checked.diagnostics) problems += diagnostic.text() + "\n";
    CHECK(checked.flow.has_value() || !problems.empty());
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Examples, allMatchTheShippedSchema) {
  const auto text = belay::json::parse(contentOf("config/flow.schema.json"));
  CHECK(text.ok());
  const auto schema = belay::json::Schema::compile(*text);
  CHECK_TEXT(schema.ok(), schema.ok() ? "" : schema.error().message.c_str());
  std::string problems;
  for (const std::string& path : exampleFlows()) {
    const auto document = belay::yaml::parse(contentOf(path));
    CHECK(document.ok());
    const auto violations = schema->validate(document->root);
    if (!violations.empty()) problems += path + ":\n" + belay::json::describe(violations) + "\n";
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Examples, theShippedSchemaIsTheOneThatTheTablesGive) {
  const std::string path = "config/flow.schema.json";
  const std::string made = belay::flow::flowSchemaJson();
  // After a change of the tables: BELAY_UPDATE_GOLDEN=1 build/tests/unit_flow -g Examples
  if (std::getenv("BELAY_UPDATE_GOLDEN"))
    CHECK(belay::base::writeFileDurably(path, made, 0644).ok());
  const std::string shipped = contentOf(path);
  const auto lines = [](std::string_view text) { return belay::base::split(text, '\n'); };
  const std::vector<std::string_view> expected = lines(made);
  const std::vector<std::string_view> was = lines(shipped);
  LONGS_EQUAL(expected.size(), was.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    STRCMP_EQUAL(std::string(expected[i]).c_str(), std::string(was[i]).c_str());
  }
}
