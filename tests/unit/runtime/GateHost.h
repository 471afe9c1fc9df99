#pragma once

#include <string>

#include "agent/runtime/HostTrust.h"
#include "common/json/Json.h"
#include "tests/support/TestRuntime.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

namespace belay::test {

using namespace belay::statement;
using base::ErrorCode;
using base::Status;

#define ANSWERS(expected, given) STRCMP_EQUAL(expected, (given).c_str())

/// A host with a flow that asks, and the fleet whose roster it may be given.
struct GateHost : Utest {
  TestRuntime host;
  Fleet fleet;
  std::string flowText =
      "slug: gate\nsteps:\n  - id: review\n    wait:\n      approval: {summary: Go on?}\n"
      "      timeout: 2h\noutput: '${{ steps.review.output }}'\n";

  void setup() override {
    fleet.root.threshold = 1;
    fleet.roster.fleet = fleet.fleet();
    fleet.roster.createdMs = host.clock.wallMs();
    add("eve", Role::kApprover, KeyClass::kE2e, "eve");
    host.boot();
  }

  void add(const char* name, Role role, KeyClass keyClass, const char* person) {
    fleet.roster.keys.push_back({fleet.publicKey(name), role, keyClass, person});
  }
  void install() {
    runtime::TrustOffer offer;
    offer.root = fleet.signedBy(fleet.root, {"rosa"});
    offer.rootDigest = fleet.fleet();
    offer.roster = fleet.signedBy(fleet.roster, {"rosa"});
    const Status taken = host.tell([&](runtime::Runtime& on) -> Status {
      const auto done = runtime::takeTrust(on.journal(), offer, {"test", ""}, 1);
      return done ? Status{} : Status{done.error()};
    });
    CHECK_TEXT(taken.ok(), taken.ok() ? "" : taken.error().message.c_str());
  }
  void next() {
    fleet.roster.prev = Fleet::digestOf(fleet.roster);
    ++fleet.roster.version;
  }
  void revoke(const char* name, Roster::Mode mode) {
    next();
    std::erase_if(fleet.roster.keys,
                  [&](const Roster::Key& key) { return key.key.thumbprint() == fleet.kid(name); });
    fleet.roster.revocations.push_back({fleet.kid(name), mode, "test"});
    install();
  }
  void policy(const std::string& json) {
    const auto rules = json::parse(json);
    CHECK(rules.ok());
    auto made =
        trust::Policy::parse(*rules, "policy.yaml", [](const std::string& path) { return path; });
    CHECK_TEXT(made.ok(), made.ok() ? "" : made.error().message.c_str());
    host.policy = *made;
    host.boot();
  }
  base::RunId start() { return host.start(flowText); }

  Request request() {
    const auto parsed = Request::parse(host.openWait().requestJson);
    CHECK(parsed.ok());
    return *parsed;
  }
  Decision decision(bool approve = true) {
    Decision out;
    out.fleet = fleet.fleet();
    out.request = crypto::sha256(host.openWait().requestJson);
    out.approve = approve;
    out.createdMs = host.clock.wallMs();
    return out;
  }
  /// "approved", "open", …, or the code of the refusal.
  std::string hand(const SignedStatement& statement, const Roster& roster) {
    const auto believed = verifyDecision(statement, roster);
    if (!believed) return std::string(base::errorText(believed.error().code));
    std::string said;
    const Status taken = host.tell([&](runtime::Runtime& on) -> Status {
      BELAY_ASSIGN(const auto done, on.gates().take(statement, *believed, "test"));
      said = gateName(done.gate);
      return {};
    });
    return taken ? said : std::string(base::errorText(taken.error().code));
  }
  std::string hand(const char* name, const Decision& what) {
    return hand(fleet.signedBy(what, {name}), fleet.roster);
  }
  std::string approve(const char* name) { return hand(name, decision()); }
  /// Takes the release-signers out of the way, whose keys then are free for other roles.
  void noSigners() {
    std::erase_if(fleet.roster.keys,
                  [](const Roster::Key& key) { return key.role == Role::kReleaseSigner; });
  }
};

}  // namespace belay::test
