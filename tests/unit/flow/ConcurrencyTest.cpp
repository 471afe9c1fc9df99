// The keys concurrency and on_new_release: files with one thing wrong each, with the place and the
// words of what is said; right ones, which the schema for editors takes too; and what is kept.
#include <string>
#include <vector>

#include "agent/flow/Validate.h"
#include "common/json/Json.h"
#include "common/json/Schema.h"
#include "common/yaml/Yaml.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using belay::flow::Checked;
using belay::flow::Diagnostic;
using belay::flow::Flow;
using belay::flow::OnConflict;
using belay::flow::OnNewRelease;
using belay::test::check;
using belay::test::placeOf;

namespace {

std::string with(const std::string& lines) {
  return "slug: x\n" + lines + "\nsteps: [{id: a, set: {b: 1}}]\n";
}

struct Bad {
  bool schemaToo;
  const char* lines;
  const char* place;  ///< "CODE LINE:COLUMN POINTER" of the first diagnostic.
  const char* message;
  const char* hint;
};

std::vector<Bad> badLines() {
  return {
      {true, "concurrency: 1", "FLOW-WRONG-TYPE 2:14 /concurrency", "concurrency must be", ""},
      {true, "concurrency: {limits: 1}", "FLOW-UNKNOWN-KEY 2:15 /concurrency/limits",
       "unknown key \"limits\" in concurrency", "did you mean \"limit\"?"},
      {true, "concurrency: {limit: 0}", "FLOW-BAD-VALUE 2:22 /concurrency/limit",
       "limit must be from 1 to 10000", ""},
      {true, "concurrency: {limit: two}", "FLOW-WRONG-TYPE 2:22 /concurrency/limit",
       "limit must be a", ""},
      {true, "concurrency: {key: ''}", "FLOW-BAD-VALUE 2:20 /concurrency/key",
       "key must have at least 1", ""},
      {true, "concurrency: {on_conflict: wait}", "FLOW-BAD-VALUE 2:28 /concurrency/on_conflict",
       "must be queue, skip, reject or supersede", ""},
      {true, "concurrency: {max_queued: 0}", "FLOW-BAD-VALUE 2:27 /concurrency/max_queued",
       "max_queued must be from 1 to 100000", ""},
      {false, "concurrency: {on_conflict: skip, max_queued: 5}",
       "FLOW-BAD-VALUE 2:34 /concurrency/max_queued", "max_queued goes with on_conflict: queue",
       ""},
      {false, "concurrency: {key: \"${{ steps.a.output }}\"}",
       "FLOW-UNKNOWN-NAME 2:20 /concurrency/key", "there is no \"steps\" before the run exists",
       "use input or trigger"},
      {false, "concurrency: {key: \"x-${{ run.id }}\"}", "FLOW-UNKNOWN-NAME 2:20 /concurrency/key",
       "there is no \"run\" before", ""},
      {false, "concurrency: {key: \"${{ input. }}\"}",
       "FLOW-EXPRESSION-SYNTAX 2:20 /concurrency/key", "", ""},
      {true, "on_new_release: stop", "FLOW-BAD-VALUE 2:17 /on_new_release",
       "must be coexist, drain or supersede", ""},
  };
}

belay::json::Schema editorSchema() {
  return *belay::json::Schema::compile(*belay::json::parse(belay::flow::flowSchemaJson()));
}

Flow parsed(const std::string& lines) {
  Checked checked = check(with(lines));
  for (const Diagnostic& diagnostic : checked.diagnostics) FAIL(diagnostic.text().c_str());
  return std::move(*checked.flow);
}

}  // namespace

TEST_GROUP(Concurrency){};

TEST(Concurrency, everyMistakeIsNamedAtItsPlace) {
  std::string problems;
  for (const Bad& row : badLines()) {
    const Checked checked = check(with(row.lines));
    const auto& said = checked.diagnostics;
    const bool fits = said.size() == 1 && !checked.flow && placeOf(said[0]) == row.place &&
                      said[0].message.find(row.message) != std::string::npos &&
                      said[0].hint.find(row.hint) != std::string::npos;
    if (fits) continue;
    problems += std::string(row.lines) + "\n  expected " + row.place + " " + row.message + "\n";
    for (const Diagnostic& d : said) problems += "  was " + placeOf(d) + " " + d.text() + "\n";
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Concurrency, theSchemaForEditorsRefusesWhatTheTablesRefuse) {
  const belay::json::Schema schema = editorSchema();
  std::string problems;
  for (const Bad& row : badLines()) {
    if (!row.schemaToo) continue;
    const auto document = belay::yaml::parse(with(row.lines));
    if (schema.validate(document->root).empty()) problems += std::string(row.lines) + "\n";
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Concurrency, whatIsRightIsTakenByTheSchemaToo) {
  const belay::json::Schema schema = editorSchema();
  for (const char* lines :
       {"concurrency: {}", "concurrency: {key: \"${{ input.repo }}\", limit: 2}",
        "concurrency: {on_conflict: queue, max_queued: 100000}", "on_new_release: drain",
        "concurrency: {key: \"a-${{ trigger.type }}\", on_conflict: supersede}"}) {
    STRCMP_EQUAL("x", parsed(lines).slug.str().c_str());
    CHECK(schema.validate(belay::yaml::parse(with(lines))->root).empty());
  }
}

TEST(Concurrency, isKeptWithItsDefaults) {
  const Flow plain = parsed("name: y");
  CHECK(!plain.concurrency.has_value());
  CHECK(plain.onNewRelease == OnNewRelease::kCoexist);
  const Flow least = parsed("concurrency: {}\non_new_release: supersede");
  STRCMP_EQUAL("", least.concurrency->key.c_str());
  LONGS_EQUAL(1, least.concurrency->limit);
  CHECK(least.concurrency->onConflict == OnConflict::kQueue);
  LONGS_EQUAL(100, least.concurrency->maxQueued);
  CHECK(least.onNewRelease == OnNewRelease::kSupersede);
  const Flow all = parsed(
      "concurrency: {key: \"${{ input.repo }}\", limit: 3, on_conflict: queue, max_queued: 7}");
  STRCMP_EQUAL("${{ input.repo }}", all.concurrency->key.c_str());
  LONGS_EQUAL(3, all.concurrency->limit);
  LONGS_EQUAL(7, all.concurrency->maxQueued);
  CHECK(parsed("concurrency: {on_conflict: reject}").concurrency->onConflict ==
        OnConflict::kReject);
  CHECK(parsed("concurrency: {on_conflict: skip}").concurrency->onConflict == OnConflict::kSkip);
}
