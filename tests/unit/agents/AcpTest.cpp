// The client's side of the Agent Client Protocol: what it sends, and how it answers what an agent
// asks. Lines as agents write them; what is sent is read as JSON.

#include "agent/agents/LineSplitter.h"
#include "agent/agents/Watchdog.h"
#include "tests/unit/agents/AgentFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay::agents;
namespace json = belay::json;

TEST_GROUP(Acp) {
  AgentFixture agent{"acp"};

  /// The one message that was sent since the last call.
  json::Value sent() {
    const std::string text = agent.adapter->takeInput();
    CHECK(text.ends_with("\n"));
    return json::parse(text).value();
  }
  void begin(const char* capabilities = "{}") {
    CHECK(agent.launch().ok());
    STRCMP_EQUAL("initialize", sent().text("method").c_str());
    agent.feed(
        R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentInfo":{"name":"a","version":"1"},"agentCapabilities":)" +
        std::string(capabilities) + "}}\n");
  }
  void prompt() {
    begin();
    STRCMP_EQUAL("session/new", sent().text("method").c_str());
    agent.feed(R"({"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}})");
    STRCMP_EQUAL("session/prompt", sent().text("method").c_str());
  }
  void update(const std::string& fields) {
    agent.feed(
        R"({"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{)" +
        fields + "}}}\n");
  }
  /// The option that is chosen for a call; "cancelled" where none is.
  std::string ask(const std::string& call, const char* options) {
    agent.feed(
        R"({"jsonrpc":"2.0","id":"q","method":"session/request_permission","params":{"toolCall":)" +
        call + R"(,"options":)" + options + "}}\n");
    const json::Value answer = sent();
    STRCMP_EQUAL("q", answer.text("id").c_str());
    const json::Value* chosen = answer.at("/result/outcome/optionId");
    return chosen ? chosen->asString() : answer.at("/result/outcome/outcome")->asString();
  }
  void stop(const char* reason) {
    agent.feed(std::string(R"({"jsonrpc":"2.0","id":3,"result":{"stopReason":")") + reason +
               "\"}}\n");
  }
};

namespace {
constexpr const char* kOptions =
    R"([{"optionId":"aa","kind":"allow_always"},{"optionId":"a","kind":"allow_once"},{"optionId":"r","kind":"reject_once"}])";
}

TEST(Acp, goesThroughATurn) {
  prompt();
  update(R"("sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"I be"})");
  update(R"("sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"gin"})");
  update(
      R"("sessionUpdate":"tool_call","toolCallId":"c","kind":"read","title":"Read","status":"pending")");
  update(R"("sessionUpdate":"tool_call_update","toolCallId":"c","status":"completed")");
  update(R"("sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"Done."})");
  CHECK_FALSE(agent.adapter->inputDone());
  stop("end_turn");
  CHECK(agent.adapter->inputDone());
  CHECK(agent.end(0).outcome == Outcome::kOk);
  STRCMP_EQUAL("Done.", agent.tally->result().text.c_str());
  STRCMP_EQUAL("s", agent.tally->result().sessionId.c_str());
  STRCMP_EQUAL("a", agent.tally->result().agentName.c_str());
  LONGS_EQUAL(3, agent.tally->result().turns);
}

TEST(Acp, howItLeavesAfterItsAnswerSaysNothing) {
  prompt();
  stop("end_turn");
  agent.tally->ending().signal = 15;
  CHECK(agent.adapter->classify(agent.tally->ending()).outcome == Outcome::kOk);
}

TEST(Acp, rulesAnswerWhatItAsks) {
  agent.spec.permissions.allow = {{"execute", "git *", ""}, {"edit", "", "src/*"}};
  prompt();
  STRCMP_EQUAL(
      "a",
      ask(R"({"toolCallId":"c","kind":"execute","title":"t","rawInput":{"command":"git status"}})",
          kOptions)
          .c_str());
  STRCMP_EQUAL(
      "a",
      ask(R"({"toolCallId":"c","kind":"execute","title":"t","rawInput":{"command":["git","log"]}})",
          kOptions)
          .c_str());
  STRCMP_EQUAL(
      "r", ask(R"({"toolCallId":"c","kind":"execute","title":"t","rawInput":{"command":"rm x"}})",
               kOptions)
               .c_str());
  STRCMP_EQUAL(
      "r",
      ask(R"({"toolCallId":"c","kind":"edit","title":"t","locations":[{"path":"/repo/src/../x"}]})",
          kOptions)
          .c_str());
  STRCMP_EQUAL(
      "a",
      ask(R"({"toolCallId":"c","kind":"delete","title":"t","locations":[{"path":"/repo/src/x"}]})",
          kOptions)
          .c_str());
  LONGS_EQUAL(2, agent.tally->result().denials.size());
}

TEST(Acp, whatACallWasToldToBeCountsWhenItAsks) {
  agent.spec.permissions.allow = {{"execute", "make*", ""}};
  prompt();
  update(
      R"("sessionUpdate":"tool_call","toolCallId":"c7","kind":"execute","title":"run","rawInput":{"command":"make check"})");
  STRCMP_EQUAL("a", ask(R"({"toolCallId":"c7"})", kOptions).c_str());
}

// Regression: opencode tells the command of a call with its first update.
TEST(Acp, whatACallIsToldToBeLaterCounts) {
  agent.spec.permissions.allow = {{"execute", "make*", ""}};
  prompt();
  update(
      R"("sessionUpdate":"tool_call","toolCallId":"c7","kind":"execute","title":"bash","rawInput":{"cwd":"/repo"})");
  update(
      R"("sessionUpdate":"tool_call_update","toolCallId":"c7","status":"in_progress","rawInput":{"command":"make x"})");
  STRCMP_EQUAL("a", ask(R"({"toolCallId":"c7"})", kOptions).c_str());
  update(R"("sessionUpdate":"tool_call_update","toolCallId":"c7","rawInput":{"command":"rm x"})");
  STRCMP_EQUAL("r", ask(R"({"toolCallId":"c7"})", kOptions).c_str());
  LONGS_EQUAL(1, agent.tally->result().turns);
}

TEST(Acp, anOfferWithoutAnswerIsCancelled) {
  prompt();
  STRCMP_EQUAL("cancelled", ask(R"({"toolCallId":"c","kind":"edit"})",
                                R"([{"optionId":"a","kind":"allow_once"}])")
                                .c_str());
  STRCMP_EQUAL("cancelled", ask("7", "null").c_str());
}

TEST(Acp, methodsThatAreNotOfferedAreRefused) {
  prompt();
  agent.feed(
      R"({"jsonrpc":"2.0","id":9,"method":"fs/read_text_file","params":{"path":"/etc/shadow"}})");
  const json::Value answer = sent();
  LONGS_EQUAL(9, answer.integer("id"));
  LONGS_EQUAL(-32601, answer.at("/error/code")->asInteger());
}

TEST(Acp, resumesASessionInTheBestWayThatThereIs) {
  agent.spec.session = {"old", true, {}};
  begin(R"({"loadSession":true,"sessionCapabilities":{"resume":{}}})");
  const json::Value resume = sent();
  STRCMP_EQUAL("session/resume", resume.text("method").c_str());
  STRCMP_EQUAL("old", resume.at("/params/sessionId")->asString().c_str());
  begin(R"({"loadSession":true})");
  STRCMP_EQUAL("session/load", sent().text("method").c_str());
  update(
      R"("sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"of yesterday"})");
  STRCMP_EQUAL("", agent.tally->result().text.c_str());
  agent.feed(R"({"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"nothing like it"}})");
  CHECK(agent.end(0).outcome == Outcome::kSession);
  begin("{}");
  CHECK(agent.end(0).outcome == Outcome::kSession);
}

TEST(Acp, otherEndsAreTold) {
  prompt();
  stop("refusal");
  CHECK(agent.end(0).outcome == Outcome::kFailed);
  prompt();
  stop("max_turn_requests");
  STRCMP_EQUAL("turns", agent.end(0).budget.c_str());
  prompt();
  stop("of a later version");
  CHECK(agent.end(0).outcome == Outcome::kProtocol);
  CHECK(agent.launch().ok());
  agent.feed(R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":2}})");
  CHECK(agent.end(0).outcome == Outcome::kProtocol);
  begin();
  agent.feed(
      R"({"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"Authentication required"}})");
  CHECK(agent.end(0).outcome == Outcome::kAuth);
  prompt();
  CHECK(agent.end(3).outcome == Outcome::kFailed);
}

TEST(Acp, answersToOtherQuestionsAreNotTaken) {
  prompt();
  agent.feed(R"({"jsonrpc":"2.0","id":1,"result":{"stopReason":"end_turn"}})"
             "\n"
             R"({"jsonrpc":"2.0","id":"3","result":{"stopReason":"end_turn"}})");
  CHECK_FALSE(agent.tally->finished());
}

TEST(Acp, cancelsOnlyATurn) {
  begin();
  CHECK_FALSE(agent.adapter->cancel());
  static_cast<void>(agent.adapter->takeInput());
  prompt();
  CHECK(agent.adapter->cancel());
  STRCMP_EQUAL("session/cancel", sent().text("method").c_str());
}

TEST_GROUP(LineSplitter){std::string cut(LineSplitter & lines){std::string out;
std::string_view line;
while (lines.next(line)) out += "[" + std::string(line) + "]";
return out;
}
}
;

TEST(LineSplitter, cutsPiecesIntoLines) {
  LineSplitter lines(10);
  lines.add("a\nb");
  STRCMP_EQUAL("[a]", cut(lines).c_str());
  lines.add("c\n\nd");
  STRCMP_EQUAL("[bc][]", cut(lines).c_str());
  lines.finish();
  STRCMP_EQUAL("[d]", cut(lines).c_str());
}

TEST(LineSplitter, dropsALineThatIsTooLongAndNoOther) {
  LineSplitter lines(4);
  lines.add("12345");
  STRCMP_EQUAL("", cut(lines).c_str());
  lines.add("67890");
  STRCMP_EQUAL("", cut(lines).c_str());
  lines.add("x\nok\n123456\nyes\n");
  STRCMP_EQUAL("[ok][yes]", cut(lines).c_str());
  LONGS_EQUAL(2, lines.dropped());
}

TEST_GROUP(Watchdog){};

TEST(Watchdog, hitsTheFirstBudgetOfTime) {
  const Budgets budgets{.firstOutputMs = 10, .noProgressMs = 20, .wallMs = 100};
  Watchdog dog(budgets, 1000);
  LONGS_EQUAL(1010, dog.nextMs());
  STRCMP_EQUAL("", dog.expired(1009).c_str());
  STRCMP_EQUAL("first_output_ms", dog.expired(1010).c_str());
  dog.sawProgress(1005);
  LONGS_EQUAL(1025, dog.nextMs());
  STRCMP_EQUAL("no_progress_ms", dog.expired(1025).c_str());
  dog.sawProgress(1090);
  LONGS_EQUAL(1100, dog.nextMs());
  STRCMP_EQUAL("wall_ms", dog.expired(1100).c_str());
  const Budgets none;
  LONGS_EQUAL(-1, Watchdog(none, 0).nextMs());
}
