// Takes the events of a run that was approved, as the journal has them, and changes one thing at a
// time: each change must be found by the signature alone, because whoever can write the file can
// make the chain of hashes fit again. The last tests do the same with a whole runtime that starts
// anew.

#include <functional>
#include <memory>
#include <string>

#include "agent/engine/Engine.h"
#include "agent/engine/Path.h"
#include "agent/flow/CodeCalls.h"
#include "agent/flow/Validate.h"
#include "agent/runtime/RecordedDecisions.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::RunId;
using belay::engine::EventBody;
using belay::engine::StepFinished;
using belay::engine::StepStarted;
using belay::engine::WaitAnswer;
using belay::engine::WaitOpened;
using belay::engine::WaitResolved;
using belay::runtime::RecordedDecisions;
using belay::runtime::Runtime;
using belay::test::TestRuntime;

namespace {

const char* const kFlow = R"(slug: gate
steps:
  - id: review
    wait:
      approval: {summary: "Ship it?", form: {type: object, properties: {ticket: {type: integer}}}}
      timeout: 1h
  - id: ship
    run: {command: [/bin/true]}
  - id: tell
    run: {command: [/bin/true]}
    on_error: skip
)";

bool isOfWait(const EventBody& body) {
  return std::holds_alternative<WaitOpened>(body) || std::holds_alternative<WaitResolved>(body);
}

}  // namespace

TEST_GROUP(RecordedDecisions) {
  TestRuntime host;
  RunId run;
  std::string text = kFlow;

  void setup() override {
    host.boot();
    run = host.start(text);
  }
  void decide(bool approve) {
    CHECK(host.decide(host.openWait(), approve, R"({"ticket": 7})").ok());
  }

  /// Whether the history is believed after `change` was made to each of its events, and without
  /// what has to do with waits if they are cut out.
  bool believed(const std::function<void(EventBody&)>& change, bool cutsWaitsOut = false) {
    RecordedDecisions decisions;
    const auto flow = *belay::flow::parseFlow(text, "gate.flow.yaml", belay::flow::Format::kYaml);
    belay::engine::RunState state;
    state.id = run;
    const auto events = host.journal->events(run, 0, 100);
    for (const belay::journal::EventRow& row : *events) {
      EventBody body = *belay::engine::decodeBody(row.name, row.body);
      if (cutsWaitsOut && isOfWait(body)) continue;
      change(body);
      decisions.note(body);
      CHECK(belay::engine::apply(state, {row.atMs, std::move(body)}).ok());
    }
    const belay::base::Status verified =
        decisions.verify(state, {host.keys, *host.journal}, [&flow](const std::string& path) {
          return flow.find(belay::engine::stepIdOf(path));
        });
    if (!verified) CHECK(verified.error().code == ErrorCode::kDecisionInvalid);
    return verified.ok();
  }
  template <typename T>
  bool believedWith(const std::function<void(T&)>& change) {
    return believed([&change](EventBody& body) {
      if (auto* event = std::get_if<T>(&body)) change(*event);
    });
  }
};

TEST(RecordedDecisions, whatWasSignedIsBelieved) {
  decide(true);
  CHECK(believed([](EventBody&) {}));
}

TEST(RecordedDecisions, aRejectionThatBecameAnApprovalIsFound) {
  decide(false);
  CHECK(believed([](EventBody&) {}));
  CHECK_FALSE(
      believedWith<WaitResolved>([](WaitResolved& e) { e.answer = WaitAnswer::kApproved; }));
}

TEST(RecordedDecisions, rejectionsAreBelievedWithTheWholeFormAndWithoutIt) {
  // A default that counts where the form is whole, as it always had to be once.
  text.replace(text.find("form: {"), 7, "form: {required: [ticket], ");
  text.replace(text.find("{ticket:"), 8, "{note: {type: string, default: none}, ticket:");
  for (const char* form : {R"({"ticket": 7})", "{}"}) {
    run = host.start(text);
    const auto waits = host.journal->waits({true, run.str(), std::nullopt, 100});
    LONGS_EQUAL(1, waits->size());
    CHECK(host.decide(waits->front(), false, form).ok());
    CHECK(believed([](EventBody&) {}));
    CHECK_FALSE(believedWith<WaitResolved>(
        [](WaitResolved& e) { e.bodyJson.replace(e.bodyJson.find("\"form\""), 6, "\"from\""); }));
  }
}

TEST(RecordedDecisions, anOutputThatCountsAsApprovedNeedsADecisionThatSaysSo) {
  decide(false);
  CHECK_FALSE(believedWith<StepFinished>([](StepFinished& e) {
    e.outputJson.replace(e.outputJson.find("\"approved\":false"), 16, "\"approved\":true");
  }));
}

TEST(RecordedDecisions, anApprovalWhoseWaitIsNotInTheHistoryIsMissed) {
  decide(true);
  CHECK_FALSE(believed([](EventBody&) {}, true));
}

TEST(RecordedDecisions, aRejectionWhoseWaitIsNotInTheHistoryNeedsNoSignature) {
  decide(false);
  CHECK(believed([](EventBody&) {}, true));
}

TEST(RecordedDecisions, aRequestThatWasChangedAfterwardsIsFound) {
  decide(true);
  CHECK_FALSE(believedWith<WaitOpened>(
      [](WaitOpened& e) { e.requestJson.replace(e.requestJson.find("Ship it?"), 8, "Drop it?"); }));
}

TEST(RecordedDecisions, aFormOrCommentThatWasChangedAfterwardsIsFound) {
  decide(true);
  CHECK_FALSE(believedWith<WaitResolved>(
      [](WaitResolved& e) { e.bodyJson.replace(e.bodyJson.find('7'), 1, "8"); }));
}

TEST(RecordedDecisions, anAlteredOrMissingSignatureIsFound) {
  decide(true);
  CHECK_FALSE(believedWith<WaitResolved>([](WaitResolved& e) { e.decision.clear(); }));
  CHECK_FALSE(believedWith<WaitResolved>([](WaitResolved& e) {
    // The last character of a signature holds two bits that do not count: the one before it counts.
    char& c = e.decision[e.decision.size() - 2];
    c = c == 'A' ? 'B' : 'A';
  }));
}

TEST(RecordedDecisions, aDecisionOfAKeyThatIsNotKnownIsNotBelieved) {
  decide(true);
  host.keys = belay::trust::DecisionKeys();
  CHECK_FALSE(believed([](EventBody&) {}));
}

TEST(RecordedDecisions, aRunThatWaitsIsBelievedWithoutADecision) {
  CHECK(believed([](EventBody&) {}));
}

TEST(RecordedDecisions, whatBeganBehindAReviewIsWhatWasSigned) {
  text = "slug: gate\nsteps:\n  - {id: ship, run: {command: [\"true\"]}, review: true}\n";
  run = host.start(text);
  belay::journal::WaitFilter mine;
  mine.run = run.str();
  CHECK(host.decide(host.journal->waits(mine)->front(), true).ok());
  CHECK(believed([](EventBody&) {}));
  CHECK_FALSE(believedWith<StepStarted>(
      [](StepStarted& e) { e.renderedJson = R"({"command":["false"]})"; }));
  CHECK_FALSE(believedWith<StepStarted>([](StepStarted& e) { e.timeoutMs = 1; }));
  CHECK_FALSE(believedWith<WaitResolved>([](WaitResolved& e) { e.decision.clear(); }));
  CHECK_FALSE(believedWith<WaitOpened>([](WaitOpened& e) {
    e.requestJson.replace(e.requestJson.find("[\"true\"]"), 8, "[\"nope\"]");
  }));
}

// Taken out of the history whole: nothing is left that a signature could be missing of.
TEST(RecordedDecisions, aReviewThatIsNotInTheHistoryIsMissed) {
  text = "slug: gate\nsteps:\n  - {id: ship, run: {command: [\"true\"]}, review: true}\n";
  const auto flow = *belay::flow::parseFlow(text, "gate.flow.yaml", belay::flow::Format::kYaml);
  belay::engine::RunState state;
  belay::engine::ActiveStep active;
  active.started.key.path = "ship";
  state.active.push_back(active);
  const RecordedDecisions decisions;
  const auto verified = decisions.verify(
      state, {host.keys, *host.journal}, [&flow](const std::string& path) { return flow.find(path); });
  CHECK(TestRuntime::failedWith(verified, ErrorCode::kDecisionInvalid));
}

TEST(RecordedDecisions, afterARestartARunGoesOnFromWhatWasSigned) {
  decide(true);
  host.boot();
  LONGS_EQUAL(1, host.jobs.recovered().size());
  host.succeed(host.jobs.recovered().front());
  LONGS_EQUAL(2, host.jobs.started().size());
}

TEST(RecordedDecisions, afterARestartNoStepBeginsBehindADecisionThatIsNotBelieved) {
  decide(true);
  host.keys = belay::trust::DecisionKeys();
  host.jobs.forget();
  host.boot();
  // What had begun is taken up and ends; nothing new begins, on_error or not.
  host.succeed(host.jobs.recovered().front());
  LONGS_EQUAL(0, host.jobs.started().size());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRNCMP_EQUAL("BLY-DECISION-INVALID", host.errorOf(run).c_str(), 20);
  CHECK(host.log.contains("run.decision_refused"));
}

TEST(RecordedDecisions, aRunThatIsNotBelievedCanBeCancelled) {
  decide(true);
  host.keys = belay::trust::DecisionKeys();
  host.boot();
  CHECK(host.tell([this](Runtime& on) {
              return on.control(run, belay::runtime::Verb::kCancel, "uid:0");
            })
            .ok());
  STRCMP_EQUAL("cancelled", host.status(run).c_str());
}

TEST(RecordedDecisions, theKeysAreAskedAgainOnlyForAHistoryThatComesFromDisk) {
  decide(true);
  host.keys = belay::trust::DecisionKeys();
  host.succeed(host.jobs.started().front());
  LONGS_EQUAL(2, host.jobs.started().size());
}

// Code is given all results again: each visit of an approval has to have its signature.

TEST_GROUP(DecisionsOfCode) {
  TestRuntime host;
  RunId run;

  void setup() override {
    host.boot();
    run = host.start(
        "export const flow = {slug: 'gate'};\nexport default async function (ctx) {\n"
        "for (;;) await ctx.wait('ok', {approval: {summary: 'Again?'}, timeout: '1h'});\n}\n");
    CHECK(host.decide(host.openWait(), false).ok());
    CHECK(host.decide(host.openWait(), true).ok());
  }
  /// A run whose step is reviewed, approved and in flight.
  void startReviewed() {
    run = host.start(
        "export const flow = {slug: 'ship'};\nexport default async function (ctx) {\n"
        "await ctx.step('ship', {run: {command: ['true']}, review: true});\n}\n");
    belay::journal::WaitFilter mine;
    mine.run = run.str();
    CHECK(host.decide(host.journal->waits(mine)->front(), true).ok());
    LONGS_EQUAL(1, host.jobs.started().size());
  }
  /// The call that stands at a path, from the state as a run that is loaded has it.
  static std::unique_ptr<belay::flow::CallStep> callAt(const belay::engine::RunState& state,
                                                       const std::string& path) {
    belay::flow::Flow flow;
    flow.code.emplace().metadata = belay::json::Value(belay::json::Object{});
    const auto call = state.code->calls.find(path);
    if (call == state.code->calls.end()) return nullptr;
    return std::make_unique<belay::flow::CallStep>(
        *belay::flow::callStep(flow, call->first, call->second));
  }
  bool believedWith(const std::function<void(EventBody&)>& change, bool cutsWaitsOut = false) {
    RecordedDecisions decisions;
    belay::engine::RunState state;
    state.id = run;
    const auto events = host.journal->events(run, 0, 100);
    for (const belay::journal::EventRow& row : *events) {
      EventBody body = *belay::engine::decodeBody(row.name, row.body);
      if (cutsWaitsOut && isOfWait(body)) continue;
      change(body);
      decisions.note(body);
      CHECK(belay::engine::apply(state, {row.atMs, std::move(body)}).ok());
    }
    std::unique_ptr<belay::flow::CallStep> found;
    return decisions
        .verify(state, {host.keys, *host.journal},
                [&](const std::string& path) {
                  found = callAt(state, path);
                  return found ? &found->step : nullptr;
                })
        .ok();
  }
};

TEST(DecisionsOfCode, areBelievedAsTheyWereSigned) {
  CHECK(believedWith([](EventBody&) {}));
}

TEST(DecisionsOfCode, anEarlierVisitThatCountsAsApprovedIsFound) {
  CHECK_FALSE(believedWith([](EventBody& body) {
    auto* finished = std::get_if<StepFinished>(&body);
    if (finished && finished->key.visit == 1) finished->outputJson = R"({"approved":true})";
  }));
}

TEST(DecisionsOfCode, anEarlierAnswerThatWasTurnedIsFound) {
  CHECK_FALSE(believedWith([](EventBody& body) {
    auto* resolved = std::get_if<WaitResolved>(&body);
    if (resolved && resolved->key.visit == 1) resolved->answer = WaitAnswer::kApproved;
  }));
}

TEST(DecisionsOfCode, anApprovalWhoseWaitIsNotInTheHistoryIsMissed) {
  CHECK_FALSE(believedWith([](EventBody&) {}, true));
}

TEST(DecisionsOfCode, whatBeganBehindAReviewIsWhatWasSigned) {
  startReviewed();
  CHECK(believedWith([](EventBody&) {}));
  CHECK_FALSE(believedWith([](EventBody& body) {
    if (auto* e = std::get_if<StepStarted>(&body)) e->renderedJson = R"({"command":["false"]})";
  }));
  CHECK_FALSE(believedWith([](EventBody& body) {
    if (auto* e = std::get_if<WaitResolved>(&body)) e->decision.clear();
  }));
}

TEST(DecisionsOfCode, aReviewThatIsNotInTheHistoryIsMissed) {
  startReviewed();
  CHECK_FALSE(believedWith([](EventBody&) {}, true));
}

TEST(DecisionsOfCode, afterARestartWhatWasReviewedGoesOnAndWhatIsNotBelievedDoesNot) {
  startReviewed();
  host.boot();
  host.succeed(host.jobs.recovered().front());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  host.jobs.forget();
  startReviewed();
  host.keys = belay::trust::DecisionKeys();
  host.boot();
  host.succeed(host.jobs.recovered().back());
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRNCMP_EQUAL("BLY-DECISION-INVALID", host.errorOf(run).c_str(), 20);
}
