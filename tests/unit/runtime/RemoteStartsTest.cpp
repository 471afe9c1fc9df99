// Starts that a starter has signed, on a real runtime over a disk that can lose power: each begins
// one run or none, and whatever brings it again is told the same.

#include "agent/journal/StartTable.h"
#include "agent/runtime/FlowLifecycle.h"
#include "agent/runtime/HostTrust.h"
#include "agent/runtime/Pins.h"
#include "common/crypto/Sha256.h"
#include "common/yaml/Yaml.h"
#include "tests/support/TestRuntime.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace std::chrono_literals;
using base::ErrorCode;
using base::Status;
using statement::KeyClass;
using statement::Role;
using statement::SignedStatement;
using statement::Start;
using statement::StartReceipt;
using test::Fleet;
using test::TestRuntime;

namespace {

constexpr const char* kFlow =
    "slug: deploy\ninput: {type: object, properties: {n: {type: integer}}}\n"
    "steps:\n  - {id: hold, wait: {approval: {summary: Go on?}, timeout: 2h}}\n";
constexpr const char* kPolicy =
    "starts: {allow: [{flows: [deploy, other], persons: [eve, dan]}], expires: 1h}\n"
    "approvals: {gates: [{slug: '*', class: local}]}\n";

}  // namespace

TEST_GROUP(RemoteStarts) {
  TestRuntime host;
  Fleet fleet;
  statement::Pin pin;
  std::string epoch;
  std::string said;  ///< The run, or the code of the refusal.
  std::optional<StartReceipt> receipt;

  void setup() override {
    policy(kPolicy);
    fleet.root.threshold = 1;
    fleet.roster.fleet = fleet.fleet();
    fleet.roster.pinThreshold = 1;
    fleet.roster.createdMs = host.clock.wallMs();
    add("eve", Role::kStarter, "eve");
    add("cy2", Role::kStarter, "dan");
    install();
    release(kFlow);
    tell([&](runtime::Runtime& on) -> Status {
      BELAY_ASSIGN(const runtime::HostEpoch* const now, on.guard().epoch());
      epoch = now->text();
      return {};
    });
  }

  void tell(std::function<Status(runtime::Runtime&)> work) {
    const Status done = host.tell(std::move(work));
    CHECK_TEXT(done.ok(), done.ok() ? "" : done.error().message.c_str());
  }
  void policy(const char* text) {
    const auto document = yaml::parse(text);
    auto made = trust::Policy::parse(document->root, "policy.yaml",
                                     [](const std::string& path) { return path; });
    CHECK_TEXT(made.ok(), made.ok() ? "" : made.error().message.c_str());
    host.policy = *made;
    host.boot();
  }
  void add(const char* name, Role role, const char* person) {
    std::erase_if(fleet.roster.keys,
                  [&](const auto& key) { return key.key.thumbprint() == fleet.kid(name); });
    fleet.roster.keys.push_back({fleet.publicKey(name), role, KeyClass::kNone, person});
  }
  void install() {
    runtime::TrustOffer offer;
    offer.root = fleet.signedBy(fleet.root, {"rosa"});
    offer.rootDigest = fleet.fleet();
    offer.roster = fleet.signedBy(fleet.roster, {"rosa"});
    tell([&](runtime::Runtime& on) -> Status {
      const auto done = runtime::takeTrust(on.journal(), offer, {"test", ""}, 1);
      return done ? Status{} : Status{done.error()};
    });
  }
  void nextRoster() {
    fleet.roster.prev = Fleet::digestOf(fleet.roster);
    ++fleet.roster.version;
  }
  /// Makes a release and, unless it is to be made live by hand, a pin for it.
  void release(const std::string& text, bool pinned = true) {
    tell([&](runtime::Runtime& on) -> Status {
      const std::string digest = host.put(on, text);
      const std::string slug = text.substr(6, text.find('\n') - 6);
      BELAY_TRY(runtime::importRelease(
          on.journal(), {digest, slug, "yaml", text, host.clock.wallMs()}, "", {"test", ""}));
      if (!pinned) {
        const auto live = runtime::promote(on.journal(), slug, "", {"test", ""}, 1);
        return live ? Status{} : Status{live.error()};
      }
      pin.fleet = fleet.fleet();
      pin.flow = slug;
      pin.release = crypto::sha256(text);
      pin.size = static_cast<std::int64_t>(text.size());
      const auto taken = runtime::takePin(on.journal(), on.policy(), on.hostKey(), fleet.signedBy(pin, {"ada"}),
                                          {"test", ""}, host.clock.wallMs());
      if (!taken) return taken.error();
      pin.prev = Fleet::digestOf(pin);
      ++pin.counter;
      return {};
    });
  }
  Start start(const char* key = "k1") {
    Start out;
    out.fleet = fleet.fleet();
    out.host = host.hostKey.publicKey().thumbprint();
    out.epoch = epoch;
    out.flow = "deploy";
    out.release = crypto::sha256(kFlow);
    out.input = *json::parse(R"({"n":1})");
    out.key = key;
    out.createdMs = host.clock.wallMs();
    out.notAfterMs = out.createdMs + 60'000;
    return out;
  }
  /// Hands it in as the link does: believed or not, with what is to be told about it.
  const std::string& hand(const SignedStatement& statement) {
    said.clear();
    receipt.reset();
    const auto believed = verifyStart(statement, fleet.roster);
    tell([&](runtime::Runtime& on) -> Status {
      Status taken;
      if (!believed) taken = believed.error();
      if (believed) {
        const auto started = on.starts().take(statement, *believed, "test");
        if (!started && runtime::endsTransaction(started.error().code)) return started.error();
        if (!started) taken = started.error();
        if (started) said = started->run.str();
      }
      if (!taken) said = base::errorText(taken.error().code);
      BELAY_ASSIGN(receipt, on.starts().receipt(statement, taken));
      return {};
    });
    return said;
  }
  const std::string& hand(const Start& what, const char* name = "eve") {
    return hand(fleet.signedBy(what, {name}));
  }
  void refused(const char* code, const Start& what, const char* name = "eve") {
    STRCMP_EQUAL(code, hand(what, name).c_str());
    LONGS_EQUAL(0, runs());
  }
  void wall(std::int64_t ms) {
    host.clock.jumpWall(std::chrono::milliseconds{ms - host.clock.wallMs()});
  }
  std::size_t runs() { return host.journal->runs({})->size(); }
};

TEST(RemoteStarts, aStartBeginsOneRunAndSaysSoEachTime) {
  const SignedStatement statement = fleet.signedBy(start(), {"eve"});
  const std::string run = hand(statement);
  CHECK(run.starts_with("r"));
  const std::string first = receipt->print();
  CHECK(receipt->outcome == StartReceipt::Outcome::kAccepted);
  STRCMP_EQUAL(run.c_str(), receipt->run.c_str());
  STRCMP_EQUAL(fleet.kid("eve").c_str(), receipt->signer.c_str());
  const auto state = host.state(*base::RunId::parse(run));
  STRCMP_EQUAL("starter:eve", state.created.startedBy.c_str());
  STRCMP_EQUAL("starter:eve", state.created.requester.c_str());
  CHECK(state.created.triggerJson.find(statement.digest().hex()) != std::string::npos);
  host.pass(5s);
  STRCMP_EQUAL(run.c_str(), hand(statement).c_str());
  STRCMP_EQUAL(first.c_str(), receipt->print().c_str());
  // Over power cuts, with another clock, and signed once more over the same bytes.
  host.cutPower();
  STRCMP_EQUAL(run.c_str(), hand(statement).c_str());
  STRCMP_EQUAL(first.c_str(), receipt->print().c_str());
  STRCMP_EQUAL(run.c_str(), hand(fleet.signedBy(start(), {"eve"})).c_str());
  wall(host.clock.wallMs() + 3'600'000);
  STRCMP_EQUAL(run.c_str(), hand(statement).c_str());
  LONGS_EQUAL(1, runs());
}

TEST(RemoteStarts, aKeyOfAPersonBeginsOneRun) {
  const std::string run = hand(start());
  host.pass(1s);
  Start again = start();  // other times
  STRCMP_EQUAL(run.c_str(), hand(again).c_str());
  CHECK(receipt->outcome == StartReceipt::Outcome::kAccepted);
  again.input = *json::parse(R"({"n":2})");
  STRCMP_EQUAL("BLY-START-CONFLICT", hand(again).c_str());
  // Another person's key is another one.
  CHECK(hand(start(), "cy2").starts_with("r") && said != run);
  LONGS_EQUAL(2, runs());
}

TEST(RemoteStarts, whoMayNotIsRefused) {
  refused("BLY-STATEMENT-KEY", start(), "rolf");
  refused("BLY-STATEMENT-ROLE", start(), "dora");
  CHECK(receipt->outcome == StartReceipt::Outcome::kRefused);
  Start other = start();
  other.fleet = crypto::sha256("another");
  refused("BLY-STATEMENT-FLEET", other);
  other = start();
  other.host = fleet.kid("bob");
  refused("BLY-START-HOST", other);
  other = start();
  other.epoch = "0.x";
  refused("BLY-START-EPOCH", other);
  other = start();
  other.flow = "secret";
  refused("BLY-POLICY-REFUSED", other);
  nextRoster();
  add("eve", Role::kStarter, "mallory");
  install();
  refused("BLY-POLICY-REFUSED", start());
}

TEST(RemoteStarts, aWrongSignatureIsToldToNobody) {
  // The right key by name, and the signature of another start: its sender has not made it.
  const std::string whole = fleet.sign(start("k1"), {"eve"});
  const std::string other = fleet.sign(start("k2"), {"eve"});
  const std::string forged = whole.substr(0, whole.rfind('.')) + other.substr(other.rfind('.'));
  STRCMP_EQUAL("BLY-STATEMENT-SIGNATURE", hand(*SignedStatement::parse(forged)).c_str());
  CHECK(!receipt);
  CHECK(hand(start("k1")).starts_with("r"));
}

TEST(RemoteStarts, theRosterOfThatMomentCounts) {
  const SignedStatement statement = fleet.signedBy(start(), {"eve"});
  const auto believed = verifyStart(statement, fleet.roster);
  CHECK(believed.ok());
  nextRoster();
  fleet.roster.revocations.push_back({fleet.kid("eve"), statement::Roster::Mode::kFromNow, "lost"});
  std::erase_if(fleet.roster.keys,
                [&](const auto& key) { return key.key.thumbprint() == fleet.kid("eve"); });
  install();
  CHECK(TestRuntime::failedWith(host.tell([&](runtime::Runtime& on) -> Status {
    const auto taken = on.starts().take(statement, *believed, "test");
    return taken ? Status{} : Status{taken.error()};
  }),
                                ErrorCode::kStatementRevoked));
  LONGS_EQUAL(0, runs());
}

TEST(RemoteStarts, onlyWhatIsLiveAndPinnedRuns) {
  Start other = start();
  other.flow = "other";
  refused("BLY-NOT-FOUND", other);
  const std::string text = test::replaced(kFlow, "deploy", "other");
  release(text, false);
  other = start("k2");
  other.flow = "other";
  other.release = {};
  refused("BLY-PIN-REQUIRED", other);
  // Another release by hand: the pin names the one before.
  const std::string newer = std::string(kFlow) + "# newer\n";
  release(newer, false);
  other = start("k3");
  refused("BLY-START-RELEASE", other);
  other = start("k4");
  other.release = crypto::sha256(newer);
  refused("BLY-PIN-REQUIRED", other);
  // What was refused is refused for good, also when it could begin by now.
  release(newer);
  refused("BLY-PIN-REQUIRED", other);
  other.createdMs += 1;
  CHECK(hand(other).starts_with("r"));
}

TEST(RemoteStarts, aVoidPinNamesNothing) {
  nextRoster();
  fleet.roster.floors.push_back({"deploy", "stable", 2});
  install();
  refused("BLY-PIN-VOID", start());
}

TEST(RemoteStarts, itLivesAsLongAsItSaysAndThePolicyLetsIt) {
  Start late = start();
  late.notAfterMs = host.clock.wallMs() + 3'600'001;
  refused("BLY-START-EXPIRED", late);
  Start soon = start("k2");
  host.pass(60s);
  refused("BLY-START-EXPIRED", soon);
  // The clock is set back: what was refused stays so.
  wall(soon.createdMs);
  refused("BLY-START-EXPIRED", soon);
}

TEST(RemoteStarts, aClockThatIsSetBackBringsNothingBack) {
  Start first = start("k1");
  first.input = *json::parse(R"({"n":"none"})");
  refused("BLY-INPUT-INVALID", first);
  host.pass(61s);
  CHECK(hand(start("k2")).starts_with("r"));  // The first one is forgotten by that.
  LONGS_EQUAL(0, host.journal->starts().withoutRun(10).value());
  wall(first.createdMs);
  STRCMP_EQUAL("BLY-START-EXPIRED", hand(first).c_str());
  // Two years ahead for a while: what comes after that is taken as before.
  wall(first.createdMs + 2 * 366 * 86'400'000LL);
  CHECK(hand(start("k3")).starts_with("r"));
  wall(first.createdMs + 120'000);
  CHECK(hand(start("k4")).starts_with("r"));
  LONGS_EQUAL(3, runs());
}

TEST(RemoteStarts, aKeyIsKnownAsLongAsItsRun) {
  const Start first = start();
  const std::string run = hand(first);
  tell([&](runtime::Runtime& on) {
    return on.control(*base::RunId::parse(run), runtime::Verb::kCancel, "test");
  });
  host.pass(61s);
  CHECK(hand(start("k2")).starts_with("r"));
  STRCMP_EQUAL(run.c_str(), hand(first).c_str());
  CHECK(host.journal->prune(host.clock.wallMs() + 1, 10).ok());
  LONGS_EQUAL(1, runs());
  // Its run is gone; that it has begun one is known until its end is forgotten too.
  STRCMP_EQUAL(run.c_str(), hand(first).c_str());
  CHECK(hand(start("k3")).starts_with("r"));
  STRCMP_EQUAL("BLY-START-EXPIRED", hand(first).c_str());
  LONGS_EQUAL(2, runs());
}

TEST(RemoteStarts, whatTheFlowSkipsIsSaid) {
  const std::string text =
      test::replaced(kFlow, "steps:", "concurrency: {limit: 1, on_conflict: skip}\nsteps:");
  release(text);
  Start first = start("k1"), second = start("k2");
  first.release = second.release = crypto::sha256(text);
  CHECK(hand(first).starts_with("r"));
  STRCMP_EQUAL("BLY-START-SKIPPED", hand(second).c_str());
  CHECK(receipt->outcome == StartReceipt::Outcome::kSkipped && receipt->run.empty());
  STRCMP_EQUAL("BLY-START-SKIPPED", hand(second).c_str());
  CHECK(receipt->outcome == StartReceipt::Outcome::kSkipped);
  LONGS_EQUAL(1, runs());
}

TEST(RemoteStarts, inQuarantineNothingBegins) {
  tell([&](runtime::Runtime& on) { return on.guard().quarantine("test", "test", 0); });
  Start first = start();
  STRCMP_EQUAL("BLY-HOST-QUARANTINED", hand(first).c_str());
  tell([&](runtime::Runtime& on) { return on.guard().release(); });
  // Whoever had it copied may have it too.
  STRCMP_EQUAL("BLY-START-EPOCH", hand(first).c_str());
  LONGS_EQUAL(0, runs());
}

TEST(RemoteStarts, itOffersWhatMayBeStarted) {
  const auto offered = [&] {
    std::string out;
    tell([&](runtime::Runtime& on) -> Status {
      BELAY_ASSIGN(const auto offer, on.starts().offer());
      for (const auto& each : offer->flows)
        out += each.flow + " " + std::to_string(each.pin) + (each.startable ? " yes; " : " no; ");
      return {};
    });
    return out;
  };
  STRCMP_EQUAL("deploy 1 yes; ", offered().c_str());
  release(test::replaced(kFlow, "deploy", "other"), false);
  STRCMP_EQUAL("deploy 1 yes; ", offered().c_str());
  policy("starts: {allow: [{flows: [other]}], discovery: all}");
  STRCMP_EQUAL("deploy 1 no; other 0 no; ", offered().c_str());
  policy("starts: {expires: 1h}");
  STRCMP_EQUAL("", offered().c_str());
}
