// The task and the result of the driver: both read back what they print, and say where something is
// wrong. Members are spoilt one at a time in a text that is right.

#include <string>

#include "agent/agents/DriveResult.h"
#include "agent/agents/DriveSpec.h"
#include "common/base/ErrorCode.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using namespace belay::agents;
namespace json = belay::json;

namespace {

constexpr std::string_view kSmallest =
    R"({"adapter":"codex","binary":"/bin/codex","prompt":"p","cwd":"/w","raw_folder":"/r"})";

DriveSpec wholeSpec() {
  DriveSpec spec;
  spec.adapter = "command";
  spec.binary = "/usr/bin/aider";
  spec.digest = std::string(64, 'a');
  spec.args = {"--yes", ""};
  spec.model = "m";
  spec.prompt = "do it\nnow";
  spec.appendSystem = "be short";
  spec.outputSchema.set("type", "object");
  spec.cwd = "/repo tree";
  spec.session = {"s-1", true, {10, 20, 3, 4}};
  spec.permissions = {true, true, {{"Bash", "git *", ""}}, {{"", "", "/etc/*"}}};
  spec.budgets = {1, 2, 3, 4, 5, 6, 7.5};
  spec.command = {CommandShape::Prompt::kFlag,
                  "--message",
                  {"run"},
                  CommandShape::FlagStyle::kEquals,
                  {{"--stream", "false"}, {"--n", "3"}}};
  spec.rawFolder = "/raw";
  spec.graceMs = 77;
  return spec;
}

DriveResult wholeResult() {
  DriveResult result;
  result.outcome = Outcome::kOverBudget;
  result.detail = "it used 7 turns";
  result.budget = "turns";
  result.text = "half";
  result.textTruncated = true;
  result.structured.set("a", 1);
  result.sessionId = "s";
  result.usage = {1, 2, 3, 4};
  result.cumulative = {5, 6, 7, 8};
  result.costUsd = 0.25;
  result.turns = 7;
  result.denials = {{"Bash", "rm -rf /", "deny[0]"}};
  result.retryAfterMs = 9;
  result.durationMs = 10;
  result.outputBytes = 11;
  result.linesSkipped = 12;
  result.exitSignal = 15;
  result.agentName = "n";
  result.agentVersion = "1";
  result.binary = "/b";
  result.digest = std::string(64, '0');
  return result;
}

}  // namespace

TEST_GROUP(DriveContract){/// The smallest right task with one member put in its place.
                          void refuses(const char* name, const char* value, const char* said){
                              json::Value task = json::parse(kSmallest).value();
task.set(name, json::parse(value).value());
const auto parsed = parseDriveSpec(json::print(task));
CHECK_FALSE(parsed.ok());
CHECK(parsed.error().code == ErrorCode::kInvalidArgument);
STRCMP_CONTAINS(said, parsed.error().message.c_str());
}
}
;

TEST(DriveContract, aTaskReadsBackTheSame) {
  const std::string printed = printDriveSpec(wholeSpec());
  const auto again = parseDriveSpec(printed);
  CHECK(again.ok());
  STRCMP_EQUAL(printed.c_str(), printDriveSpec(*again).c_str());
  STRCMP_EQUAL("git *", again->permissions.allow[0].command.c_str());
  LONGS_EQUAL(20, again->session.used.output);
  DOUBLES_EQUAL(7.5, again->budgets.usd, 0);
}

TEST(DriveContract, aSmallTaskHasTheDefaults) {
  const auto spec = parseDriveSpec(kSmallest);
  CHECK(spec.ok());
  LONGS_EQUAL(10'000, spec->graceMs);
  CHECK_FALSE(spec->permissions.defaultAllow);
  CHECK_FALSE(spec->permissions.failOnDenied);
  LONGS_EQUAL(0, spec->budgets.turns);
  CHECK(spec->outputSchema.isNull());
}

TEST(DriveContract, aTaskWithoutWhatIsRequiredIsRefused) {
  for (const char* name : {"adapter", "binary", "prompt", "cwd", "raw_folder"}) {
    json::Value task = json::parse(kSmallest).value();
    task.erase(name);
    const auto parsed = parseDriveSpec(json::print(task));
    CHECK_FALSE(parsed.ok());
    STRCMP_CONTAINS(name, parsed.error().message.c_str());
  }
}

TEST(DriveContract, whatIsWrongInATaskIsSaidWithItsPlace) {
  refuses("adapter", R"("vim")", "adapter must be one of claude-code, codex");
  refuses("binary", R"("codex")", "binary must be an absolute path");
  refuses("digest", R"("ABC")", "digest must be 64");
  refuses("args", R"(["a", 1])", "args must be a list of texts");
  refuses("session", R"({"resume":true})", "session.id is missing");
  refuses("session", R"({"used":{"input":-1}})", "session.used.input must be a whole number");
  refuses("permissions", R"({"default":"ask"})", "permissions.default must be one of");
  refuses("permissions", R"({"deny":[{"tool":"Bash"},{"tol":"x"}]})",
          "permissions.deny[1].tol; did you mean tool?");
  refuses("budgets", R"({"turns":1.5})", "budgets.turns");
  refuses("budgets", R"({"usd":-1})", "budgets.usd");
  refuses("command", R"({"prompt_mode":"flag"})", "command.prompt_flag is missing");
  refuses("command", R"({"option_flags":{"--a":[1]}})", "command.option_flags");
  refuses("output_schema", "true", "output_schema must be a JSON object");
  refuses("promt", R"("x")", "there is no member promt; did you mean prompt?");
}

// What goes to execve() or to a file's name must come there whole.
TEST(DriveContract, aTaskHasNoNulInItsTexts) {
  constexpr std::string_view kNul =
      R"({"adapter":"codex","binary":"/b","prompt":"a\u0000b","cwd":"/w","raw_folder":"/r"})";
  CHECK(parseDriveSpec(kNul).error().code == ErrorCode::kJsonSyntax);
}

TEST(DriveContract, aTaskOverItsBoundIsRefused) {
  json::Value task = json::parse(kSmallest).value();
  task.set("prompt", std::string(5u << 20, 'x'));
  CHECK(parseDriveSpec(json::print(task)).error().code == ErrorCode::kLimit);
}

TEST(DriveContract, aResultReadsBackTheSame) {
  const std::string printed = printDriveResult(wholeResult());
  const auto again = parseDriveResult(printed);
  CHECK(again.ok());
  STRCMP_EQUAL(printed.c_str(), printDriveResult(*again).c_str());
  CHECK_FALSE(again->exitCode.has_value());
  LONGS_EQUAL(15, *again->exitSignal);
  CHECK(again->usage == (Usage{1, 2, 3, 4}));
}

TEST(DriveContract, aResultWithoutACostIsNotOneThatCostNothing) {
  DriveResult result = wholeResult();
  result.costUsd.reset();
  CHECK_FALSE(parseDriveResult(printDriveResult(result))->costUsd.has_value());
  result.costUsd = 0;
  CHECK(parseDriveResult(printDriveResult(result))->costUsd.has_value());
}

TEST(DriveContract, everyOutcomeHasItsOwnCode) {
  std::string seen;
  for (int i = 1; i <= static_cast<int>(Outcome::kSession); ++i) {
    DriveResult result = wholeResult();
    result.outcome = static_cast<Outcome>(i);
    CHECK(parseDriveResult(printDriveResult(result))->outcome == result.outcome);
    const auto verdict = judge(result);
    CHECK_FALSE(verdict.ok());
    const std::string code = std::string(belay::base::errorText(verdict.error().code)) + ";";
    CHECK(code.starts_with("BLY-AGENT-"));
    CHECK(seen.find(code) == std::string::npos);
    seen += code;
  }
  DriveResult good;
  good.outcome = Outcome::kOk;
  CHECK(judge(good).ok());
}

TEST(DriveContract, aResultThatIsNoneIsRefused) {
  CHECK_FALSE(parseDriveResult("{").ok());
  CHECK_FALSE(parseDriveResult("[]").ok());
  CHECK_FALSE(parseDriveResult("{}").ok());
  CHECK_FALSE(parseDriveResult(R"({"outcome":"fine"})").ok());
  CHECK_FALSE(parseDriveResult(R"({"outcome":"ok","exit":{"code":300}})").ok());
  CHECK_FALSE(parseDriveResult(R"({"outcome":"ok","surprise":1})").ok());
}
