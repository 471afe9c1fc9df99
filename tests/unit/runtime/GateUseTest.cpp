// What holds of an approval behind its first answer: for whom a key counts, how old a request and a
// roster may be, and whether it still holds where it is used. Each test changes one thing between
// the question and its use, and looks at what the host does then.

#include "agent/runtime/Gates.h"
#include "tests/unit/runtime/GateHost.h"

using namespace belay;
using namespace belay::test;
using namespace belay::statement;
using std::chrono::hours;
using std::chrono::minutes;

TEST_GROUP_BASE(GateUse, GateHost) {
  base::RunId run;

  Status control(runtime::Verb verb) {
    return host.tell([&](runtime::Runtime& on) { return on.control(run, verb, "test"); });
  }
  /// A step with a review that dora has approved while its run was paused.
  void approvedWhilePaused(const char* options = "true") {
    flowText = "slug: gate\nsteps:\n  - {id: ship, run: {command: [\"true\"]}, review: " +
               std::string(options) + "}\n";
    install();
    run = start();
    CHECK(control(runtime::Verb::kPause).ok());
    ANSWERS("approved", approve("dora"));
    LONGS_EQUAL(0, host.jobs.started().size());
  }
  /// Nothing began; the same is asked once more, of whoever may answer now.
  void isAskedAnew(const char* byWhom) {
    CHECK(control(runtime::Verb::kResume).ok());
    LONGS_EQUAL(0, host.jobs.started().size());
    CHECK(host.log.contains("review.asked_anew"));
    STRCMP_EQUAL("waiting", host.status(run).c_str());
    ANSWERS("approved", approve(byWhom));
    LONGS_EQUAL(1, host.jobs.started().size());
    STRCMP_CONTAINS("true", host.jobs.started().front().renderedJson.c_str());
  }
  void renewEpoch() {
    CHECK(host.tell([](runtime::Runtime& on) { return on.guard().quarantine("machine", "x", 0); })
              .ok());
    CHECK(host.tell([](runtime::Runtime& on) { return on.guard().release(); }).ok());
  }
  void nextRoster() {
    next();
    fleet.roster.createdMs = host.clock.wallMs();
    install();
  }
  Receipt::Gate receiptOf(const crypto::Digest& request) {
    Receipt out;
    CHECK(host.tell([&](runtime::Runtime& on) -> Status {
                BELAY_ASSIGN(out, on.gates().receipt(request, std::nullopt, {}));
                return {};
              })
              .ok());
    return out.gate;
  }
};

TEST(GateUse, anApprovalIsUsedAfterAPause) {
  approvedWhilePaused();
  CHECK(control(runtime::Verb::kResume).ok());
  LONGS_EQUAL(1, host.jobs.started().size());
}

TEST(GateUse, itIsJudgedByTheRosterThatIsInForceThen) {
  approvedWhilePaused();
  revoke("dora", Roster::Mode::kFromNow);
  isAskedAnew("eve");
}

TEST(GateUse, itIsOfTheEpochThatIsThen) {
  approvedWhilePaused();
  renewEpoch();
  isAskedAnew("dora");
}

TEST(GateUse, whatWasAskedBeforeThisBootIsAskedAnewWhereThePolicySaysSo) {
  for (const bool reissue : {false, true}) {
    policy(reissue ? R"({"approvals": {"reissue_after_boot": true}})" : "{}");
    if (!reissue) install();
    run = start();
    const Decision before = decision();
    host.boot();  // The same boot of the machine.
    host.pass(std::chrono::seconds{1});
    CHECK(decision().request == before.request);
    host.cutPower();
    host.pass(std::chrono::seconds{1});
    CHECK_EQUAL(reissue, decision().request != before.request);
    if (reissue) {
      ANSWERS("BLY-DECISION-EPOCH", hand("dora", before));
      CHECK(host.log.contains("approval.asked_anew"));
    }
    ANSWERS("approved", approve("dora"));
  }
}

TEST(GateUse, aDecisionOfAnEarlierBootIsNotUsedWhereThePolicySaysSo) {
  policy(R"({"run": {"allow": [{"executable": "/bin/true", "argv": ["true"]}]},
             "approvals": {"reissue_after_boot": true}})");
  approvedWhilePaused();
  host.cutPower();
  isAskedAnew("dora");
}

TEST(GateUse, itMustNotHaveExpiredThen) {
  approvedWhilePaused("{timeout: 1h}");
  host.pass(minutes{50});
  host.cutPower();
  host.pass(minutes{11});
  isAskedAnew("dora");
}

TEST(GateUse, theRosterMustNotBeTooOldThen) {
  approvedWhilePaused();
  host.pass(hours{25});
  CHECK(control(runtime::Verb::kResume).ok());
  ANSWERS("BLY-ROSTER-STALE", approve("dora"));
  nextRoster();
  ANSWERS("approved", approve("dora"));
  LONGS_EQUAL(1, host.jobs.started().size());
}

TEST(GateUse, aFurtherAttemptIsJudgedToo) {
  flowText =
      "slug: gate\nsteps:\n  - id: ship\n    run: {command: [\"true\"]}\n    review: true\n"
      "    effect: idempotent\n"
      "    retry: {max_attempts: 3, on: [unavailable], backoff: {initial: 1s, max: 1s, jitter: "
      "0}}\n";
  install();
  run = start();
  ANSWERS("approved", approve("dora"));
  host.fail(host.jobs.started().back(), flow::FailureClass::kUnavailable);
  host.pass(std::chrono::seconds{2});
  LONGS_EQUAL(2, host.jobs.started().size());
  host.fail(host.jobs.started().back(), flow::FailureClass::kUnavailable);
  revoke("dora", Roster::Mode::kFromNow);
  host.pass(std::chrono::seconds{2});
  LONGS_EQUAL(2, host.jobs.started().size());
  ANSWERS("approved", approve("eve"));
  LONGS_EQUAL(3, host.jobs.started().size());
}

TEST(GateUse, whatIsFreshIsNotAnsweredByAnOldRoster) {
  flowText =
      "slug: gate\nsteps:\n  - {id: a, wait: {approval: {summary: s, fresh: true}, timeout: 9d}}\n";
  policy(R"({"approvals": {"expires": "9d"}})");
  install();
  run = start();
  CHECK(request().fresh);
  host.pass(hours{25});
  ANSWERS("BLY-ROSTER-STALE", approve("dora"));
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  nextRoster();
  ANSWERS("approved", approve("dora"));
  // What stands before nothing that may be done once is not, unless it says so.
  flowText = "slug: gate\nsteps:\n  - {id: a, wait: {approval: {summary: s}, timeout: 9d}}\n";
  start();
  CHECK(!request().fresh);
  host.pass(hours{25});
  ANSWERS("approved", approve("dora"));
}

TEST(GateUse, aFlowMayWantAHigherClassAndNeverALowerOne) {
  flowText =
      "slug: gate\nsteps:\n  - {id: a, wait: {approval: {summary: s, assurance: bot}, timeout: "
      "2h}}\n";
  // Without a roster nobody is of any class.
  STRCMP_CONTAINS("BLY-GATE-UNANSWERABLE", host.errorOf(start()).c_str());
  install();
  start();
  CHECK(request().keyClass == KeyClass::kE2e);
  policy(R"({"approvals": {"gates": [{"slug": "*", "class": "page"}]}})");
  start();
  CHECK(request().keyClass == KeyClass::kBot || request().keyClass == KeyClass::kE2e);
  policy(R"({"approvals": {"gates": [{"slug": "*", "class": "local"}]}})");
  start();
  CHECK(request().keyClass == KeyClass::kBot);
}

TEST(GateUse, whoHoldsTheKeyOfABotIsNotAPersonMore) {
  policy(R"({"approvals": {"gates": [{"slug": "*", "class": "bot", "quorum": 2}]}})");
  noSigners();
  add("bob", Role::kBot, KeyClass::kBot, "eve");
  add("cy", Role::kBot, KeyClass::kBot, "eve");
  add("ada", Role::kBot, KeyClass::kBot, "carl");
  for (const char* bot : {"bob", "cy", "ada"}) {
    for (const char* person : {"dora", "carl", "gil"})
      fleet.roster.identities.push_back({std::string("x:") + person, person, fleet.kid(bot)});
  }
  install();
  start();
  const auto attested = [&](const char* person) {
    Decision out = decision();
    out.onBehalfOf = std::string("x:") + person;
    return out;
  };
  // Eve has her own key and those of two bots: all of it is one human.
  ANSWERS("open", hand("bob", attested("carl")));
  ANSWERS("BLY-DECISION-REPEATED", approve("eve"));
  ANSWERS("BLY-DECISION-REPEATED", hand("cy", attested("gil")));
  // Carl, whom a bot has attested, holds a bot of his own.
  ANSWERS("BLY-DECISION-REPEATED", hand("ada", attested("gil")));
  // Whoever decides by neither of them is the second one; a rejection is always heard.
  ANSWERS("approved", approve("dora"));
  start();
  ANSWERS("open", approve("eve"));
  Decision no = attested("dora");
  no.approve = false;
  ANSWERS("rejected", hand("bob", no));
}

TEST(GateUse, aQuorumThatOneHumanWouldBeIsNotAsked) {
  policy(R"({"approvals": {"gates": [{"slug": "*", "class": "bot", "quorum": 3}]}})");
  noSigners();
  add("bob", Role::kBot, KeyClass::kBot, "eve");
  fleet.roster.identities.push_back({"x:gil", "gil", fleet.kid("bob")});
  install();
  STRCMP_CONTAINS("the roster has 2 who may", host.errorOf(start()).c_str());
}

TEST(GateUse, whoAskedMayNotApproveByTheirBot) {
  policy(R"({"approvals": {"gates": [{"slug": "*", "class": "bot"}],
             "persons": {"uid:1000": "carl"}}})");
  noSigners();
  add("bob", Role::kBot, KeyClass::kBot, "carl");
  fleet.roster.identities.push_back({"x:dora", "dora", fleet.kid("bob")});
  install();
  start();
  Decision attested = decision();
  attested.onBehalfOf = "x:dora";
  ANSWERS("BLY-DECISION-REQUESTER", hand("bob", attested));
  ANSWERS("approved", approve("dora"));
}

TEST(GateUse, theRowSaysWhoAnswers) {
  policy(R"({"approvals": {"gates": [{"slug": "*", "class": "local"}]}})");
  install();
  run = start();
  // A request of people that this version could not read.
  const auto wait = host.openWait();
  CHECK(host.tell([&](runtime::Runtime& on) {
              journal::GateRow gate;
              gate.request = wait.requestDigest;
              gate.wait = wait.id.str();
              return on.journal().gates().add(gate);
            })
            .ok());
  CHECK(TestRuntime::failedWith(host.decide(wait, true), ErrorCode::kDecisionClass));
  STRCMP_EQUAL("waiting", host.status(run).c_str());
}

TEST(GateUse, aClockThatIsSetBackMakesNoRequestYounger) {
  install();
  start();
  const Decision given = decision();
  host.pass(minutes{110});
  // It goes off with ten minutes left, and comes back by a clock that says a hundred.
  host.clock.jumpWall(-minutes{100});
  host.cutPower();
  ANSWERS("BLY-DECISION-EXPIRED", hand("dora", given));
}

TEST(GateUse, theTimeThatAHostWasUpAddsUp) {
  install();
  run = start();
  for (int boot = 0; boot < 2; ++boot) {
    host.pass(minutes{50});
    host.clock.jumpWall(-minutes{45});
    host.pass(minutes{12});
    host.cutPower(boot + 1);
  }
  // By the wall clock half an hour has passed; the host has seen two.
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  STRCMP_CONTAINS(R"("approved":false,"timed_out":true)", host.output(run).c_str());
}

TEST(GateUse, whatIsOpenIsAskedAnewInANewEpoch) {
  install();
  run = start();
  const Request before = request();
  const Decision given = decision();
  host.pass(minutes{30});
  renewEpoch();
  const Request after = request();
  CHECK(before.epoch != after.epoch);
  CHECK(before.nonce != after.nonce);
  CHECK(before.wait != after.wait);
  STRCMP_EQUAL(before.run.c_str(), after.run.c_str());
  STRCMP_EQUAL(before.summary.c_str(), after.summary.c_str());
  LONGS_EQUAL(90 * 60'000, after.expiresMs - after.createdMs);
  ANSWERS("BLY-DECISION-EPOCH", hand("dora", given));
  CHECK(receiptOf(given.request) == Receipt::Gate::kSuperseded);
  // Once, whatever becomes of the host meanwhile.
  host.boot();
  host.cutPower();
  STRCMP_EQUAL(after.nonce.c_str(), request().nonce.c_str());
  STRCMP_EQUAL("run_created wait_opened wait_opened", host.history(run).c_str());
  ANSWERS("approved", approve("dora"));
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  host.boot();
  STRCMP_CONTAINS(R"("by":"dora")", host.output(run).c_str());
}

TEST(GateUse, aReviewThatIsAskedAnewIsOfTheSameEffect) {
  flowText = "slug: gate\nsteps:\n  - {id: ship, run: {command: [\"true\"]}, review: true}\n";
  install();
  run = start();
  const Request before = request();
  renewEpoch();
  const Request after = request();
  CHECK(before.epoch != after.epoch);
  STRCMP_EQUAL(before.effectDigest.c_str(), after.effectDigest.c_str());
  ANSWERS("approved", approve("eve"));
  LONGS_EQUAL(1, host.jobs.started().size());
}

TEST(GateUse, whatIsAskedAnewEndsInTimeToo) {
  install();
  run = start();
  host.pass(minutes{30});
  renewEpoch();
  host.pass(minutes{91});
  STRCMP_CONTAINS(R"("timed_out":true)", host.output(run).c_str());
}

TEST(GateUse, whatWasLeftUnseenIsShownAndMayBeRefused) {
  flowText =
      "slug: gate\nsteps:\n  - id: review\n    wait:\n      approval: {summary: s, artifacts: "
      "[abc]}\n"
      "      timeout: 2h\noutput: '${{ steps.review.output }}'\n";
  install();
  run = start();
  Decision other = decision();
  other.unseen.push_back(crypto::sha256("no artifact of it"));
  ANSWERS("BLY-DECISION-INVALID", hand("dora", other));
  Decision blind = decision();
  blind.unseen.push_back(crypto::sha256("abc"));
  ANSWERS("approved", hand("dora", blind));
  STRCMP_CONTAINS(("\"unseen\":[\"" + crypto::sha256("abc").hex() + "\"]").c_str(),
                  host.output(run).c_str());
  host.boot();
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  policy(R"({"approvals": {"gates": [{"slug": "gate", "unseen": "refuse"}]}})");
  start();
  blind.request = decision().request;
  ANSWERS("BLY-ARTIFACT-UNSEEN", hand("dora", blind));
  ANSWERS("approved", approve("dora"));
}
