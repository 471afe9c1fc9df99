// Lets a performer say what agents come to, and looks at what the next attempt or step is told:
// budgets that are used up, sessions that go on, waits and questions.

#include <string>

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace std::chrono_literals;
using test::TestRuntime;

namespace {

const std::string kFlow =
    "slug: r\nagents: {coder: {adapter: codex}}\nsteps:\n"
    "  - {id: a, agent: {use: coder, prompt: one}}\n"
    "  - {id: b, agent: {use: coder, prompt: two, resume: true}}\n";

}  // namespace

TEST_GROUP(AgentLedger) {
  TestRuntime host;
  test::HeldPerformer agents{true};
  void setup() override {
    host.wire = [this](runtime::Steps& steps) { steps.setPerformer(flow::Family::kAgent, agents); };
    host.boot();
  }
  json::Value told() const { return *json::parse(agents.started().back().renderedJson); }
  void give(bool ok, const std::string& ledger, std::optional<std::int64_t> againMs = {}) {
    const runtime::Attempt attempt = agents.started().back();
    runtime::StepResult result;
    result.ok = ok;
    result.outputJson = "{}";
    result.ledgerJson = ledger;
    result.againMs = againMs;
    if (!ok) {
      result.failure.emplace();
      result.failure->code = "BLY-AGENT-QUOTA";
      result.failure->kind = flow::FailureClass::kRateLimited;
    }
    host.loop->resultSink()(attempt.run, attempt.key, std::move(result));
    CHECK(host.settle().ok());
  }
};

TEST(AgentLedger, aLaterStepGoesOnWithTheSessionAndKnowsWhatIsSpent) {
  host.start(kFlow);
  CHECK(told().find("session") == nullptr);
  STRCMP_EQUAL("coder", told().find("agents")->asArray()[0].text("name").c_str());
  give(true, R"({"use":"coder","spent":{"tokens":10,"usd":0.5},"session":{"id":"s1"}})");
  STRCMP_EQUAL("two", told().text("prompt").c_str());
  STRCMP_EQUAL("s1", told().find("session")->text("id").c_str());
  LONGS_EQUAL(10, told().find("spent")->integer("tokens"));
  DOUBLES_EQUAL(0.5, told().find("spent")->find("usd")->asNumber(), 0);
}

TEST(AgentLedger, theLedgerIsThereAfterAPowerCut) {
  host.start(kFlow);
  give(true, R"({"use":"coder","spent":{"tokens":10},"session":{"id":"s1"}})");
  host.cutPower();
  const auto recovered = agents.recovered();
  CHECK(!recovered.empty());
  const auto rendered = json::parse(recovered.back().renderedJson);
  STRCMP_EQUAL("s1", rendered->find("session")->text("id").c_str());
}

TEST(AgentLedger, aQuotaIsWaitedForAndTheSessionGoesOn) {
  const auto run = host.start(kFlow);
  give(false, R"({"use":"coder","spent":{"tokens":10},"candidate":0,"continues":true,"session":{"id":"s1"}})",
       60'000);
  LONGS_EQUAL(1, agents.started().size());
  host.pass(30s);
  LONGS_EQUAL(1, agents.started().size());
  host.pass(31s);
  LONGS_EQUAL(2, agents.started().size());
  LONGS_EQUAL(2, agents.started().back().key.attempt);
  STRCMP_EQUAL("s1", told().find("session")->text("id").c_str());
  STRCMP_EQUAL("running", host.status(run).c_str());
}

TEST(AgentLedger, aQuestionIsAnApprovalBeforeTheNextTry) {
  const auto run = host.start(kFlow);
  give(false, R"({"use":"coder","spent":{},"ask":"try again?","session":{"id":"s1"}})", 0);
  CHECK(host.settle().ok());
  LONGS_EQUAL(1, agents.started().size());
  STRCMP_EQUAL("waiting", host.status(run).c_str());
}

TEST(AgentLedger, aSessionThatWasNeverBegunCannotGoOn) {
  const auto run = host.start("slug: r\nagents: {coder: {adapter: codex}}\nsteps:\n"
                              "  - {id: b, agent: {use: coder, prompt: two, resume: true}}\n");
  CHECK(agents.started().empty());
  STRCMP_EQUAL("failed", host.status(run).c_str());
}

TEST(AgentLedger, isForgottenWhenTheRunHasEnded) {
  const auto run = host.start(kFlow);
  give(true, R"({"use":"coder","spent":{"tokens":10},"session":{"id":"s1"}})");
  LONGS_EQUAL(1, host.journal->kvList("~agents", "", host.clock.wallMs(), 10)->size());
  give(true, R"({"use":"coder","spent":{"tokens":10},"session":{"id":"s1"}})");
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  LONGS_EQUAL(0, host.journal->kvList("~agents", "", host.clock.wallMs(), 10)->size());
}
