// Steps that emit events, on a real runtime: the waits that hear them, the flows that they start,
// and that each was heard once.

#include "agent/triggers/EmitStep.h"
#include "common/json/Json.h"
#include "tests/support/TestScheduler.h"
#include "tests/support/TestSecrets.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::RunId;
using test::TestScheduler;

namespace {

const char* const kListens = R"(slug: listens
steps:
  - id: wait
    wait:
      event: {name: "built", match: "${{ event.body.n > 1 }}"}
      timeout: 1h
output: "${{ steps.wait.output.body }}"
)";

std::string emits(const std::string& n) {
  return "slug: emits\nsteps:\n  - id: tell\n    emit: {event: \"${{ 'bui' + 'lt' }}\", body: "
         "{n: " +
         n + "}}\noutput: \"${{ steps.tell.output }}\"\n";
}

/// The real step over the runtime that there is, which restarts replace.
class Emits final : public runtime::InlineStep {
 public:
  explicit Emits(TestScheduler& on) : on_(on) {}
  base::Result<runtime::InlineOutcome> perform(const runtime::InlineContext& context) override {
    triggers::Events events(
        {*on_.host.runtime, *on_.host.evaluator, secrets_, on_.host.policy, on_.host.log});
    return triggers::EmitStep(events).perform(context);
  }

 private:
  TestScheduler& on_;
  const test::TestSecrets secrets_;
};

}  // namespace

TEST_GROUP(EmitStep) {
  TestScheduler on;
  Emits emit{on};

  void setup() override {
    on.host.wire = [this, wire = on.host.wire](runtime::Steps& steps) {
      wire(steps);
      steps.setInline(flow::Family::kEmit, emit);
    };
    on.host.boot();
  }
};

TEST(EmitStep, answersTheWaitsThatMatch) {
  const RunId first = on.host.start(kListens);
  const RunId second = on.host.start(kListens);
  STRCMP_EQUAL(R"({"answered":0,"runs":[]})", on.host.output(on.host.start(emits("1"))).c_str());
  STRCMP_EQUAL("waiting", on.host.status(first).c_str());
  const RunId run = on.host.start(emits("2"));
  STRCMP_EQUAL(R"({"answered":2,"runs":[]})", on.host.output(run).c_str());
  STRCMP_EQUAL(R"({"n":2})", on.host.output(first).c_str());
  STRCMP_EQUAL(R"({"n":2})", on.host.output(second).c_str());
  STRCMP_CONTAINS("run_created step_finished run_finished", on.host.history(run).c_str());
}

TEST(EmitStep, startsTheLiveFlowsThatListen) {
  CHECK(on.promote("a", "  - event: built\n    input: {n: \"${{ event.body.n }}\"}\n").ok());
  CHECK(on.promote("b", "  - event: built\n", "input: {type: object, required: [x]}\n").ok());
  const RunId run = on.host.start(emits("7"));
  const auto output = *json::parse(on.host.output(run));
  LONGS_EQUAL(1, output.find("runs")->asArray().size());
  const RunId started = *RunId::parse(output.find("runs")->asArray().front().asString());
  const engine::RunCreated created = on.host.state(started).created;
  STRCMP_EQUAL(R"({"n":7})", created.inputJson.c_str());
  STRCMP_CONTAINS(("\"by\":\"run:" + run.str() + "\"").c_str(), created.triggerJson.c_str());
  const json::Value& refused = output.find("refused")->asArray().front();
  STRCMP_EQUAL("b", refused.text("flow").c_str());
  STRCMP_EQUAL("BLY-INPUT-INVALID", refused.text("code").c_str());
}

// Else one event would start runs for ever.
TEST(EmitStep, flowsWhoseEventsStartEachOtherComeToAnEnd) {
  const std::string text = "slug: echo\ntriggers:\n  - event: built\n" + emits("1").substr(12);
  CHECK(on.host
            .tell([&](runtime::Runtime& runtime) -> base::Status {
              auto flow = flow::parseFlow(text, "echo.flow.yaml", flow::Format::kYaml);
              if (!flow) return flow.error();
              const runtime::Author author{"uid:1000", "/f"};
              const std::int64_t now = on.host.clock.wallMs();
              BELAY_TRY(runtime::putDraft(runtime.journal(),
                                          {flow->digest, "echo", "yaml", text, now}, {"", true},
                                          author));
              BELAY_TRY(
                  runtime::makeRelease(runtime.journal(), "echo", "", {"", true}, author, now));
              BELAY_TRY(runtime::promote(runtime.journal(), "echo", "", author, now));
              return {};
            })
            .ok());
  on.host.start(emits("1"));
  LONGS_EQUAL(9, on.runs().size());
  CHECK(on.host.log.contains("event.refused"));
  for (const journal::RunRow& run : on.runs())
    STRCMP_EQUAL("succeeded", on.host.status(run.id).c_str());
}

TEST(EmitStep, reachesAWaitOfItsOwnRun) {
  const RunId run = on.host.start(R"(slug: both
steps:
  - id: fan
    parallel:
      branches:
        hear: [{id: wait, wait: {event: {name: built}, timeout: 1h}}]
        tell: [{id: ask, http: {url: "http://peer.test/"}}, {id: emit, emit: {event: built}}]
output: "${{ steps.fan.output }}"
)");
  on.host.succeed(on.host.requests.started().back(), "{}");
  STRCMP_EQUAL("succeeded", on.host.status(run).c_str());
  STRCMP_CONTAINS(R"("answered":1)", on.host.output(run).c_str());
  STRCMP_CONTAINS(R"("body":null)", on.host.output(run).c_str());
}

TEST(EmitStep, mayBeEndedByWhatItsOwnEventDoes) {
  const RunId run = on.host.start(R"(slug: both
steps:
  - id: fan
    parallel:
      branches:
        hear: [{id: wait, wait: {event: {name: built}, timeout: 1h}, next: "${{ nobody.has.it }}"}]
        tell: [{id: ask, http: {url: "http://peer.test/"}}, {id: emit, emit: {event: built}}]
)");
  on.host.succeed(on.host.requests.started().back(), "{}");
  STRCMP_EQUAL("failed", on.host.status(run).c_str());
}

TEST(EmitStep, aNameThatIsTooLongIsTheFailureOfTheStep) {
  const RunId run = on.host.start(
      "slug: emits\nsteps:\n  - id: tell\n    emit: {event: \"${{ 'x'.repeat(201) }}\"}\n");
  STRCMP_EQUAL("failed", on.host.status(run).c_str());
  STRCMP_CONTAINS("BLY-INVALID-ARGUMENT", on.host.errorOf(run).c_str());
}

TEST(EmitStep, overAPowerCutTheStepAndWhatItStartedAreBothThere) {
  CHECK(on.promote("a", "  - event: built\n").ok());
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const RunId run = on.host.start(emits("1"));
    on.host.cutPower(seed);
    STRCMP_EQUAL("succeeded", on.host.status(run).c_str());
    LONGS_EQUAL(2 * seed, on.runs().size());
  }
}

TEST(EmitStep, whoAskedForTheRunHasAskedForThoseThatItStarts) {
  CHECK(on.promote("heard", "  - event: built\n").ok());
  on.host.start(emits("1"));
  const auto runs = on.host.journal->runs({});
  CHECK(runs.ok() && runs->size() == 2);
  for (const journal::RunRow& row : *runs) {
    if (row.slug != "heard") continue;
    STRCMP_EQUAL("event:built", row.startedBy.c_str());
    STRCMP_EQUAL("uid:1000", on.host.state(row.id).created.requester.c_str());
  }
}
