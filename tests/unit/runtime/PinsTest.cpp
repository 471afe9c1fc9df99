// What a host believes and pins, on a journal alone: statements of a test fleet come in every
// order, and each refusal leaves everything as it was.

#include "agent/runtime/Pins.h"
#include "common/crypto/Sha256.h"
#include "common/yaml/Yaml.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using statement::Pin;
using test::Fleet;

namespace {

const runtime::Author kAlice{"uid:1000 (alice)", ""};

trust::Policy policyOf(const char* text) {
  const auto document = yaml::parse(text);
  BELAY_CHECK(document.ok());
  auto policy = trust::Policy::parse(document->root, "policy.yaml",
                                     [](const std::string& path) { return path; });
  BELAY_CHECK(policy.ok());
  return std::move(*policy);
}

}  // namespace

TEST_GROUP(Pins) {
  test::TempFolder folder;
  test::SimClock clock;
  test::MemoryLog log;
  std::unique_ptr<journal::Journal> journal;
  Fleet fleet;
  // The key of "eve" is this host's.
  const runtime::OwnKey ownKey = [this] {
    return base::Result<crypto::P256PublicKey>(fleet.publicKey("eve"));
  };
  trust::Policy policy = policyOf("flows: [{slug: deploy, pin: required}]");

  void setup() override {
    journal::JournalOptions options;
    options.path = folder.at("journal.db");
    options.reserveBytes = 0;
    journal = std::move(*journal::Journal::open(options, clock, log));
    addRelease("content");
  }

  journal::FlowRow flow(const std::string& content) {
    return {"sha256:" + crypto::sha256(content).hex(), "deploy", "yaml", content, clock.wallMs()};
  }
  void addRelease(const std::string& content) {
    CHECK(runtime::importRelease(*journal, flow(content), "", kAlice).ok());
  }
  std::int64_t live() {
    const auto state = runtime::flowState(*journal, "deploy");
    return state->live ? state->live->release : 0;
  }
  base::Result<runtime::TrustTaken> install(const runtime::TrustOffer& offer) {
    return runtime::takeTrust(*journal, offer, kAlice, clock.wallMs());
  }
  base::Result<runtime::TrustTaken> installRoster() {
    runtime::TrustOffer offer;
    offer.roster = fleet.signedBy(fleet.roster, {"rosa", "rolf"});
    return install(offer);
  }
  base::Result<runtime::TrustTaken> installCard(const char* host, const char* registrar,
                                                std::int64_t counter = 1) {
    statement::Card card(fleet.publicKey(host));
    card.fleet = fleet.fleet();
    card.label = "web";
    card.groups = {"prod", "eu"};
    card.counter = counter;
    runtime::TrustOffer offer;
    offer.card = fleet.signedBy(card, {registrar});
    offer.ownKey = ownKey;
    return install(offer);
  }
  void believe() {
    runtime::TrustOffer offer;
    offer.root = fleet.signedBy(fleet.root, {"rosa", "rolf"});
    offer.rootDigest = fleet.fleet();
    offer.roster = fleet.signedBy(fleet.roster, {"rosa", "rolf"});
    CHECK(install(offer).ok());
  }
  base::Result<runtime::PinTaken> apply(const Pin& pin, Fleet::Names names = {"ada", "bob"}) {
    return runtime::takePin(*journal, policy, ownKey, fleet.signedBy(pin, names), kAlice,
                            clock.wallMs());
  }
  /// The pin after the fleet's, for another content.
  Pin next(const Pin& before, const std::string& content) const {
    Pin pin = before;
    pin.counter = before.counter + 1;
    pin.prev = Fleet::digestOf(before);
    pin.release = crypto::sha256(content);
    pin.size = static_cast<std::int64_t>(content.size());
    return pin;
  }
  void nextRoster() {
    fleet.roster.prev = Fleet::digestOf(fleet.roster);
    ++fleet.roster.version;
  }
  bool mayRun(const std::string& content) {
    return runtime::refuseUnpinned(*journal, policy, "deploy", flow(content).digest).ok();
  }
  ErrorCode whyNot(const std::string& content) {
    return runtime::refuseUnpinned(*journal, policy, "deploy", flow(content).digest).error().code;
  }
  template <typename R>
  void refused(ErrorCode code, const R& result) {
    CHECK_FALSE(result.ok());
    STRCMP_EQUAL(std::string(base::errorText(code)).c_str(),
                 std::string(base::errorText(result.error().code)).c_str());
  }
};

TEST(Pins, nothingIsBelievedBeforeARootIsNamed) {
  refused(ErrorCode::kTrustNone, apply(fleet.pin));
  runtime::TrustOffer offer;
  offer.roster = fleet.signedBy(fleet.roster, {"rosa", "rolf"});
  refused(ErrorCode::kTrustNone, install(offer));
  offer.root = fleet.signedBy(fleet.root, {"rosa", "rolf"});
  refused(ErrorCode::kInvalidArgument, install(offer));
  offer.rootDigest = crypto::sha256("another");
  refused(ErrorCode::kTrustDigest, install(offer));
  offer.rootDigest = fleet.fleet();
  offer.leastRoster = 2;
  refused(ErrorCode::kStatementOld, install(offer));
  CHECK_FALSE(runtime::hostTrust(*journal)->root.has_value());
  offer.leastRoster = 1;
  const auto taken = install(offer);
  CHECK(taken.ok() && taken->newRoot && taken->newRoster);
  CHECK(taken->now.fleet == fleet.fleet());
  const auto again = install(offer);
  CHECK(again.ok() && !again->newRoot && !again->newRoster);
}

TEST(Pins, rostersOnlyGoForwardAndForksAreKept) {
  believe();
  const statement::Roster first = fleet.roster;
  nextRoster();
  CHECK(installRoster()->newRoster);
  const statement::Roster second = fleet.roster;
  fleet.roster = first;
  refused(ErrorCode::kStatementOld, installRoster());
  fleet.roster = second;
  fleet.roster.pinThreshold = 1;  // the same version, other bytes
  refused(ErrorCode::kStatementFork, installRoster());
  LONGS_EQUAL(1, journal->forks(10)->size());
  refused(ErrorCode::kStatementFork, installRoster());
  LONGS_EQUAL(1, journal->forks(10)->size());  // evidence is kept once
  nextRoster();                                // follows the fork
  refused(ErrorCode::kStatementFork, installRoster());
  LONGS_EQUAL(2, runtime::hostTrust(*journal)->roster->document.pinThreshold);
  ++fleet.roster.version;  // one was missed: any higher one is taken
  CHECK(installRoster()->newRoster);
}

TEST(Pins, anUnsignedForkIsNoEvidence) {
  believe();
  runtime::TrustOffer offer;
  fleet.roster.pinThreshold = 1;
  offer.roster = fleet.signedBy(fleet.roster, {"rosa", "eve"});
  refused(ErrorCode::kStatementKey, install(offer));
  LONGS_EQUAL(0, journal->forks(10)->size());
}

TEST(Pins, aRootIsReplacedByOldAndNewTogether) {
  believe();
  statement::Root next = fleet.root;
  next.version = 2;
  next.fleet = next.prev = fleet.fleet();
  next.threshold = 1;
  next.keys = {{fleet.publicKey("eve"), "eve"}};
  runtime::TrustOffer offer;
  offer.root = fleet.signedBy(next, {"rosa", "eve"});
  refused(ErrorCode::kStatementQuorum, install(offer));
  offer.root = fleet.signedBy(next, {"rosa", "rolf", "eve"});
  CHECK(install(offer)->newRoot);
  // What the old root has signed stays in force; what it signs now does not count.
  CHECK(apply(fleet.pin).ok());
  nextRoster();
  refused(ErrorCode::kStatementKey, installRoster());
  offer = {};
  offer.roster = fleet.signedBy(fleet.roster, {"eve"});
  CHECK(install(offer)->newRoster);
  CHECK(runtime::hostTrust(*journal)->fleet == fleet.fleet());
}

TEST(Pins, aPinMakesItsReleaseLiveAndIsTheAuthor) {
  believe();
  const auto taken = apply(fleet.pin);
  CHECK(taken.ok());
  CHECK(taken->live.has_value() && !taken->existing);
  LONGS_EQUAL(1, live());
  const std::string by = runtime::flowState(*journal, "deploy")->live->by;
  const std::string expected =
      "pin:" + Fleet::digestOf(fleet.pin).hex() + " (stable 1 by ada, bob)";
  STRCMP_EQUAL(expected.c_str(), by.c_str());
  CHECK(apply(fleet.pin)->existing);
  const auto chain = runtime::pinChain(*journal, "deploy", "stable");
  LONGS_EQUAL(1, chain->inForce->pin.document.counter);
  LONGS_EQUAL(2, chain->inForce->signers.size());
  CHECK_FALSE(chain->waiting.has_value());
}

TEST(Pins, countersOnlyGoUpAndForksAreKept) {
  believe();
  addRelease("second");
  CHECK(apply(fleet.pin).ok());
  const Pin second = next(fleet.pin, "second");
  CHECK(apply(second).ok());
  LONGS_EQUAL(2, live());
  refused(ErrorCode::kStatementOld, apply(fleet.pin));
  Pin fork = second;
  fork.release = fleet.pin.release;
  fork.size = fleet.pin.size;
  refused(ErrorCode::kStatementFork, apply(fork));
  refused(ErrorCode::kStatementFork, apply(next(fork, "content")));
  LONGS_EQUAL(2, live());
  LONGS_EQUAL(2, journal->forks(10)->size());
  // Back, by a higher counter.
  CHECK(apply(next(second, "content")).ok());
  LONGS_EQUAL(1, live());
  // Some were missed.
  Pin far = next(fork, "second");
  far.counter = 9;
  CHECK(apply(far).ok());
  LONGS_EQUAL(2, live());
}

TEST(Pins, aPinWaitsForItsRelease) {
  believe();
  CHECK(apply(fleet.pin).ok());
  const auto taken = apply(next(fleet.pin, "later"));
  CHECK(taken.ok());
  CHECK_FALSE(taken->live.has_value());
  LONGS_EQUAL(1, live());
  CHECK(mayRun("content"));  // silence changes nothing
  CHECK(runtime::pinChain(*journal, "deploy", "stable")->waiting.has_value());
  addRelease("other");
  CHECK_FALSE(runtime::settlePin(*journal, policy, "deploy", 0)->has_value());
  addRelease("later");
  CHECK(runtime::settlePin(*journal, policy, "deploy", 0)->has_value());
  LONGS_EQUAL(3, live());
  CHECK(mayRun("later"));
  CHECK(whyNot("content") == ErrorCode::kPinRequired);
}

TEST(Pins, onlyThePinnedReleaseRunsWhereThePolicySaysSo) {
  believe();
  CHECK(whyNot("content") == ErrorCode::kPinRequired);
  const auto status = runtime::refuseWithoutPin(policy, "deploy");
  CHECK(status.error().code == ErrorCode::kPinRequired);
  STRCMP_CONTAINS("flows[0] of policy.yaml", status.error().message.c_str());
  CHECK(runtime::refuseWithoutPin(policy, "other").ok());
  CHECK(runtime::refuseUnpinned(*journal, policy, "other", "sha256:any").ok());
  CHECK(apply(fleet.pin).ok());
  CHECK(mayRun("content"));
  addRelease("second");
  CHECK(runtime::promote(*journal, "deploy", "2", kAlice, 0).ok());  // somehow
  CHECK(whyNot("second") == ErrorCode::kPinRequired);
}

TEST(Pins, aRosterCanTakeAPinOutOfForce) {
  believe();
  CHECK(apply(fleet.pin).ok());
  nextRoster();
  fleet.roster.revocations.push_back({fleet.kid("bob"), statement::Roster::Mode::kFromNow, "left"});
  CHECK(installRoster().ok());
  CHECK(mayRun("content"));  // what was accepted stays
  refused(ErrorCode::kStatementRevoked, apply(next(fleet.pin, "content")));
  nextRoster();
  fleet.roster.revocations[0].mode = statement::Roster::Mode::kVoid;
  CHECK(installRoster().ok());
  CHECK(whyNot("content") == ErrorCode::kPinVoid);
  const Pin second = next(fleet.pin, "content");
  CHECK(apply(second, {"ada", "cy"}).ok());
  CHECK(mayRun("content"));
  nextRoster();
  fleet.roster.floors.push_back({"deploy", "stable", 3});
  CHECK(installRoster().ok());
  CHECK(whyNot("content") == ErrorCode::kPinVoid);
  Pin third = next(second, "content");
  CHECK(apply(third, {"ada", "cy"}).ok());
  CHECK(mayRun("content"));
}

TEST(Pins, thirdSignaturesKeepAPinInForce) {
  believe();
  CHECK(apply(fleet.pin, {"ada", "bob", "cy"}).ok());
  nextRoster();
  fleet.roster.revocations.push_back({fleet.kid("bob"), statement::Roster::Mode::kVoid, "stolen"});
  CHECK(installRoster().ok());
  CHECK(mayRun("content"));
}

TEST(Pins, refusesWhatIsNotForThisHost) {
  believe();
  Pin pin = fleet.pin;
  pin.channel = "beta";
  refused(ErrorCode::kPinChannel, apply(pin));
  policy = policyOf("flows: [{slug: '*', pin: optional, channel: beta}]");
  CHECK(apply(pin).ok());
  STRCMP_EQUAL("beta", runtime::channelFollowed(*journal, "deploy")->c_str());
  refused(ErrorCode::kPinChannel, apply(fleet.pin));
  pin = next(pin, "content");
  pin.selector = {"group:prod"};
  refused(ErrorCode::kPinSelector, apply(pin));
  pin.selector = {"group:prod", "*"};
  pin.size = 8;
  refused(ErrorCode::kPinSize, apply(pin));
  pin.size = 7;
  CHECK(runtime::archive(*journal, "deploy", false, kAlice, 0).ok());
  refused(ErrorCode::kFlowArchived, apply(pin));
  LONGS_EQUAL(1, runtime::pinChain(*journal, "deploy", "beta")->inForce->pin.document.counter);
}

TEST(Pins, takesWhatNamesThisHost) {
  believe();
  Pin pin = fleet.pin;
  pin.selector = {"host:" + fleet.kid("bob")};
  refused(ErrorCode::kPinSelector, apply(pin));
  pin.selector.push_back("host:" + fleet.kid("eve"));
  CHECK(apply(pin).ok());
}

TEST(Pins, takesWhatNamesAGroupOfItsCard) {
  fleet.roster.keys.push_back(
      {fleet.publicKey("cy2"), statement::Role::kRegistrar, statement::KeyClass::kNone, "rita"});
  std::erase_if(fleet.roster.keys, [](const auto& key) { return key.person == "cy"; });
  believe();
  Pin pin = fleet.pin;
  pin.selector = {"group:prod"};
  refused(ErrorCode::kPinSelector, apply(pin));
  refused(ErrorCode::kStatementRole, installCard("eve", "bob"));
  refused(ErrorCode::kHostUnknown, installCard("bob", "cy2"));
  CHECK(installCard("eve", "cy2", 2)->newCard);
  CHECK_FALSE(installCard("eve", "cy2", 2)->newCard);
  refused(ErrorCode::kStatementOld, installCard("eve", "cy2", 1));
  CHECK(apply(pin).ok());
  pin = next(pin, "content");
  pin.selector = {"group:test"};
  refused(ErrorCode::kPinSelector, apply(pin));
  // A card counts as long as its registrar does.
  nextRoster();
  std::erase_if(fleet.roster.keys, [](const auto& key) { return key.person == "rita"; });
  fleet.roster.revocations.push_back({fleet.kid("cy2"), statement::Roster::Mode::kFromNow, "left"});
  CHECK(installRoster().ok());
  pin.selector = {"group:prod"};
  refused(ErrorCode::kStatementRevoked, apply(pin));
}

TEST(Pins, aCardNeedsARoster) { refused(ErrorCode::kTrustNone, installCard("eve", "cy2")); }

TEST(Pins, aFlowThatIsNotHereYetCanBePinned) {
  believe();
  Pin pin = fleet.pin;
  pin.flow = "unheard-of";
  const auto taken = apply(pin);
  CHECK(taken.ok());
  CHECK_FALSE(taken->live.has_value());
}

TEST(Pins, oldPinsAreRefusedByTheFloorOfAFreshHost) {
  fleet.roster.floors.push_back({"deploy", "stable", 5});
  believe();
  refused(ErrorCode::kPinFloor, apply(fleet.pin));
}
