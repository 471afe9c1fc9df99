// Pins and releases are passed on to every host, whichever of them comes first.

#include "common/crypto/Sha256.h"
#include "common/statement/Pin.h"
#include "common/statement/Roster.h"
#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::RelayFixture;

TEST_GROUP(Releases) {
  RelayFixture relay;
  std::string session;
  std::string token;
  const std::string content = "slug: ci\nsteps: []\n";
  const crypto::P256PrivateKey another = crypto::P256PrivateKey::generate(relay.random);

  void setup() override {
    session = relay.session(relay.key);
    token = relay.newToken("release");
  }
  std::string digest() const { return crypto::sha256(content).hex(); }
  std::string signedPin(const crypto::P256PrivateKey& by, std::int64_t counter = 1) {
    statement::Pin pin;
    pin.fleet = crypto::sha256("fleet");
    pin.flow = "ci";
    pin.counter = counter;
    if (counter > 1) pin.prev = crypto::sha256("before");
    pin.release = crypto::sha256(content);
    pin.size = static_cast<std::int64_t>(content.size());
    return statement::signJws(by, statement::Pin::kTyp, pin.print());
  }
  std::string signedPin() { return signedPin(relay.key); }
  RelayFixture::Answer post(const std::string& lines) {
    json::Value body;
    body.set("statement", lines);
    return relay.ask("POST", "/v1/pins", json::print(body), RelayFixture::bearer(token));
  }
  RelayFixture::Answer pin(std::int64_t counter = 1) { return post(signedPin(relay.key, counter)); }
  RelayFixture::Answer put(const std::string& path, const std::string& text) {
    http::Headers headers = RelayFixture::bearer(token);
    headers.add("Content-Type", "application/octet-stream");
    return relay.ask("PUT", "/v1/releases/" + path, text, headers);
  }
  std::string kinds(const std::string& of) {
    std::string out;
    const auto polled = relay.poll(of);
    for (const json::Value& each : polled.data.find("messages")->asArray()) {
      out += each.text("kind") + " ";
      if (each.text("kind") == "release") {
        STRCMP_EQUAL(content.c_str(), each.find("body")->text("content").c_str());
      }
    }
    return out;
  }
};

TEST(Releases, thePinFirst) {
  LONGS_EQUAL(202, pin().status);
  LONGS_EQUAL(201, put(digest(), content).status);
  STRCMP_EQUAL("pin release ", kinds(session).c_str());
}

TEST(Releases, theReleaseFirst) {
  LONGS_EQUAL(201, put(digest(), content).status);
  STRCMP_EQUAL("", kinds(session).c_str());
  LONGS_EQUAL(202, pin().status);
  STRCMP_EQUAL("pin release ", kinds(session).c_str());
}

TEST(Releases, aPinThatComesAgainIsPassedOnAgainSoManyTimes) {
  const std::string signature = signedPin();
  CHECK(!post(signature).data.flag("existing"));
  put(digest(), content);
  const auto again = post(signature);
  CHECK(again.data.flag("existing"));
  LONGS_EQUAL(1, again.data.integer("hosts"));
  LONGS_EQUAL(200, put(digest(), content).status);
  STRCMP_EQUAL("pin release pin release ", kinds(session).c_str());
  for (int i = 2; i < 16; ++i) LONGS_EQUAL(202, post(signature).status);
  const auto tooOften = post(signature);
  LONGS_EQUAL(429, tooOften.status);
  STRCMP_EQUAL("BLY-RELAY-QUOTA", tooOften.code.c_str());
  LONGS_EQUAL(1, relay.mailbox->pins()->size());
}

TEST(Releases, theSameWithOtherSignaturesIsAnotherOne) {
  const std::string half = signedPin();
  std::string spoilt = half;
  spoilt[half.size() - 10] = half[half.size() - 10] == 'A' ? 'B' : 'A';
  LONGS_EQUAL(202, post(spoilt + "\n").status);
  for (const std::string& text : {half + "\n", half + "\n" + signedPin(another) + "\n"}) {
    const auto posted = post(text);
    LONGS_EQUAL(202, posted.status);
    CHECK(!posted.data.flag("existing"));
    LONGS_EQUAL(1, posted.data.integer("hosts"));
  }
  STRCMP_EQUAL("pin pin pin ", kinds(session).c_str());
}

TEST(Releases, aSpoiltCopyOfARosterHoldsUpNothing) {
  statement::Roster roster;
  roster.fleet = crypto::sha256("fleet");
  const std::string right = statement::signJws(relay.key, statement::Roster::kTyp, roster.print());
  std::string spoilt = right;
  spoilt[right.size() - 10] = right[right.size() - 10] == 'A' ? 'B' : 'A';
  for (const std::string& text : {spoilt, right, right}) {
    json::Value body;
    body.set("statement", text + "\n");
    LONGS_EQUAL(
        202,
        relay.ask("POST", "/v1/rosters", json::print(body), RelayFixture::bearer(token)).status);
  }
  STRCMP_EQUAL("roster roster roster ", kinds(session).c_str());
}

TEST(Releases, aNewHostGetsWhatIsThere) {
  pin();
  pin(2);
  put(digest(), content);
  const auto other = crypto::P256PrivateKey::generate(relay.random);
  STRCMP_EQUAL("pin pin release ", kinds(relay.session(other)).c_str());
}

TEST(Releases, whatDoesNotHaveItsDigestIsRefusedBeforeAnybodyReadsIt) {
  LONGS_EQUAL(422, put(digest(), content + " ").status);
  LONGS_EQUAL(422, put("x", content).status);
  const std::string binary("\xff\xfe", 2);
  LONGS_EQUAL(400, put(crypto::sha256(binary).hex(), binary).status);
  LONGS_EQUAL(0, relay.mailbox->totals()->releases);
}

TEST(Releases, onlyPinsArePassedOn) {
  STRCMP_EQUAL("BLY-STATEMENT-INVALID", post("a.b.c").code.c_str());
  const auto claim = relay.claimFor(relay.nonce());
  STRCMP_EQUAL("BLY-STATEMENT-KIND",
               post(statement::signJws(relay.key, statement::SessionClaim::kTyp, claim.print()))
                   .code.c_str());
  STRCMP_EQUAL(
      "BLY-STATEMENT-INVALID",
      post(statement::signJws(relay.key, statement::Pin::kTyp, claim.print())).code.c_str());
}
