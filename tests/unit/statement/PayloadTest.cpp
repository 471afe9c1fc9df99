// Reads documents back from the bytes that they were printed to, then writes each member in every
// wrong way and sees the document refused.

#include <string>

#include "common/statement/Payload.h"
#include "common/statement/Pin.h"
#include "common/statement/Root.h"
#include "common/statement/Roster.h"
#include "common/statement/SessionClaim.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::test::Fleet;
using belay::test::replaced;
using namespace belay::statement;

TEST_GROUP(Payload) {
  Fleet fleet;

  void fillRoster() {
    Roster& roster = fleet.roster;
    roster.version = 3;
    roster.prev = belay::crypto::sha256("two");
    roster.keys.push_back({fleet.publicKey("eve"), Role::kBot, KeyClass::kBot, "chatbot"});
    roster.identities.push_back({"slack:T1/U2", "dora", fleet.kid("eve")});
    roster.revocations.push_back({fleet.kid("cy2"), Roster::Mode::kVoid, "stolen \"laptop\""});
    roster.floors.push_back({"deploy", "stable", 7});
    roster.relays.push_back("https://relay.example.org");
  }
  template <typename Document>
  void refuses(const Document& document, const std::string& from, const std::string& to) const {
    const auto parsed = Document::parse(replaced(document.print(), from, to));
    CHECK_FALSE_TEXT(parsed.ok(), to.c_str());
    CHECK_TEXT(parsed.error().code == ErrorCode::kStatementInvalid, to.c_str());
  }
};

TEST(Payload, documentsComeBackAsTheyWere) {
  fillRoster();
  STRCMP_EQUAL(fleet.root.print().c_str(), Root::parse(fleet.root.print())->print().c_str());
  STRCMP_EQUAL(fleet.roster.print().c_str(), Roster::parse(fleet.roster.print())->print().c_str());
  fleet.pin.selector = {"group:prod", "host:" + belay::crypto::sha256("h").hex(),
                        "host:" + fleet.kid("eve")};
  STRCMP_EQUAL(fleet.pin.print().c_str(), Pin::parse(fleet.pin.print())->print().c_str());
  const Roster roster = Roster::parse(fleet.roster.print()).value();
  LONGS_EQUAL(7, roster.floorOf("deploy", "stable"));
  LONGS_EQUAL(0, roster.floorOf("deploy", "beta"));
  CHECK(roster.revocationOf(fleet.kid("cy2"))->mode == Roster::Mode::kVoid);
  POINTERS_EQUAL(nullptr, roster.revocationOf(fleet.kid("cy")));
}

TEST(Payload, membersAreExactlyThose) {
  for (const std::string bad : {R"("v":1,"extra":1)", R"("v":1,"v":1)", R"("v":1,"V":1)",
                                R"("w":1)", R"("v":"1")", R"("v":true)", R"("v":1.5)"}) {
    refuses(fleet.pin, "\"v\":1", bad);
    refuses(fleet.roster, "\"v\":1", bad);
    refuses(fleet.root, "\"v\":1", bad);
  }
  refuses(fleet.pin, "\"channel\":\"stable\",", "");
  refuses(fleet.pin, "\"flow\"", "\"Flow\"");
  refuses(fleet.roster, "\"upgrade\":1", "\"upgrade\":1,\"start\":1");
  refuses(fleet.roster, "\"upgrade\":1", "\"upgrade\":1,\"pin\":1");
  refuses(fleet.roster, "\"person\":\"ada\"", "\"person\":\"ada\",\"admin\":true");
  refuses(fleet.roster, "\"kty\":\"EC\"", "\"kty\":\"EC\",\"use\":\"sig\"");
}

TEST(Payload, textIsStrict) {
  for (const std::string& bad : std::initializer_list<std::string>{
           "\"dep\\u0000loy\"", "\"dep\xff\"", "\"\\ud800\"", "\"Deploy\"", "\"../x\"", "\"\"", "7",
           "null", "\"deploy \""}) {
    refuses(fleet.pin, "\"deploy\"", bad);
  }
  const std::string good = fleet.pin.print();
  CHECK(Pin::parse(" " + good + "\n").ok());  // JSON; the bytes are others, and so is the digest.
  CHECK_FALSE(Pin::parse(good + "x").ok());
  CHECK_FALSE(Pin::parse(good + std::string(1, '\0')).ok());
  CHECK_FALSE(Pin::parse(good + good).ok());
  CHECK_FALSE(Pin::parse("[" + good + "]").ok());
  CHECK_FALSE(Pin::parse("\xef\xbb\xbf" + good).ok());
  CHECK_FALSE(Pin::parse("").ok());
}

TEST(Payload, numbersAreWrittenInOneWay) {
  for (const std::string bad :
       {"1", "\"01\"", "\"+1\"", "\"-1\"", "\" 1\"", "\"1 \"", "\"1.0\"", "\"1e0\"", "\"0x1\"",
        "\"\"", "\"0\"", "\"9223372036854775808\"", "\"18446744073709551616\""}) {
    refuses(fleet.pin, "\"counter\":\"1\"", std::string("\"counter\":") + bad);
    refuses(fleet.pin, "\"size\":\"7\"", std::string("\"size\":") + bad);
    refuses(fleet.root, "\"version\":\"1\"", std::string("\"version\":") + bad);
  }
  fleet.pin.counter = INT64_MAX;
  fleet.pin.prev = fleet.fleet();
  CHECK(Pin::parse(fleet.pin.print())->counter == INT64_MAX);
}

TEST(Payload, digestsAndThumbprintsAreWrittenInOneWay) {
  const std::string hex = fleet.pin.release.hex();
  for (const std::string& bad : {hex.substr(1), hex + "0", "sha256:" + hex, std::string(64, '0'),
                                 std::string(64, 'A'), std::string()}) {
    refuses(fleet.pin, "\"release\":\"" + hex, "\"release\":\"" + bad);
  }
  fillRoster();
  const std::string kid = fleet.kid("cy2");
  for (const std::string& bad : {kid.substr(1), kid + "=", kid.substr(0, 42) + "/"}) {
    refuses(fleet.roster, "{\"key\":\"" + kid, "{\"key\":\"" + bad);
  }
}

TEST(Payload, listsAndLevelsHaveBounds) {
  std::string deep = "\"selector\":[";
  refuses(fleet.pin, "\"selector\":[\"*\"]", deep + "[\"*\"]]");
  refuses(fleet.pin, "\"selector\":[\"*\"]", deep + "]");
  for (const std::string bad : {"\"host:1\"", "\"group:\"", "\"group:A\"", "\"**\"", "\"all\""}) {
    refuses(fleet.pin, "\"*\"", bad);
  }
  std::string many = "\"*\"";
  for (int i = 0; i < 1024; ++i) many += ",\"*\"";
  refuses(fleet.pin, "\"*\"", many);
  fleet.root.name = std::string(129, 'x');
  CHECK_FALSE(Root::parse(fleet.root.print()).ok());
  fleet.pin.flow = std::string(200'000, 'x');
  CHECK_FALSE(Pin::parse(fleet.pin.print()).ok());
}

TEST(Payload, firstStatementsFollowNothingAndLaterOnesSomething) {
  fleet.pin.counter = 2;
  CHECK_FALSE(Pin::parse(fleet.pin.print()).ok());
  fleet.pin.counter = 1;
  fleet.pin.prev = fleet.fleet();
  CHECK_FALSE(Pin::parse(fleet.pin.print()).ok());
  fleet.roster.prev = fleet.fleet();
  CHECK_FALSE(Roster::parse(fleet.roster.print()).ok());
  fleet.root.fleet = belay::crypto::sha256("x");
  CHECK_FALSE(Root::parse(fleet.root.print()).ok());
}

TEST(Payload, aRootMakesSense) {
  refuses(fleet.root, "\"threshold\":2", "\"threshold\":4");
  refuses(fleet.root, "\"threshold\":2", "\"threshold\":0");
  refuses(fleet.root, "\"threshold\":2", "\"threshold\":\"2\"");
  refuses(fleet.root, "\"rolf\"", "\"Rolf\"");
  Root twice = fleet.root;
  twice.keys.push_back(twice.keys.front());
  CHECK_FALSE(Root::parse(twice.print()).ok());
  // Two keys of one person are one person.
  Root two = fleet.root;
  two.keys[1].person = two.keys[2].person = "rosa";
  CHECK_FALSE(Root::parse(two.print()).ok());
}

TEST(Payload, aRosterMakesSense) {
  fillRoster();
  const Roster& roster = fleet.roster;
  refuses(roster, "\"class\":\"e2e\"", "\"class\":\"bot\"");
  refuses(roster, "\"class\":\"e2e\"", "\"class\":\"none\"");
  refuses(roster, "\"class\":\"none\"", "\"class\":\"e2e\"");
  refuses(roster, "\"role\":\"approver\"", "\"role\":\"root\"");
  refuses(roster, "\"mode\":\"void\"", "\"mode\":\"later\"");
  refuses(roster, "\"https://", "\"http://");
  refuses(roster, "\"slack:T1/U2\"", "\"slack\"");
  refuses(roster, "\"slack:T1/U2\"", "\"slack:T1 U2\"");
  refuses(roster, "\"bot\":\"" + fleet.kid("eve"), "\"bot\":\"" + fleet.kid("ada"));
  Roster twice = roster;
  twice.keys.push_back(twice.keys.front());
  twice.keys.back().role = Role::kStarter;
  CHECK_FALSE(Roster::parse(twice.print()).ok());
  twice = roster;
  twice.floors.push_back(twice.floors.front());
  CHECK_FALSE(Roster::parse(twice.print()).ok());
  // A point that is not on the curve.
  const std::string x =
      "\"x\":\"" + belay::base::toBase64Url(fleet.publicKey("ada").point().substr(1, 32));
  refuses(roster, x, "\"x\":\"" + std::string(42, 'A') + "E");
}

TEST(Payload, aSessionComesBackAsItWasAndIsStrict) {
  SessionClaim claim;
  claim.relay = "https://relay.example.org";
  claim.nonce = fleet.kid("ada");
  claim.epoch = "e1";
  claim.sent = 9'007'199'254'740'993;
  const auto parsed = SessionClaim::parse(claim.print());
  CHECK(parsed.ok());
  STRCMP_EQUAL(claim.print().c_str(), parsed->print().c_str());
  CHECK(parsed->sent == claim.sent);
  refuses(claim, "\"sent\":\"9007199254740993\"", "\"sent\":9007199254740993");
  refuses(claim, "\"sent\":\"9007199254740993\"", "\"sent\":\"-1\"");
  refuses(claim, claim.nonce, claim.nonce + "A");
  refuses(claim, claim.nonce, "");
  refuses(claim, "\"epoch\"", "\"Epoch\"");
  refuses(claim, "\"v\":1", "\"v\":1,\"host\":\"x\"");
  refuses(claim, "https://relay.example.org", std::string(3000, 'x'));
}
