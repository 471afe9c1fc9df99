// A relay that says what the test wants: what the host makes of its answers, and what it signs.

#include <deque>

#include "agent/link/RelayClient.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/statement/Jws.h"
#include "common/statement/SessionClaim.h"
#include "common/wire/ReconnectProof.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using link::RelayClient;

TEST_GROUP(RelayClient) {
  test::SeededRandom random;
  crypto::P256PrivateKey key = crypto::P256PrivateKey::generate(random);
  std::deque<std::pair<int, std::string>> answers;
  std::vector<http::ClientRequest> seen;
  const std::string url = "https://relay.test";
  const std::string nonce = base::toBase64Url(std::string(32, 'n'));

  RelayClient client() {
    return RelayClient(
        [this](const http::ClientRequest& request) -> http::ClientOutcome {
          seen.push_back(request);
          if (answers.empty()) {
            return http::ClientFailure{
                base::Error{ErrorCode::kConnect, "nobody"}, false, {}, false};
          }
          http::ClientResponse response;
          response.status = answers.front().first;
          response.body = answers.front().second;
          answers.pop_front();
          return response;
        },
        nullptr);
  }
  void ok(const std::string& data) {
    answers.emplace_back(200, "{\"ok\":true,\"data\":" + data + ",\"meta\":{\"schema\":1}}");
  }
  void refusal(const std::string& code, const std::string& data) {
    answers.emplace_back(401, "{\"ok\":false,\"error\":{\"code\":\"" + code +
                                  "\",\"message\":\"no\",\"actions\":[]},\"data\":" + data +
                                  ",\"meta\":{\"schema\":1}}");
  }
  ErrorCode openError() {
    const auto opened = client().openSession(url, key, {"", "e", 1, 3, 0, {}});
    CHECK(!opened.ok());
    return opened.error().code;
  }
};

TEST(RelayClient, aUrlHasOneSpelling) {
  STRCMP_EQUAL("https://relay.test", link::relayUrl("https://relay.test:443/")->c_str());
  STRCMP_EQUAL("https://relay.test:8443", link::relayUrl("https://relay.test:8443")->c_str());
  for (const char* bad : {"http://relay.test", "https://relay.test/x", "relay.test", ""}) {
    CHECK_TEXT(!link::relayUrl(bad).ok(), bad);
  }
}

TEST(RelayClient, aSessionIsSignedForThisRelayOverItsNonce) {
  refusal("BLY-RELAY-NONCE", "{\"nonce\":\"" + nonce + "\"}");
  ok("{\"session\":\"s\",\"received\":7,\"poll_max_s\":60,\"reconnect_window_s\":5}");
  const auto grant = client().openSession(url, key, {"", "e", 1, 3, 0, {}});
  CHECK(grant.ok());
  STRCMP_EQUAL("s", grant->bearer.c_str());
  LONGS_EQUAL(7, grant->received);
  LONGS_EQUAL(5, grant->reconnectWindow.count());
  const auto jws = statement::Jws::parse(json::parse(seen[1].body)->text("statement"));
  const auto payload = jws->verify(key.publicKey(), statement::SessionClaim::kTyp);
  const auto claim = statement::SessionClaim::parse(*payload);
  STRCMP_EQUAL(url.c_str(), claim->relay.c_str());
  STRCMP_EQUAL(nonce.c_str(), claim->nonce.c_str());
  LONGS_EQUAL(3, claim->sent);
}

TEST(RelayClient, whoWasThereBeforeProvesItWithTheKeyOfTheSessionBefore) {
  refusal("BLY-RELAY-NONCE", "{\"nonce\":\"" + nonce + "\"}");
  ok("{\"session\":\"s\",\"reconnect_key\":\"k1\"}");
  const auto first = client().openSession(url, key, {"", "e", 1, 3, 0, {}});
  STRCMP_EQUAL("k1", first->reconnectKey.c_str());
  CHECK(json::parse(seen[1].body)->find("proof") == nullptr);
  refusal("BLY-RELAY-NONCE", "{\"nonce\":\"" + nonce + "\"}");
  ok("{\"session\":\"s\"}");
  const auto second = client().openSession(url, key, {"", "e", 2, 3, 0, {}, first->reconnectKey});
  STRCMP_EQUAL("", second->reconnectKey.c_str());
  const auto body = json::parse(seen[3].body);
  STRCMP_EQUAL(wire::reconnectProof("k1", second->statement).c_str(), body->text("proof").c_str());
}

TEST(RelayClient, nothingButANonceIsSigned) {
  for (const std::string bad :
       {"", "short", "{}", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "\\u0000"}) {
    refusal("BLY-RELAY-NONCE", "{\"nonce\":\"" + base::visible(bad) + "\"}");
    CHECK(openError() == ErrorCode::kHttpProtocol);
  }
  LONGS_EQUAL(5, seen.size());
  ok("{}");
  CHECK(openError() == ErrorCode::kHttpProtocol);
}

TEST(RelayClient, whatIsNoRelayIsSaidToBeNone) {
  for (const char* text : {"", "<html>", "{}", "[]", "{\"ok\":true}"}) {
    answers.emplace_back(200, text);
    CHECK(openError() == ErrorCode::kHttpProtocol);
  }
  CHECK(openError() == ErrorCode::kConnect);
}

TEST(RelayClient, messagesComeInOrderOrNotAtAll) {
  ok("{\"messages\":[{\"seq\":4,\"kind\":\"a\",\"body\":{}},{\"seq\":9,\"kind\":\"b\",\"body\":{}}]"
     "}");
  LONGS_EQUAL(2, client().poll(url, "s", 3, std::chrono::seconds{1})->size());
  for (const char* bad :
       {"{}", "{\"messages\":{}}", "{\"messages\":[{\"seq\":3,\"kind\":\"a\",\"body\":{}}]}",
        "{\"messages\":[{\"seq\":5,\"kind\":\"a\",\"body\":{}},{\"seq\":5,\"kind\":\"a\",\"body\":{"
        "}}]}",
        "{\"messages\":[{\"seq\":5,\"kind\":\"a\"}]}", "{\"messages\":[1]}",
        "{\"messages\":[{\"seq\":1e300,\"kind\":\"a\",\"body\":{}}]}"}) {
    ok(bad);
    const auto polled = client().poll(url, "s", 3, std::chrono::seconds{1});
    CHECK_TEXT(!polled.ok() && polled.error().code == ErrorCode::kHttpProtocol, bad);
  }
}

TEST(RelayClient, anEnrolmentIsOfThisKeyAndThisUrl) {
  const std::string id = key.publicKey().thumbprint();
  ok("{\"host\":\"" + id + "\",\"url\":\"https://relay.test\"}");
  CHECK(client().enrol("https://relay.test/", "t", key.publicKey(), "l").ok());
  STRCMP_EQUAL("Bearer t", seen[0].headers.find("Authorization")->c_str());
  ok("{\"host\":\"" + id + "\",\"url\":\"https://other.test\"}");
  CHECK(client().enrol(url, "t", key.publicKey(), "l").error().code == ErrorCode::kRelayUrl);
  ok("{\"host\":\"x\",\"url\":\"https://relay.test\"}");
  CHECK(client().enrol(url, "t", key.publicKey(), "l").error().code == ErrorCode::kHttpProtocol);
}

TEST(RelayClient, whatARelayClaimsIsBounded) {
  ok("{\"acknowledged\":-5,\"refused\":[]}");
  LONGS_EQUAL(0, client().hand(url, "s", "[]")->acknowledged);
  ok("{\"acknowledged\":3,\"refused\":[{\"seq\":2,\"code\":\"BLY-RELAY-QUOTA\",\"message\":\"m\"}]"
     "}");
  const auto handed = client().hand(url, "s", "[]");
  LONGS_EQUAL(1, handed->refused.size());
  refusal("BLY-RELAY-NONCE", "{\"nonce\":\"" + nonce + "\"}");
  ok("{\"session\":\"s\",\"received\":1e18,\"poll_max_s\":-1,\"reconnect_window_s\":1e9}");
  const auto grant = client().openSession(url, key, {"", "e", 1, 3, 0, {}});
  CHECK(grant->received <= (std::int64_t{1} << 52));
  LONGS_EQUAL(0, grant->pollMax.count());
  LONGS_EQUAL(3600, grant->reconnectWindow.count());
}
