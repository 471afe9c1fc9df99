// What the streams of real agents mean, from lines as these agents write them. The end of each is
// told by exit status, last event and error flag together.

#include <string>

#include "tests/unit/agents/AgentFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay::agents;

namespace {

constexpr std::string_view kClaudeInit =
    R"({"type":"system","subtype":"init","cwd":"/w","session_id":"s-1","model":"m","claude_code_version":"2.1"})"
    "\n";
constexpr std::string_view kClaudeOk =
    R"({"type":"result","subtype":"success","is_error":false,"num_turns":3,"result":"done","session_id":"s-1",)"
    R"("total_cost_usd":0.5,"usage":{"input_tokens":100,"cache_creation_input_tokens":10,)"
    R"("cache_read_input_tokens":20,"output_tokens":7}})"
    "\n";

std::string claudeFailed(const char* status, const char* words) {
  return std::string(
             R"({"type":"result","subtype":"success","is_error":true,"api_error_status":)") +
         status + R"(,"result":")" + words + "\"}\n";
}

}  // namespace

TEST_GROUP(ClaudeStream) { AgentFixture agent{"claude-code"}; };

TEST(ClaudeStream, addsUpARun) {
  agent.feed(kClaudeInit);
  agent.feed(
      R"({"type":"assistant","message":{"id":"a","content":[{"type":"text","text":"I look."}],"usage":{"input_tokens":9,"output_tokens":1}}})"
      "\n"
      R"({"type":"assistant","message":{"id":"a","content":[{"type":"tool_use","id":"t","name":"Bash","input":{"command":"ls"}}],"usage":{"input_tokens":9,"output_tokens":2}}})"
      "\n"
      R"({"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","content":"f","is_error":false}]}})"
      "\n"
      R"({"type":"assistant","message":{"id":"b","content":[{"type":"text","text":"done"}],"usage":{"input_tokens":10,"output_tokens":1}}})");
  LONGS_EQUAL(2, agent.tally->result().turns);
  LONGS_EQUAL(19, agent.tally->result().usage.input);
  LONGS_EQUAL(3, agent.tally->result().usage.output);
  agent.feed(kClaudeOk);
  CHECK(agent.end(0).outcome == Outcome::kOk);
  const DriveResult& result = agent.tally->result();
  STRCMP_EQUAL("done", result.text.c_str());
  STRCMP_EQUAL("s-1", result.sessionId.c_str());
  STRCMP_EQUAL("2.1", result.agentVersion.c_str());
  CHECK(result.usage == (Usage{130, 7, 20, 0}));
  DOUBLES_EQUAL(0.5, *result.costUsd, 0);
  LONGS_EQUAL(3, result.turns);
  LONGS_EQUAL(0, agent.skipped);
}

TEST(ClaudeStream, exitZeroWithoutAResultIsNoSuccess) {
  agent.feed(kClaudeInit);
  const Verdict verdict = agent.end(0);
  CHECK(verdict.outcome == Outcome::kFailed);
  STRCMP_CONTAINS("without its last event", verdict.detail.c_str());
}

TEST(ClaudeStream, aResultWithAnotherExitStatusIsNoSuccess) {
  agent.feed(kClaudeOk);
  CHECK(agent.end(1).outcome == Outcome::kFailed);
}

TEST(ClaudeStream, subtypeSuccessWithAnErrorFlagIsNoSuccess) {
  agent.feed(claudeFailed("400", "API Error: 400"));
  CHECK(agent.end(1).outcome == Outcome::kFailed);
}

TEST(ClaudeStream, aMissingErrorFlagIsNoSuccess) {
  agent.feed(R"({"type":"result","subtype":"success","result":"x"})");
  CHECK(agent.end(0).outcome == Outcome::kFailed);
}

TEST(ClaudeStream, tellsReasonsApart) {
  agent.feed(claudeFailed("429", "API Error: 429 try again in 20 seconds"));
  CHECK(agent.end(1).outcome == Outcome::kRateLimited);
  agent.feed(claudeFailed("429", "Claude usage limit reached"));
  CHECK(agent.end(1).outcome == Outcome::kQuota);
  agent.feed(claudeFailed("401", "API Error"));
  CHECK(agent.end(1).outcome == Outcome::kAuth);
  agent.feed(claudeFailed("null", "Not logged in · Please run /login"));
  CHECK(agent.end(1).outcome == Outcome::kAuth);
}

TEST(ClaudeStream, itsOwnBoundsAreBudgets) {
  agent.feed(
      R"({"type":"result","subtype":"error_max_turns","is_error":true,"errors":["too many"]})");
  const Verdict turns = agent.end(1);
  CHECK(turns.outcome == Outcome::kOverBudget);
  STRCMP_EQUAL("turns", turns.budget.c_str());
  agent.feed(R"({"type":"result","subtype":"error_max_budget_usd","is_error":true})");
  STRCMP_EQUAL("usd", agent.end(1).budget.c_str());
}

TEST(ClaudeStream, anUnknownSessionIsToldOnStderrOnly) {
  agent.spec.session = {"0ecf8a4e-5f0a-4b3e-9a53-0f6f4a1a2b3c", true, {}};
  CHECK(agent.end(1, "No conversation found with session ID: 0ecf\n").outcome == Outcome::kSession);
}

TEST(ClaudeStream, aCallThatAHookDefersIsNoSuccess) {
  agent.feed(
      R"({"type":"result","subtype":"success","is_error":false,"result":"","deferred_tool_use":{"id":"t"}})");
  CHECK(agent.end(0).outcome == Outcome::kFailed);
}

TEST(ClaudeStream, denialsAreTold) {
  agent.feed(
      R"({"type":"result","subtype":"success","is_error":false,"result":"x","permission_denials":[{"tool_name":"Bash","tool_input":{"command":"rm x"}}]})");
  CHECK(agent.end(0).outcome == Outcome::kOk);
  STRCMP_EQUAL("rm x", agent.tally->result().denials.at(0).what.c_str());
}

TEST(ClaudeStream, whatASubagentSaysIsNoAnswer) {
  agent.feed(
      R"({"type":"assistant","message":{"id":"a","content":[{"type":"text","text":"mine"}]}})"
      "\n"
      R"({"type":"assistant","parent_tool_use_id":"t","message":{"id":"b","content":[{"type":"text","text":"inner"}]}})");
  STRCMP_EQUAL("mine", agent.tally->result().text.c_str());
}

TEST(ClaudeStream, aRetryIsRememberedUntilThereIsProgress) {
  agent.feed(
      R"({"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,"retry_delay_ms":500,"error_status":401,"error":"x"})");
  CHECK(agent.tally->retryReason() == Outcome::kAuth);
  agent.feed(R"({"type":"assistant","message":{"id":"a","content":[]}})");
  CHECK(agent.tally->retryReason() == Outcome::kFailed);
}

TEST(ClaudeStream, halfACharacterDoesNotHideTheResult) {
  agent.feed(
      R"({"type":"result","subtype":"success","is_error":false,"result":"a\ud83d\ude00 cut \ud83d"})");
  CHECK(agent.end(0).outcome == Outcome::kOk);
  STRCMP_EQUAL("a\xF0\x9F\x98\x80 cut \xEF\xBF\xBD", agent.tally->result().text.c_str());
}

TEST(ClaudeStream, linesThatAreNoEventsAreCounted) {
  agent.feed("Warning: something\n[1]\n{\"type\":5}\n{broken\n");
  LONGS_EQUAL(4, agent.skipped);
}

TEST_GROUP(CodexStream) {
  AgentFixture agent{"codex"};
  std::string usage(int input, int output) {
    return R"({"type":"turn.completed","usage":{"input_tokens":)" + std::to_string(input) +
           R"(,"cached_input_tokens":50,"output_tokens":)" + std::to_string(output) + "}}\n";
  }
};

TEST(CodexStream, subtractsWhatItsSessionUsedBefore) {
  agent.spec.session = {"01a1", true, {200, 14, 50, 0}};
  agent.feed(R"({"type":"thread.started","thread_id":"01a1"})"
             "\n"
             R"({"type":"item.completed","item":{"id":"i","type":"agent_message","text":"done"}})"
             "\n"
             R"()" +
             usage(300, 21));
  CHECK(agent.end(0).outcome == Outcome::kOk);
  const DriveResult& result = agent.tally->result();
  CHECK(result.usage == (Usage{100, 7, 0, 0}));
  CHECK(result.cumulative == (Usage{300, 21, 50, 0}));
  STRCMP_EQUAL("done", result.text.c_str());
  CHECK_FALSE(result.costUsd.has_value());
}

TEST(CodexStream, aThreadThatWasBegunAnewHasNothingToSubtract) {
  agent.spec.session = {"01a1", true, {200, 14, 50, 0}};
  agent.feed(usage(100, 7));
  CHECK(agent.tally->result().usage == (Usage{100, 7, 50, 0}));
}

TEST(CodexStream, anErrorOfAReconnectionIsNoEnd) {
  agent.feed(R"x({"type":"error","message":"Reconnecting... 1/5 (stream disconnected)"})x");
  CHECK_FALSE(agent.tally->finished());
  agent.feed(usage(1, 1));
  CHECK(agent.end(0).outcome == Outcome::kOk);
}

TEST(CodexStream, turnFailedIsTheEnd) {
  agent.feed(
      R"({"type":"error","message":"exceeded retry limit, last status: 429 Too Many Requests"})"
      "\n"
      R"({"type":"turn.failed","error":{"message":"exceeded retry limit, last status: 429 Too Many Requests"}})");
  CHECK(agent.end(1).outcome == Outcome::kRateLimited);
}

TEST(CodexStream, aDeclinedCommandIsADenial) {
  agent.feed(
      R"({"type":"item.completed","item":{"id":"i","type":"command_execution","command":"rm x","status":"declined"}})");
  STRCMP_EQUAL("rm x", agent.tally->result().denials.at(0).what.c_str());
}

TEST(CodexStream, aMissingKeyIsToldOnStderrOnly) {
  CHECK(agent.end(1, "Error: Missing environment variable: `K`.\n").outcome == Outcome::kAuth);
}

TEST(CodexStream, aLastMessageThatDoesNotMeetTheSchemaIsNoSuccess) {
  agent.spec.outputSchema.set("type", "object");
  agent.feed(R"({"type":"item.completed","item":{"type":"agent_message","text":"no JSON"}})"
             "\n" +
             usage(1, 1));
  CHECK(agent.end(0).outcome == Outcome::kFailed);
  agent.feed(R"({"type":"item.completed","item":{"type":"agent_message","text":"{\"a\":1}"}})"
             "\n" +
             usage(1, 1));
  CHECK(agent.end(0).outcome == Outcome::kOk);
  LONGS_EQUAL(1, agent.tally->result().structured.integer("a"));
}

TEST_GROUP(OtherStreams){};

TEST(OtherStreams, geminiPutsItsMessagesTogether) {
  AgentFixture agent{"gemini"};
  agent.feed(
      R"({"type":"init","session_id":"g","model":"m"})"
      "\n"
      R"({"type":"message","role":"user","content":"p"})"
      "\n"
      R"({"type":"message","role":"assistant","content":"a ","delta":true})"
      "\n"
      R"({"type":"message","role":"assistant","content":"b","delta":true})"
      "\n"
      R"({"type":"tool_use","tool_name":"run_shell_command","tool_id":"t","parameters":{"command":"ls"}})"
      "\n"
      R"({"type":"tool_result","tool_id":"t","status":"success","output":"x"})"
      "\n"
      R"({"type":"message","role":"assistant","content":"last","delta":true})"
      "\n"
      R"({"type":"result","status":"success","stats":{"input_tokens":20,"output_tokens":10,"cached":4}})");
  CHECK(agent.end(0).outcome == Outcome::kOk);
  STRCMP_EQUAL("last", agent.tally->result().text.c_str());
  LONGS_EQUAL(3, agent.tally->result().turns);
  CHECK(agent.tally->result().usage == (Usage{20, 10, 4, 0}));
}

TEST(OtherStreams, geminiEndsWithStatusesOfItsOwn) {
  const std::pair<int, Outcome> table[] = {{41, Outcome::kAuth},         {53, Outcome::kOverBudget},
                                           {144, Outcome::kFailed},      {145, Outcome::kAuth},
                                           {173, Outcome::kRateLimited}, {130, Outcome::kKilled},
                                           {1, Outcome::kFailed},        {0, Outcome::kProtocol}};
  for (const auto& [status, outcome] : table) {
    AgentFixture agent{"gemini"};
    CHECK(agent.end(status).outcome == outcome);
  }
}

TEST(OtherStreams, opencodeAddsUpItsSteps) {
  AgentFixture agent{"opencode"};
  agent.feed(
      R"({"type":"step_start","sessionID":"ses_1","part":{}})"
      "\n"
      R"({"type":"text","sessionID":"ses_1","part":{"text":"done"}})"
      "\n"
      R"({"type":"step_finish","sessionID":"ses_1","part":{"reason":"tool-calls","tokens":{"input":10,"output":2,"reasoning":1,"cache":{"read":5,"write":1}},"cost":0.25}})"
      "\n"
      R"({"type":"step_finish","sessionID":"ses_1","part":{"reason":"stop","tokens":{"input":20,"output":4,"reasoning":0,"cache":{"read":0,"write":0}},"cost":0.25}})");
  CHECK(agent.end(0).outcome == Outcome::kOk);
  const DriveResult& result = agent.tally->result();
  CHECK(result.usage == (Usage{36, 7, 5, 1}));
  DOUBLES_EQUAL(0.5, *result.costUsd, 0.001);
  STRCMP_EQUAL("ses_1", result.sessionId.c_str());
}

TEST(OtherStreams, opencodeIsNotDoneBeforeItStops) {
  AgentFixture agent{"opencode"};
  agent.feed(R"({"type":"step_finish","sessionID":"s","part":{"reason":"tool-calls"}})");
  CHECK(agent.end(0).outcome == Outcome::kFailed);
}

TEST(OtherStreams, opencodeTellsAnErrorOfItsProvider) {
  AgentFixture agent{"opencode"};
  agent.feed(
      R"({"type":"error","sessionID":"s","error":{"name":"APIError","data":{"message":"no","statusCode":401}}})");
  CHECK(agent.end(1).outcome == Outcome::kAuth);
}

TEST(OtherStreams, aCommandIsJudgedByItsExitStatus) {
  AgentFixture agent{"command"};
  agent.spec.permissions.defaultAllow = true;
  agent.feed("one\ntwo\n");
  CHECK(agent.end(0).outcome == Outcome::kOk);
  STRCMP_EQUAL("one\ntwo\n", agent.tally->result().text.c_str());
  CHECK(agent.end(2, "bad\n").outcome == Outcome::kFailed);
}

// Regression: found by fuzz_agent; the result could not be read.
TEST(OtherStreams, aCommandMayPrintAnyBytes) {
  AgentFixture agent{"command"};
  agent.spec.permissions.defaultAllow = true;
  agent.feed(std::string_view("a\0b\xff\n", 5));
  CHECK(parseDriveResult(printDriveResult(agent.tally->result())).ok());
}

TEST(OtherStreams, budgetsAreHitByWhatWasAddedUp) {
  AgentFixture agent{"opencode"};
  agent.spec.budgets.tokens = 30;
  agent.spec.budgets.usd = 1;
  static_cast<void>(agent.launch());
  agent.feed(
      R"({"type":"step_finish","part":{"reason":"tool-calls","tokens":{"input":20,"output":5},"cost":0.5}})");
  STRCMP_EQUAL("", agent.tally->overBudget().c_str());
  agent.feed(
      R"({"type":"step_finish","part":{"reason":"tool-calls","tokens":{"input":4,"output":2},"cost":0.2}})");
  STRCMP_EQUAL("tokens", agent.tally->overBudget().c_str());
}
