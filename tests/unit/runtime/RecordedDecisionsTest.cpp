// Takes the events of a run that was approved, as the journal has them, and changes one thing at a
// time: each change must be found by the signature alone, because whoever can write the file can
// make the chain of hashes fit again. The last tests do the same with a whole runtime that starts
// anew.

#include <functional>
#include <string>

#include "agent/engine/Engine.h"
#include "agent/runtime/RecordedDecisions.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::RunId;
using belay::engine::EventBody;
using belay::engine::StepFinished;
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

}  // namespace

TEST_GROUP(RecordedDecisions) {
  TestRuntime host;
  RunId run;

  void setup() override {
    host.boot();
    run = host.start(kFlow);
  }
  void decide(bool approve) {
    CHECK(host.decide(host.openWait(), approve, R"({"ticket": 7})").ok());
  }

  /// Whether the history is believed after `change` was made to each of its events.
  bool believed(const std::function<void(EventBody&)>& change) {
    RecordedDecisions decisions;
    belay::engine::RunState state;
    state.id = run;
    const auto events = host.journal->events(run, 0, 100);
    for (const belay::journal::EventRow& row : *events) {
      EventBody body = *belay::engine::decodeBody(row.name, row.body);
      change(body);
      decisions.note(body);
      CHECK(belay::engine::apply(state, {row.atMs, std::move(body)}).ok());
    }
    const belay::base::Status verified = decisions.verify(state, host.keys);
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

TEST(RecordedDecisions, anOutputThatCountsAsApprovedNeedsADecisionThatSaysSo) {
  decide(false);
  CHECK_FALSE(believedWith<StepFinished>([](StepFinished& e) {
    e.outputJson.replace(e.outputJson.find("\"approved\":false"), 16, "\"approved\":true");
  }));
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
  bool believedWith(const std::function<void(EventBody&)>& change) {
    RecordedDecisions decisions;
    belay::engine::RunState state;
    state.id = run;
    const auto events = host.journal->events(run, 0, 100);
    for (const belay::journal::EventRow& row : *events) {
      EventBody body = *belay::engine::decodeBody(row.name, row.body);
      change(body);
      decisions.note(body);
      CHECK(belay::engine::apply(state, {row.atMs, std::move(body)}).ok());
    }
    return decisions.verify(state, host.keys).ok();
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
