// A host believes a roster, so its approvals are asked of people. Each decision is made right, then
// one thing of it, of the roster or of the clock is spoiled, and the host refuses with the code of
// that reason, and the wait stays as it was.

#include "tests/unit/runtime/GateHost.h"

using namespace belay::test;
using namespace belay::statement;
using std::chrono::hours;

TEST_GROUP_BASE(Gates, GateHost){};

TEST(Gates, aHostWithApproversAsksThem) {
  install();
  const auto run = start();
  const Request asked = request();
  STRCMP_EQUAL("gate", asked.flow.c_str());
  STRCMP_EQUAL(run.str().c_str(), asked.run.c_str());
  STRCMP_EQUAL(host.hostKey.publicKey().thumbprint().c_str(), asked.host.c_str());
  CHECK(asked.keyClass == KeyClass::kE2e);
  LONGS_EQUAL(2 * 3'600'000, asked.expiresMs - asked.createdMs);
  // No operator of the host may answer.
  const auto wait = host.openWait();
  CHECK(TestRuntime::failedWith(host.decide(wait, true), ErrorCode::kDecisionClass));
  ANSWERS("approved", approve("dora"));
  STRCMP_CONTAINS(R"("approved":true,"timed_out":false,"by":"dora")", host.output(run).c_str());
  // And it is believed when it is read again.
  host.boot();
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}

TEST(Gates, aHostWithoutARosterAsksItsOperators) {
  start();
  CHECK(!Request::parse(host.openWait().requestJson).ok());
  CHECK(host.decide(host.openWait(), true).ok());
}

TEST(Gates, aRosterWithoutApproversLeavesItToTheOperators) {
  std::erase_if(fleet.roster.keys, [](const auto& key) { return key.role == Role::kApprover; });
  install();
  start();
  CHECK(host.decide(host.openWait(), true).ok());
}

TEST(Gates, aRejectionEndsTheWait) {
  install();
  const auto run = start();
  ANSWERS("rejected", hand("eve", decision(false)));
  STRCMP_CONTAINS(R"("approved":false,"timed_out":false,"by":"eve")", host.output(run).c_str());
}

TEST(Gates, oneDecisionIsForOneWaitOfOneHost) {
  install();
  start();
  const Decision first = decision();
  ANSWERS("approved", hand("dora", first));
  // The same again is told the same again; another one about it comes too late.
  ANSWERS("approved", hand("dora", first));
  ANSWERS("BLY-WAIT-CLOSED", hand("eve", first));
  start();
  ANSWERS("BLY-WAIT-CLOSED", hand("eve", first));
  Decision other = decision();
  other.request = belay::crypto::sha256("another host's");
  ANSWERS("BLY-DECISION-UNKNOWN", hand("dora", other));
  other = decision();
  other.fleet = belay::crypto::sha256("another fleet");
  ANSWERS("BLY-STATEMENT-FLEET", hand("dora", other));
  ANSWERS("approved", approve("dora"));
}

TEST(Gates, onlyThoseWhoMaySignAreHeard) {
  install();
  start();
  ANSWERS("BLY-STATEMENT-ROLE", approve("ada"));
  ANSWERS("BLY-STATEMENT-KEY", approve("rita"));
  const auto signedTwice = fleet.signedBy(decision(), {"dora", "eve"});
  ANSWERS("BLY-STATEMENT-INVALID", hand(signedTwice, fleet.roster));
  const auto asPin = SignedStatement::parse(fleet.sign(Pin::kTyp, decision().print(), {"dora"}));
  ANSWERS("BLY-STATEMENT-KIND", hand(*asPin, fleet.roster));
  ANSWERS("BLY-STATEMENT-VERSION",
          hand(*SignedStatement::parse(fleet.sign(
                   Decision::kTyp, belay::test::replaced(decision().print(), "\"v\":2", "\"v\":1"),
                   {"dora"})),
               fleet.roster));
  STRCMP_EQUAL("waiting", host.status(*belay::base::RunId::parse(request().run)).c_str());
}

TEST(Gates, theRosterInForceDecides) {
  install();
  start();
  const Roster old = fleet.roster;
  const auto given = fleet.signedBy(decision(), {"dora"});
  revoke("dora", Roster::Mode::kFromNow);
  // Believed by whoever has the old roster; not where it is consumed.
  ANSWERS("BLY-STATEMENT-REVOKED", hand(given, old));
  next();
  std::erase_if(fleet.roster.keys,
                [&](const auto& key) { return key.key.thumbprint() == fleet.kid("eve"); });
  add("rita", Role::kApprover, KeyClass::kE2e, "rita");
  fleet.root.keys.pop_back();
  ANSWERS("BLY-STATEMENT-REVOKED", hand(given, old));
}

TEST(Gates, whatWasCountedGoesWithItsKey) {
  policy(R"({"approvals": {"gates": [{"slug": "*", "quorum": 2}]}})");
  add("cy", Role::kApprover, KeyClass::kE2e, "carl");
  std::erase_if(fleet.roster.keys, [&](const auto& key) {
    return key.role == Role::kReleaseSigner && key.key.thumbprint() == fleet.kid("cy");
  });
  install();
  start();
  ANSWERS("open", approve("dora"));
  revoke("dora", Roster::Mode::kFromNow);
  ANSWERS("open", approve("eve"));
  ANSWERS("approved", approve("cy"));
}

TEST(Gates, aVoidKeyTakesAwayWhatItHasApproved) {
  for (const bool isVoid : {false, true}) {
    install();
    flowText =
        "slug: gate\nsteps:\n  - {id: review, wait: {approval: {summary: s}, timeout: 2h}}\n"
        "  - {id: hold, wait: {callback: {}, timeout: 9h}}\n";
    const auto run = start();
    const char* name = isVoid ? "eve" : "dora";
    ANSWERS("approved", approve(name));
    revoke(name, isVoid ? Roster::Mode::kVoid : Roster::Mode::kFromNow);
    host.boot();
    const auto wait = host.openWait();
    CHECK(host.tell([&](belay::runtime::Runtime& on) {
                return on.waits().answerCallback(wait.id, "null", "test");
              })
              .ok());
    STRCMP_EQUAL(isVoid ? "failed" : "succeeded", host.status(run).c_str());
  }
}

TEST(Gates, aQuorumCountsPersons) {
  policy(R"({"approvals": {"gates": [{"slug": "*", "quorum": 2}]}})");
  std::erase_if(fleet.roster.keys,
                [](const auto& key) { return key.role == Role::kReleaseSigner; });
  add("cy", Role::kApprover, KeyClass::kE2e, "dora");
  install();
  const auto run = start();
  ANSWERS("open", approve("dora"));
  ANSWERS("open", approve("dora"));
  Decision again = decision();
  again.comment = "once more";
  ANSWERS("BLY-DECISION-REPEATED", hand("dora", again));
  ANSWERS("BLY-DECISION-REPEATED", approve("cy"));
  host.boot();
  ANSWERS("approved", approve("eve"));
  STRCMP_CONTAINS(R"("by":"dora, eve")", host.output(run).c_str());
}

TEST(Gates, differentFormValuesDeny) {
  policy(R"({"approvals": {"gates": [{"slug": "*", "quorum": 2}]}})");
  flowText =
      "slug: gate\nsteps:\n  - id: review\n    wait:\n      approval:\n        summary: s\n"
      "        form: {type: object, required: [n], properties: {n: {type: integer}}}\n"
      "      timeout: 2h\noutput: '${{ steps.review.output }}'\n";
  install();
  const auto run = start();
  ANSWERS("BLY-DECISION-INVALID", approve("dora"));
  Decision one = decision();
  one.form.set("n", 1);
  Decision two = decision();
  two.form.set("n", 2);
  ANSWERS("open", hand("dora", one));
  ANSWERS("rejected", hand("eve", two));
  STRCMP_CONTAINS("gave different values", host.output(run).c_str());
}

TEST(Gates, whoAskedMayNotApprove) {
  policy(R"({"approvals": {"persons": {"uid:1000": "dora"}}})");
  install();
  start();
  STRCMP_EQUAL("dora", request().requester.c_str());
  ANSWERS("BLY-DECISION-REQUESTER", approve("dora"));
  ANSWERS("approved", approve("eve"));
}

TEST(Gates, onlyWhoWasAskedIsHeard) {
  policy(R"({"approvals": {"gates": [{"slug": "gate", "approvers": ["eve"]}]}})");
  install();
  start();
  ANSWERS("BLY-DECISION-APPROVER", approve("dora"));
  ANSWERS("approved", approve("eve"));
}

TEST(Gates, theClassOfTheKeyMustBeHighEnough) {
  std::erase_if(fleet.roster.keys,
                [](const auto& key) { return key.role == Role::kReleaseSigner; });
  add("bob", Role::kBot, KeyClass::kBot, "bot");
  add("cy", Role::kApprover, KeyClass::kPage, "carl");
  for (const char* person : {"dora", "carl"}) {
    fleet.roster.identities.push_back(
        {std::string("slack:T1/") + person, person, fleet.kid("bob")});
  }
  install();
  start();
  Decision attested = decision();
  attested.onBehalfOf = "slack:T1/dora";
  ANSWERS("BLY-DECISION-CLASS", hand("bob", attested));
  ANSWERS("BLY-DECISION-CLASS", approve("cy"));
  policy(R"({"approvals": {"gates": [{"slug": "*", "class": "bot", "quorum": 2}]}})");
  CHECK(host.tell([&](belay::runtime::Runtime& on) {
              return on.control(*belay::base::RunId::parse(request().run),
                                belay::runtime::Verb::kCancel, "test");
            })
            .ok());
  start();
  ANSWERS("BLY-DECISION-CLASS", approve("cy"));
  attested = decision();
  attested.onBehalfOf = "slack:T1/nobody";
  ANSWERS("BLY-DECISION-IDENTITY", hand("bob", attested));
  ANSWERS("BLY-DECISION-IDENTITY", approve("bob"));
  attested.onBehalfOf = "slack:T1/carl";
  ANSWERS("BLY-DECISION-IDENTITY", hand("dora", attested));
  ANSWERS("open", hand("bob", attested));
  // All that one bot attests counts once.
  attested.onBehalfOf = "slack:T1/dora";
  ANSWERS("BLY-DECISION-REPEATED", hand("bob", attested));
  ANSWERS("approved", approve("eve"));
}

TEST(Gates, aRequestEnds) {
  install();
  start();
  const Decision late = decision();
  host.clock.advance(hours{2});
  ANSWERS("BLY-DECISION-EXPIRED", hand("dora", late));
}

TEST(Gates, aClockThatWasSetBackOverARestartVoids) {
  install();
  start();
  host.clock.jumpWall(-hours{1});
  // Within one boot nobody looks at it.
  revoke("eve", Roster::Mode::kFromNow);
  const Decision given = decision();
  host.cutPower();
  ANSWERS("BLY-DECISION-EXPIRED", hand("dora", given));
}

TEST(Gates, thePolicyCapsTheAge) {
  policy(R"({"approvals": {"expires": "30m"}})");
  install();
  start();
  LONGS_EQUAL(30 * 60'000, request().expiresMs - request().createdMs);
}

TEST(Gates, whatNobodyCouldAnswerIsNotAsked) {
  install();
  policy(R"({"approvals": {"gates": [{"slug": "gate", "quorum": 3}]}})");
  const auto run = start();
  STRCMP_CONTAINS("BLY-GATE-UNANSWERABLE", host.errorOf(run).c_str());
}

TEST(Gates, aClassThatNeedsARosterFailsWithoutOne) {
  policy(R"({"approvals": {"gates": [{"slug": "gate", "class": "e2e"}]}})");
  STRCMP_CONTAINS("BLY-GATE-UNANSWERABLE", host.errorOf(start()).c_str());
}

TEST(Gates, thePolicyMayLeaveAFlowToTheOperators) {
  policy(R"({"approvals": {"gates": [{"slug": "gate", "class": "local"}]}})");
  install();
  start();
  CHECK(host.decide(host.openWait(), true).ok());
}

TEST(Gates, aReviewIsAskedWithItsEffect) {
  flowText = "slug: gate\nsteps:\n  - {id: ship, run: {command: [\"true\"]}, review: true}\n";
  install();
  const auto run = start();
  CHECK(request().review);
  STRCMP_CONTAINS("\"executable\"", belay::json::print(request().effect).c_str());
  ANSWERS("approved", approve("dora"));
  LONGS_EQUAL(1, host.jobs.started().size());
  host.succeed(host.jobs.started().front());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
}
