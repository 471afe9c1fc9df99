// Pins and releases are passed on to every host, whichever of them comes first.

#include "common/crypto/Sha256.h"
#include "common/statement/Pin.h"
#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::RelayFixture;

TEST_GROUP(Releases) {
  RelayFixture relay;
  std::string session;
  std::string token;
  const std::string content = "slug: ci\nsteps: []\n";

  void setup() override {
    session = relay.session(relay.key);
    token = relay.newToken("release");
  }
  std::string digest() const { return crypto::sha256(content).hex(); }
  RelayFixture::Answer pin(std::int64_t counter = 1) {
    statement::Pin pin;
    pin.fleet = crypto::sha256("fleet");
    pin.flow = "ci";
    pin.counter = counter;
    if (counter > 1) pin.prev = crypto::sha256("before");
    pin.release = crypto::sha256(content);
    pin.size = static_cast<std::int64_t>(content.size());
    json::Value body;
    body.set("statement", statement::signJws(relay.key, statement::Pin::kTyp, pin.print()));
    return relay.ask("POST", "/v1/pins", json::print(body), RelayFixture::bearer(token));
  }
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

TEST(Releases, theSameAgainIsNotPassedOnTwice) {
  pin();
  put(digest(), content);
  CHECK(pin().data.flag("existing"));
  LONGS_EQUAL(200, put(digest(), content).status);
  STRCMP_EQUAL("pin release ", kinds(session).c_str());
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
  const auto post = [&](const std::string& statement) {
    json::Value body;
    body.set("statement", statement);
    return relay.ask("POST", "/v1/pins", json::print(body), RelayFixture::bearer(token)).code;
  };
  STRCMP_EQUAL("BLY-STATEMENT-INVALID", post("a.b.c").c_str());
  const auto claim = relay.claimFor(relay.nonce());
  STRCMP_EQUAL(
      "BLY-STATEMENT-KIND",
      post(statement::signJws(relay.key, statement::SessionClaim::kTyp, claim.print())).c_str());
  STRCMP_EQUAL("BLY-STATEMENT-INVALID",
               post(statement::signJws(relay.key, statement::Pin::kTyp, claim.print())).c_str());
}
