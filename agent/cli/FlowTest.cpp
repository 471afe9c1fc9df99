#include <algorithm>

#include "agent/cli/Commands.h"
#include "agent/cli/FlowFiles.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/Rehearsals.h"
#include "agent/rehearsal/History.h"
#include "agent/rehearsal/Judge.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/yaml/Yaml.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using rehearsal::Played;
using rehearsal::Scenario;
using rehearsal::Script;

namespace {

constexpr std::size_t kTestBytesMax = 4u << 20;
constexpr std::size_t kTestsMax = 1000;
constexpr std::string_view kTestFile = ".test.yaml";

constexpr Flag kFlags[] = {
    {"from", 0, "RUN", "with the answers that this run got; its path and end are expected", true},
    {"only", 0, "NAME", "only the tests whose name holds this"},
};

/// A file of tests, with the flows that it is about.
struct Suite {
  std::string file;
  std::vector<Script> scripts;
  std::vector<Scenario> scenarios;
  std::vector<Recorded> recorded{};  ///< Of --from: of each scenario, the run that it was.
};

std::string folderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

/// "deploy.flow.yaml" → "deploy.test.yaml".
std::string testFileOf(std::string flowFile) {
  for (const std::string_view end :
       {".flow.yaml", ".flow.yml", ".flow.json", ".flow.js", ".yaml"}) {
    if (flowFile.ends_with(end))
      return flowFile.substr(0, flowFile.size() - end.size()) + std::string(kTestFile);
  }
  return flowFile + std::string(kTestFile);
}

/// The flow that a file of tests is about when it does not say: the one beside it.
std::string flowFileOf(const std::string& testFile) {
  const std::string name = testFile.substr(0, testFile.size() - kTestFile.size());
  for (const char* end : {".flow.yaml", ".flow.yml", ".flow.json", ".flow.js"}) {
    if (base::fileExists(name + end)) return name + end;
  }
  return name + ".flow.yaml";
}

Result<Script> readScript(Invocation& invocation, const std::string& path) {
  BELAY_ASSIGN(const Value body, readFlowFile(invocation, path));
  BELAY_ASSIGN(const api::FlowText content, api::readFlowText(body));
  return scriptOf(content);
}

Status checkSuite(const Value& root, const std::string& file) {
  if (!root.isObject())
    return Error{ErrorCode::kInputInvalid, file + ": a file of tests is an object"};
  for (const json::Member& member : root.asObject()) {
    if (member.first == "flow" || member.first == "flows" || member.first == "tests") continue;
    return Error{ErrorCode::kInputInvalid, file + ": unknown key \"" + shown(member.first) +
                                               "\"; a file of tests has flow, flows and tests"};
  }
  return {};
}

Result<Suite> readSuite(Invocation& invocation, const std::string& file) {
  auto read = base::readFile(file, kTestBytesMax);
  if (!read) {
    Error error = std::move(read).error();
    error.actions = {"tests of NAME.flow.yaml stand in NAME.test.yaml: belay docs testing"};
    return error;
  }
  const std::string text = std::move(*read);
  auto document = yaml::parse(text);
  if (!document) return std::move(document).error().in(file);
  BELAY_TRY(checkSuite(document->root, file));
  Suite out{.file = file, .scripts = {}, .scenarios = {}};
  const std::string folder = folderOf(file);
  const std::string flow = document->root.text("flow");
  BELAY_ASSIGN(Script first,
               readScript(invocation, flow.empty() ? flowFileOf(file) : folder + flow));
  out.scripts.push_back(std::move(first));
  if (const Value* others = document->root.find("flows"); others && others->isArray()) {
    for (const Value& other : others->asArray()) {
      BELAY_ASSIGN(Script script,
                   readScript(invocation, folder + (other.isString() ? other.asString() : "")));
      out.scripts.push_back(std::move(script));
    }
  }
  const Value* tests = document->root.find("tests");
  if (!tests || !tests->isArray() || tests->asArray().empty() ||
      tests->asArray().size() > kTestsMax)
    return Error{ErrorCode::kInputInvalid, file + ": tests must be a list of 1 to 1,000 tests"};
  for (std::size_t i = 0; i < tests->asArray().size(); ++i) {
    auto scenario = rehearsal::readScenario(tests->asArray()[i]);
    const std::string pointer = "/tests/" + std::to_string(i);
    const int line = document->placeOf(pointer).value.line;
    if (!scenario)
      return std::move(scenario).error().in(file + ":" + std::to_string(line) + ": " + pointer);
    out.scenarios.push_back(std::move(*scenario));
  }
  return out;
}

/// A test that a recorded run makes: what it got is given, the way that it took is expected.
Result<Scenario> scenarioOfRun(Invocation& invocation, const Recorded& recorded) {
  BELAY_ASSIGN(const Script pinned, storedScript(invocation, recorded.flow, recorded.digest));
  BELAY_ASSIGN(Scenario out, rehearsal::scenarioOf(recorded.run, recorded.events, pinned.flow,
                                                   loaderOf(invocation)));
  out.expect.set("status", recorded.status);
  return out;
}

Result<std::vector<Suite>> suitesOf(Invocation& invocation) {
  std::vector<Suite> out;
  const std::vector<std::string> runs = invocation.flags("from");
  for (const std::string& path : invocation.arguments().positionals) {
    if (runs.empty()) {
      BELAY_ASSIGN(Suite suite,
                   readSuite(invocation, path.ends_with(kTestFile) ? path : testFileOf(path)));
      out.push_back(std::move(suite));
      continue;
    }
    Suite suite{.file = path, .scripts = {}, .scenarios = {}};
    BELAY_ASSIGN(Script script, readScript(invocation, path));
    suite.scripts.push_back(std::move(script));
    for (const std::string& run : runs) {
      BELAY_ASSIGN(Recorded recorded, recordOf(invocation, run));
      BELAY_ASSIGN(Scenario scenario, scenarioOfRun(invocation, recorded));
      suite.scenarios.push_back(std::move(scenario));
      suite.recorded.push_back(std::move(recorded));
    }
    out.push_back(std::move(suite));
  }
  return out;
}

Result<std::vector<std::string>> problemsOf(const Result<Played>& played,
                                            const Scenario& scenario) {
  if (!played) {
    const std::string expected = scenario.expect.isObject() ? scenario.expect.text("status") : "";
    std::string code(base::errorText(played.error().code));
    // A start that is refused can be what a test is about.
    if (expected == "refused") return std::vector<std::string>{};
    return std::vector<std::string>{"it does not start: " + played.error().message + " [" + code +
                                    "]"};
  }
  if (!played->missing.empty()) {
    return std::vector<std::string>{"step " + played->missing +
                                    " is reached, and the test gives no fitting answer for it"};
  }
  if (!played->stuck.empty()) return std::vector<std::string>{played->stuck};
  BELAY_ASSIGN(std::vector<std::string> problems, rehearsal::judge(*played, scenario.expect));
  for (const std::string& name : played->unused)
    problems.push_back("an answer is given for " + name + ", which was not reached");
  return problems;
}

/// Where it leaves the way of the recorded run; that steps do something else is no failure.
void holdAgainst(const Recorded& recorded, const Played& played,
                 std::vector<std::string>& problems) {
  using Kind = rehearsal::Change::Kind;
  for (const rehearsal::Change& change : rehearsal::compare(recorded.events, played)) {
    if (change.kind == Kind::kPath || (change.kind == Kind::kOutcome && !change.step.empty()))
      problems.push_back(sentenceOf(change));
  }
}

Result<Value> runOne(Invocation& invocation, const Suite& suite, std::size_t index) {
  const Scenario& scenario = suite.scenarios[index];
  const Result<Played> played = rehearsal::play(suite.scripts, scenario, loaderOf(invocation));
  auto problems = problemsOf(played, scenario);
  if (!problems) return std::move(problems).error().in(suite.file + ": " + scenario.name);
  if (played && !suite.recorded.empty()) holdAgainst(suite.recorded[index], *played, *problems);
  Value out;
  out.set("file", suite.file).set("name", scenario.name).set("passed", problems->empty());
  json::Array list;
  for (std::string& problem : *problems) list.emplace_back(std::move(problem));
  out.set("problems", std::move(list));
  if (!played) return out;
  json::Array path;
  for (const std::string& step : rehearsal::pathOf(played->events)) path.emplace_back(step);
  out.set("status", engine::runStatusName(played->state.status())).set("path", std::move(path));
  out.set("simulated_ms", played->tookMs);
  return out;
}

Result<api::Envelope> test(Invocation& invocation) {
  BELAY_ASSIGN(const std::vector<Suite> suites, suitesOf(invocation));
  api::Envelope out;
  json::Array tests;
  std::int64_t failed = 0;
  for (const Suite& suite : suites) {
    for (std::size_t i = 0; i < suite.scenarios.size(); ++i) {
      if (suite.scenarios[i].name.find(invocation.flag("only")) == std::string::npos) continue;
      BELAY_ASSIGN(Value one, runOne(invocation, suite, i));
      failed += one.flag("passed") ? 0 : 1;
      tests.push_back(std::move(one));
    }
  }
  const auto count = static_cast<std::int64_t>(tests.size());
  out.data.set("passed", count - failed).set("failed", failed).set("tests", std::move(tests));
  if (count == 0) out.error = Error{ErrorCode::kTestFailed, "no test has this in its name"};
  if (failed > 0) {
    out.error =
        Error{ErrorCode::kTestFailed, std::to_string(failed) + " of " + std::to_string(count) +
                                          (count == 1 ? " test" : " tests") + " failed"};
  }
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* tests = data.find("tests");
  if (!tests) return "";
  std::string out;
  for (const Value& one : tests->asArray()) {
    const bool passed = one.flag("passed");
    out += invocation.style().status(passed ? "ok" : "failed") + "  " + shown(one.text("name"));
    out += invocation.style().dim(
               "  " + base::formatDuration(std::chrono::milliseconds{one.integer("simulated_ms")}) +
               " simulated") +
           "\n";
    for (const Value& problem : one.find("problems")->asArray())
      out += "      " + shown(problem.asString()) + "\n";
  }
  return out + std::to_string(data.integer("passed")) + " passed, " +
         std::to_string(data.integer("failed")) + " failed\n";
}

}  // namespace

const Command kFlowTestCommand{
    "flow test",
    "FILE…",
    "rehearse a flow with given or recorded answers, and check the way that it takes",
    "FILE is a file of tests, or a flow whose tests stand beside it as NAME.test.yaml. Nothing "
    "leaves the process: steps get the answers that the test gives, and time is simulated. With "
    "--from the answers are those that a run of this host got. docs/testing.md has the format.",
    kFlags,
    &test,
    &print,
    Completes::kFile};

}  // namespace belay::cli
