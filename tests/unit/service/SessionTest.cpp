// Enrols hosts, opens sessions, and then spoils one thing at a time.

#include "common/wire/ReconnectProof.h"
#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::RelayFixture;

TEST_GROUP(Session) {
  RelayFixture relay;

  void refuses(const char* code, const RelayFixture::Answer& answer) {
    STRCMP_EQUAL(code, answer.code.c_str());
    CHECK(answer.data.text("session").empty());
  }
};

TEST(Session, aHostEnrolsWithItsKeyAndATokenThatIsUsedUp) {
  const std::string token = relay.newToken("host");
  const auto enrolled = relay.enrol(relay.key, token);
  LONGS_EQUAL(200, enrolled.status);
  STRCMP_EQUAL(relay.key.publicKey().thumbprint().c_str(), enrolled.data.text("host").c_str());
  STRCMP_EQUAL("https://relay.test", enrolled.data.text("url").c_str());
  // Its answer may have been lost.
  LONGS_EQUAL(200, relay.enrol(relay.key, token).status);
  const auto other = crypto::P256PrivateKey::generate(relay.random);
  refuses("BLY-RELAY-CREDENTIAL", relay.enrol(other, token));
  LONGS_EQUAL(1, relay.mailbox->hosts()->size());
}

TEST(Session, whatIsNoHostIsNotEnrolled) {
  const auto enrol = [&](const std::string& body) {
    return relay.ask("POST", "/v1/enrol", body, RelayFixture::bearer(relay.newToken("host")))
        .status;
  };
  const std::string jwk = relay.key.publicKey().jwk();
  LONGS_EQUAL(400, enrol("{}"));
  LONGS_EQUAL(400, enrol("{\"label\":\"x\"}"));
  LONGS_EQUAL(400, enrol("{\"key\":{},\"label\":\"x\"}"));
  LONGS_EQUAL(400, enrol("{\"key\":" + jwk + "}"));
  LONGS_EQUAL(400, enrol("{\"key\":" + jwk + ",\"label\":\"" + std::string(129, 'x') + "\"}"));
  LONGS_EQUAL(400, enrol("{\"key\":" + jwk + ",\"label\":\"x\",\"admin\":true}"));
  LONGS_EQUAL(400, enrol("{\"key\":" + relay.key.toJwk() + ",\"label\":\"x\"}"));
  LONGS_EQUAL(400, enrol("not json"));
}

TEST(Session, aStatementOverAFreshNonceOpensOne) {
  const std::string session = relay.session(relay.key);
  LONGS_EQUAL(43, session.size());
  LONGS_EQUAL(200, relay.poll(session).status);
}

TEST(Session, aNonceCountsOnceAndNotForLong) {
  relay.session(relay.key);
  const auto claim = relay.claimFor(relay.nonce());
  LONGS_EQUAL(200, relay.claim(relay.key, claim).status);
  const auto replayed = relay.claim(relay.key, claim);
  LONGS_EQUAL(401, replayed.status);
  refuses("BLY-RELAY-NONCE", replayed);
  // With a new one at once.
  LONGS_EQUAL(200, relay.claim(relay.key, relay.claimFor(replayed.data.text("nonce"))).status);
  const auto late = relay.claimFor(relay.nonce());
  relay.clock.advance(std::chrono::seconds{61});
  refuses("BLY-RELAY-NONCE", relay.claim(relay.key, late));
  refuses("BLY-RELAY-NONCE", relay.claim(relay.key, relay.claimFor(std::string(43, 'A'))));
  // One of another relay, or of this one before a restart.
  service::Nonces other(relay.random);
  refuses("BLY-RELAY-NONCE",
          relay.claim(relay.key, relay.claimFor(other.make(relay.clock.sinceBoot()))));
}

TEST(Session, aNonceThatAnotherRelayPassesOnIsOfNoUse) {
  relay.session(relay.key);
  auto claim = relay.claimFor(relay.nonce());
  claim.relay = "https://evil.test";
  const auto answer = relay.claim(relay.key, claim);
  LONGS_EQUAL(403, answer.status);
  refuses("BLY-RELAY-URL", answer);
}

TEST(Session, whoWasHereBeforeProvesItWithoutItsSignature) {
  relay.session(relay.key);
  const std::string host = relay.key.publicKey().thumbprint();
  const auto first = relay.claim(relay.key, relay.claimFor(relay.nonce()));
  const std::string key = first.data.text("reconnect_key");
  CHECK(key.size() == 43 && key != first.data.text("session"));
  // Only a signature that nobody looks at may be wrong.
  const auto claimed = [&](const std::string& proofKey, bool spoiled) {
    std::string statement = statement::signJws(relay.key, statement::SessionClaim::kTyp,
                                               relay.claimFor(relay.nonce()).print());
    if (spoiled) statement.replace(statement.rfind('.') + 1, 8, "AAAAAAAA");
    return relay.ask("POST", "/v1/session",
                     "{\"statement\":\"" + statement + "\",\"proof\":\"" +
                         wire::reconnectProof(proofKey, statement) + "\"}");
  };
  LONGS_EQUAL(200, claimed(key, true).status);
  LONGS_EQUAL(200, claimed("a key that is gone", false).status);
  refuses("BLY-STATEMENT-SIGNATURE", claimed("a key that is gone", true));
  // That of another host, and of another relay.
  const service::ReconnectKeys another("another relay's secret");
  refuses("BLY-STATEMENT-SIGNATURE", claimed(relay.reconnectKeys.keyOf("somebody"), true));
  refuses("BLY-STATEMENT-SIGNATURE", claimed(another.keyOf(host), true));
  STRCMP_EQUAL(relay.reconnectKeys.keyOf(host).c_str(), key.c_str());
}

TEST(Session, onlyTheKeyOfAHostOpensIts) {
  relay.session(relay.key);
  const auto stranger = crypto::P256PrivateKey::generate(relay.random);
  refuses("BLY-RELAY-HOST", relay.claim(stranger, relay.claimFor(relay.nonce())));
  // Signed by a stranger under the host's name.
  const std::string nonce = relay.nonce();
  const std::string mine =
      statement::signJws(relay.key, statement::SessionClaim::kTyp, relay.claimFor(nonce).print());
  const std::string other =
      statement::signJws(stranger, statement::SessionClaim::kTyp, relay.claimFor(nonce).print());
  const std::string forged = mine.substr(0, mine.rfind('.')) + other.substr(other.rfind('.'));
  const auto answer = relay.ask("POST", "/v1/session", "{\"statement\":\"" + forged + "\"}");
  LONGS_EQUAL(403, answer.status);
  refuses("BLY-STATEMENT-SIGNATURE", answer);
  // A forgery does not use the nonce up.
  LONGS_EQUAL(200, relay.claim(relay.key, relay.claimFor(nonce)).status);
}

TEST(Session, anotherKindOfStatementIsNone) {
  relay.session(relay.key);
  const std::string pin =
      statement::signJws(relay.key, "belay-pin+jws", relay.claimFor(relay.nonce()).print());
  refuses("BLY-STATEMENT-KIND",
          relay.ask("POST", "/v1/session", "{\"statement\":\"" + pin + "\"}"));
  refuses("BLY-STATEMENT-INVALID", relay.ask("POST", "/v1/session", "{\"statement\":\"a.b.c\"}"));
}

TEST(Session, aNewerOneFencesTheOlder) {
  const std::string older = relay.session(relay.key);
  auto parked =
      relay.send("POST", "/v1/poll", "{\"ack\":0,\"wait_s\":50}", RelayFixture::bearer(older));
  CHECK(!relay.answerOf(parked).has_value());
  const std::string newer = relay.again(relay.key);
  const auto ended = relay.answerOf(parked);
  LONGS_EQUAL(409, ended->status);
  STRCMP_EQUAL("BLY-RELAY-FENCED", ended->code.c_str());
  STRCMP_EQUAL("BLY-RELAY-FENCED", relay.poll(older).code.c_str());
  STRCMP_EQUAL("BLY-RELAY-FENCED", relay.hand(older, "[]").code.c_str());
  LONGS_EQUAL(200, relay.poll(newer).status);
  // Long ago fenced: nobody remembers it.
  relay.again(relay.key);
  STRCMP_EQUAL("BLY-RELAY-CREDENTIAL", relay.poll(older).code.c_str());
}

TEST(Session, aHostThatWasRemovedIsOut) {
  const std::string session = relay.session(relay.key);
  auto parked =
      relay.send("POST", "/v1/poll", "{\"ack\":0,\"wait_s\":50}", RelayFixture::bearer(session));
  CHECK(!relay.answerOf(parked).has_value());
  relay.local = true;
  const std::string id = relay.key.publicKey().thumbprint();
  LONGS_EQUAL(200, relay.ask("DELETE", "/v1/hosts/" + id).status);
  // Nobody has its key besides.
  STRCMP_EQUAL("BLY-RELAY-HOST", relay.answerOf(parked)->code.c_str());
  LONGS_EQUAL(404, relay.ask("DELETE", "/v1/hosts/" + id).status);
  relay.local = false;
  LONGS_EQUAL(401, relay.poll(session).status);
  refuses("BLY-RELAY-HOST", relay.claim(relay.key, relay.claimFor(relay.nonce())));
}

TEST(Session, theWindowForReconnectionGrowsWithTheFleet) {
  relay.session(relay.key);
  const auto answer = relay.claim(relay.key, relay.claimFor(relay.nonce()));
  LONGS_EQUAL(1, answer.data.integer("reconnect_window_s"));
  LONGS_EQUAL(60, answer.data.integer("poll_max_s"));
}
