// Artifacts and cards on their way over a relay: what it takes, from whom, and what it gives.

#include "common/statement/Card.h"
#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::RelayFixture;

namespace {

const std::string kRequest(64, 'a');
const std::string kName(64, 'b');
const std::string kSeal(64, 'c');

}  // namespace

TEST_GROUP(Blobs) {
  RelayFixture relay;
  std::string session;
  std::string approver;

  void setup() override {
    session = relay.session(relay.key);
    approver = relay.newToken("approver");
    relay.hand(session, R"([{"seq":1,"kind":"request","body":{"request":")" + kRequest +
                            R"(","lasts_ms":3600000,"summary":"","sealed":"x"}}])");
  }
  RelayFixture::Answer put(const std::string& query, const std::string& body = "{}",
                           const std::string& bearer = "", const char* type = nullptr) {
    http::Headers headers = RelayFixture::bearer(bearer.empty() ? session : bearer);
    headers.add("Content-Type", type ? type : "application/jose+json");
    return relay.ask("PUT", "/v1/blobs/" + kName + "?" + query, body, std::move(headers));
  }
  static std::string query(int part, int parts, const std::string& request = kRequest) {
    return "request=" + request + "&seal=" + kSeal + "&part=" + std::to_string(part) +
           "&parts=" + std::to_string(parts);
  }
  RelayFixture::Answer fetch(int part) {
    return relay.ask(
        "GET", "/v1/approvals/" + kRequest + "/blobs/" + kName + "?part=" + std::to_string(part),
        "", RelayFixture::bearer(approver));
  }
};

TEST(Blobs, partsGoFromTheHostToApprovers) {
  LONGS_EQUAL(200, put(query(0, 2), R"({"a":1})").status);
  const auto missing = fetch(1);
  LONGS_EQUAL(200, missing.status);
  CHECK(missing.data.find("content") == nullptr);
  LONGS_EQUAL(1, missing.data.integer("have"));
  LONGS_EQUAL(2, put(query(1, 2), R"({"b":2})").data.integer("have"));
  STRCMP_EQUAL(R"({"a":1})", fetch(0).data.text("content").c_str());
  STRCMP_EQUAL(R"({"b":2})", fetch(1).data.text("content").c_str());
  const auto state = relay.ask("GET", "/v1/blobs/" + kName + "?request=" + kRequest, "",
                               RelayFixture::bearer(session));
  LONGS_EQUAL(2, state.data.integer("have"));
  STRCMP_EQUAL(kSeal.c_str(), state.data.text("seal").c_str());
  LONGS_EQUAL(2, relay.metrics.value(service::Counter::kArtifactParts));
}

TEST(Blobs, anotherHostHasNoPartInIt) {
  const auto other = crypto::P256PrivateKey::generate(relay.random);
  const std::string theirs = relay.session(other);
  LONGS_EQUAL(404, put(query(0, 1), "{}", theirs).status);
  LONGS_EQUAL(404, relay
                       .ask("GET", "/v1/blobs/" + kName + "?request=" + kRequest, "",
                            RelayFixture::bearer(theirs))
                       .status);
}

TEST(Blobs, whatIsNoPartIsRefused) {
  for (const std::string& bad :
       {std::string(), query(2, 2), query(0, 513), query(0, 0), query(-1, 2), query(0, 1, "x"),
        "request=" + kRequest + "&part=0&parts=1", query(0, 1) + "0000000000000000000000"}) {
    const int status = put(bad).status;
    CHECK_TEXT(status == 400 || status == 422, bad.c_str());
  }
  LONGS_EQUAL(415, put(query(0, 1), "{}", "", "application/json").status);
  LONGS_EQUAL(413, put(query(0, 1), std::string((1u << 20) + 1, 'x')).status);
  CHECK(put(query(0, 1), "\xff\xfe").status >= 400);
  LONGS_EQUAL(409, put(query(1, 2)).status);
  LONGS_EQUAL(404, put(query(0, 1, std::string(64, 'd'))).status);
}

TEST(Blobs, aQuotaIsSaidAndOverQuotaNothingIsTaken) {
  relay.settings.artifactBytesMax = 10;
  LONGS_EQUAL(200, put(query(0, 2), "12345678").status);
  const auto full = put(query(1, 2), "12345678");
  LONGS_EQUAL(429, full.status);
  STRCMP_EQUAL("BLY-RELAY-QUOTA", full.code.c_str());
  LONGS_EQUAL(1, fetch(1).data.integer("have"));
}

TEST(Blobs, theyGoWithTheirRequest) {
  LONGS_EQUAL(200, put(query(0, 1)).status);
  relay.hand(session, R"([{"seq":2,"kind":"receipt","body":{"request":")" + kRequest +
                          R"(","decision":"","statement":"s","closed":true}}])");
  CHECK(fetch(0).data.find("content") == nullptr);
  LONGS_EQUAL(404, put(query(0, 1)).status);
}

TEST(Blobs, aCardIsKeptForApprovers) {
  statement::Card card(relay.key.publicKey());
  card.fleet = *crypto::Digest::fromHex(std::string(64, 'e'));
  card.label = "web-1";
  card.counter = 2;
  card.createdMs = 1;
  const auto registrar = crypto::P256PrivateKey::generate(relay.random);
  const std::string release = relay.newToken("release");
  const auto send = [&](const std::string& typ) {
    json::Value body;
    body.set("statement", statement::signJws(registrar, typ, card.print()) + "\n");
    return relay.ask("POST", "/v1/cards", json::print(body), RelayFixture::bearer(release));
  };
  LONGS_EQUAL(403, send("belay-pin+jws").status);
  LONGS_EQUAL(202, send(std::string(statement::Card::kTyp)).status);
  card.counter = 1;
  LONGS_EQUAL(409, send(std::string(statement::Card::kTyp)).status);
  const auto shown =
      relay.ask("GET", "/v1/approvals/" + kRequest, "", RelayFixture::bearer(approver));
  CHECK(!shown.data.text("card").empty());
  const auto other = crypto::P256PrivateKey::generate(relay.random);
  card.key = other.publicKey();
  LONGS_EQUAL(404, send(std::string(statement::Card::kTyp)).status);
}
