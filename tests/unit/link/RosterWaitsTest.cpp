// Rosters that come before the root document that signs them: kept over restarts, judged when there
// is one, and never believed for having come first.

#include "agent/link/LinkPart.h"
#include "agent/runtime/HostTrust.h"
#include "tests/support/TestRuntime.h"
#include "tests/unit/link/LinkOfHost.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using test::Fleet;
using test::TestRuntime;

namespace {

constexpr const char* kUrl = "https://relay.test";

}  // namespace

TEST_GROUP(RosterWaits) {
  TestRuntime host;
  Fleet fleet;
  test::LinkOfHost ours;
  std::int64_t seq = 0;

  void setup() override {
    host.extend = [this] { ours.attach(host); };
    host.boot();
    fleet.root.threshold = 1;
    fleet.roster.fleet = fleet.fleet();
    CHECK(host.tell([&](runtime::Runtime&) { return ours.part->enrolled({kUrl, "h", "l"}); }).ok());
  }
  std::string roster(std::int64_t version, const char* by = "rosa") {
    fleet.roster.version = version;
    fleet.roster.prev = version > 1 ? crypto::sha256("before") : crypto::Digest{};
    return fleet.sign(fleet.roster, {by});
  }
  /// The roster comes from the relay.
  std::string take(const std::string& lines, const std::string& root = "") {
    json::Value body;
    body.set("statement", lines);
    if (!root.empty()) body.set("root", root);
    const link::Incoming message{++seq, "roster", body};
    CHECK(host.tell([&](runtime::Runtime&) {
                return ours.part->take(kUrl, {{message, {}, {}}});
              })
              .ok());
    return host.journal->link().inbox(1)->front().outcome;
  }
  /// The root document is installed by hand.
  void install() {
    runtime::TrustOffer offer;
    offer.root = fleet.signedBy(fleet.root, {"rosa"});
    offer.rootDigest = fleet.fleet();
    CHECK(host.tell([&](runtime::Runtime& on) -> base::Status {
                const auto taken = runtime::takeTrust(on.journal(), offer, {"test", ""}, 1);
                return taken ? base::Status{} : base::Status{taken.error()};
              })
              .ok());
    host.pass(3s);
  }
  /// Version of the roster in force; 0: none.
  std::int64_t version() {
    const auto trust = runtime::hostTrust(*host.journal);
    return trust->roster ? trust->roster->document.version : 0;
  }
};

TEST(RosterWaits, itIsJudgedWhenTheRootDocumentIsThere) {
  STRCMP_EQUAL("BLY-TRUST-NONE", take(roster(2)).c_str());
  LONGS_EQUAL(0, version());
  install();
  LONGS_EQUAL(2, version());
}

TEST(RosterWaits, alsoAfterARestartAndWithTheRootDocumentBesideIt) {
  STRCMP_EQUAL("BLY-TRUST-NONE", take(roster(2), fleet.sign(fleet.root, {"rosa"})).c_str());
  host.boot();
  install();
  LONGS_EQUAL(2, version());
}

TEST(RosterWaits, theHighestCountsWhateverCameLast) {
  take(roster(3));
  take(roster(2));
  install();
  LONGS_EQUAL(3, version());
}

TEST(RosterWaits, whatTheRootHasNotSignedIsNotBelievedForWaiting) {
  take(roster(2, "eve"));
  install();
  LONGS_EQUAL(0, version());
  // Nor does it hold up the right one.
  STRCMP_EQUAL("", take(roster(2)).c_str());
  LONGS_EQUAL(2, version());
}

TEST(RosterWaits, theNewestFourAreKept) {
  take(roster(99));
  for (int i = 1; i <= 4; ++i) take(roster(2 * i));
  install();
  LONGS_EQUAL(8, version());
}
