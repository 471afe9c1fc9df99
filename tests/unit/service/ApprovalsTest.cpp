// What hosts ask, and what is handed in about it: kept, listed by its changes, passed on once, and
// whoever waits for a change hears of it when it is on disk.

#include "common/crypto/Sha256.h"
#include "common/statement/Decision.h"
#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::RelayFixture;

TEST_GROUP(Approvals) {
  RelayFixture relay;
  std::string session;
  std::string token;
  int seq = 0;
  const std::string request = crypto::sha256("request").hex();

  void setup() override {
    session = relay.session(relay.key);
    token = relay.newToken("approver");
  }
  RelayFixture::Answer say(const std::string& kind, const json::Value& body) {
    return relay.hand(session, "[{\"seq\":" + std::to_string(++seq) + ",\"kind\":\"" + kind +
                                   "\",\"body\":" + json::print(body) + "}]");
  }
  RelayFixture::Answer open(const std::string& name) {
    json::Value body;
    body.set("request", name).set("lasts_ms", 60'000);
    body.set("summary", "").set("sealed", "{}");
    return say("request", body);
  }
  RelayFixture::Answer receipt(const std::string& decision, bool closed) {
    json::Value body;
    body.set("request", request).set("decision", decision).set("statement", "a.b.c");
    body.set("closed", closed);
    return say("receipt", body);
  }
  RelayFixture::Answer get(const std::string& target) {
    return relay.ask("GET", target, "", RelayFixture::bearer(token));
  }
  std::size_t waiting() { return relay.poll(session).data.find("messages")->asArray().size(); }
  std::string statement(const std::string& about, const std::string& comment = "") {
    return statement(about, comment, relay.key);
  }
  std::string statement(const std::string& about, const std::string& comment,
                        const crypto::P256PrivateKey& by) {
    statement::Decision decision;
    decision.fleet = crypto::sha256("fleet");
    decision.request = *crypto::Digest::fromHex(about);
    decision.comment = comment;
    json::Value body;
    body.set("statement",
             statement::signJws(by, statement::Decision::kTyp, decision.print()) + "\n");
    return json::print(body);
  }
  RelayFixture::Answer decide(const std::string& body) {
    return relay.ask("POST", "/v1/approvals/" + request + "/decision", body,
                     RelayFixture::bearer(token));
  }
};

TEST(Approvals, areListedShownAndClosed) {
  LONGS_EQUAL(0, get("/v1/approvals").data.find("approvals")->asArray().size());
  LONGS_EQUAL(404, get("/v1/approvals/" + request).status);
  LONGS_EQUAL(200, open(request).status);
  const auto listed = get("/v1/approvals");
  const json::Value& row = listed.data.find("approvals")->asArray().at(0);
  STRCMP_EQUAL(request.c_str(), row.text("request").c_str());
  STRCMP_EQUAL("web-1", row.text("label").c_str());
  const auto after = std::to_string(listed.data.integer("change"));
  LONGS_EQUAL(0, get("/v1/approvals?after=" + after).data.find("approvals")->asArray().size());
  const auto shown = get("/v1/approvals/" + request);
  STRCMP_EQUAL("{}", shown.data.text("sealed").c_str());
  STRCMP_EQUAL(relay.key.publicKey().jwk().c_str(),
               json::print(*shown.data.find("host_key")).c_str());
  LONGS_EQUAL(200, receipt("", true).status);
  CHECK(get("/v1/approvals/" + request).data.flag("closed"));
  LONGS_EQUAL(409, decide(statement(request)).status);
}

TEST(Approvals, aDecisionIsPassedOnUntilItsReceiptComesBack) {
  open(request);
  const std::string signature = statement(request);
  const auto first = decide(signature);
  LONGS_EQUAL(202, first.status);
  CHECK(!decide(signature).data.flag("existing"));
  LONGS_EQUAL(2, waiting());
  receipt(first.data.text("decision"), false);
  CHECK(decide(signature).data.flag("existing"));
  LONGS_EQUAL(2, waiting());
  const auto shown = get("/v1/approvals/" + request);
  const auto& decisions = shown.data.find("decisions")->asArray();
  LONGS_EQUAL(1, decisions.size());
  STRCMP_EQUAL("a.b.c", decisions[0].text("receipt").c_str());
}

TEST(Approvals, theSameDecisionOfAnotherPersonIsAnotherOne) {
  open(request);
  // Of the same bytes, signed by somebody else: each is known by its signature.
  const auto ours = decide(statement(request));
  const auto theirs =
      decide(statement(request, "", crypto::P256PrivateKey::generate(relay.random)));
  CHECK(!theirs.data.flag("existing"));
  LONGS_EQUAL(2, waiting());
  receipt(theirs.data.text("decision"), false);
  const auto shown = get("/v1/approvals/" + request);
  const auto& decisions = shown.data.find("decisions")->asArray();
  STRCMP_EQUAL(ours.data.text("decision").c_str(), decisions.at(0).text("decision").c_str());
  STRCMP_EQUAL("", decisions.at(0).text("receipt").c_str());
  STRCMP_EQUAL("a.b.c", decisions.at(1).text("receipt").c_str());
}

TEST(Approvals, aDecisionWithoutAnAnswerIsPassedOnSoManyTimes) {
  open(request);
  const std::string signature = statement(request);
  for (int i = 0; i < 16; ++i) LONGS_EQUAL(202, decide(signature).status);
  const auto tooOften = decide(signature);
  LONGS_EQUAL(429, tooOften.status);
  STRCMP_EQUAL("BLY-RELAY-QUOTA", tooOften.code.c_str());
  LONGS_EQUAL(16, waiting());
}

TEST(Approvals, aDecisionThatFoundNoRoomMayComeAgain) {
  relay.settings.messagesMax = 1;
  open(request);
  const std::string other = statement(request, "another");
  LONGS_EQUAL(202, decide(other).status);
  const auto refused = decide(statement(request));
  LONGS_EQUAL(429, refused.status);
  STRCMP_EQUAL("BLY-RELAY-QUOTA", refused.code.c_str());
  LONGS_EQUAL(1, relay.poll(session).data.find("messages")->asArray().size());
  relay.poll(session, 1);
  const auto again = decide(statement(request));
  LONGS_EQUAL(202, again.status);
  CHECK(!again.data.flag("existing"));
  LONGS_EQUAL(1, relay.poll(session, 1).data.find("messages")->asArray().size());
}

TEST(Approvals, webhooksTakeNoRoomFromDecisions) {
  relay.settings.messagesMax = 3;
  relay.settings.bytesMax = 4'000;
  say("hooks", json::parse(R"({"hooks":["ci.push"]})").value());
  open(request);
  const std::string hook = "/h/" + relay.key.publicKey().thumbprint() + "/ci.push";
  LONGS_EQUAL(202, relay.ask("POST", hook, std::string(2'000, 'x')).status);
  LONGS_EQUAL(429, relay.ask("POST", hook, std::string(2'000, 'x')).status);
  for (int i = 0; i < 3; ++i) LONGS_EQUAL(i < 2 ? 202 : 429, relay.ask("POST", hook, "{}").status);
  LONGS_EQUAL(202, decide(statement(request)).status);
}

TEST(Approvals, whatIsNoDecisionAboutThisRequestIsNotTaken) {
  open(request);
  LONGS_EQUAL(400, decide(statement(crypto::sha256("another").hex())).status);
  LONGS_EQUAL(400, decide("{}").status);
  LONGS_EQUAL(403, decide(R"({"statement":"x"})").status);
  LONGS_EQUAL(404, relay
                       .ask("POST", "/v1/approvals/" + crypto::sha256("none").hex() + "/decision",
                            statement(crypto::sha256("none").hex()), RelayFixture::bearer(token))
                       .status);
  LONGS_EQUAL(0, relay.poll(session).data.find("messages")->asArray().size());
}

TEST(Approvals, whatAHostSaysWrongIsRefusedAndBlocksNothing) {
  const auto refused = [this](const json::Value& body) {
    const auto answer = say("request", body);
    LONGS_EQUAL(200, answer.status);
    return answer.data.find("refused")->asArray().size() == 1;
  };
  json::Value body;
  CHECK(refused(json::Value(json::Object())));
  body.set("request", request).set("lasts_ms", 5).set("summary", "");
  CHECK(refused(body));
  body.set("sealed", "{}").set("statement", "x");
  CHECK(refused(body));
  body.erase("statement");
  body.set("request", "x");
  CHECK(refused(body));
  body.set("request", request);
  CHECK(!refused(body));
}

TEST(Approvals, whoWaitsForAChangeHearsOfIt) {
  auto waiting =
      relay.send("GET", "/v1/approvals?after=0&wait_s=20", "", RelayFixture::bearer(token));
  CHECK(!relay.answerOf(waiting).has_value());
  open(request);
  const auto answer = relay.answerOf(waiting);
  CHECK(answer.has_value());
  LONGS_EQUAL(1, answer->data.find("approvals")->asArray().size());
  const auto change = std::to_string(answer->data.integer("change"));
  auto idle = relay.send("GET", "/v1/approvals?after=" + change + "&wait_s=20", "",
                         RelayFixture::bearer(token));
  CHECK(!relay.answerOf(idle).has_value());
  relay.clock.advance(std::chrono::seconds{21});
  const auto nothing = relay.answerOf(idle);
  CHECK(nothing.has_value());
  LONGS_EQUAL(0, nothing->data.find("approvals")->asArray().size());
  LONGS_EQUAL(400, get("/v1/approvals?after=x").status);
}
