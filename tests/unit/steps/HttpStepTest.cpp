// Sends requests of steps to peers on loopback that answer as a script says, and looks at what came
// to the peer, what the policy was shown, and what the run gets.

#include <string>

#include "agent/steps/HttpStep.h"
#include "tests/unit/steps/StepsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::flow::EffectClass;
using belay::flow::FailureClass;
using belay::flow::Family;
using belay::runtime::Attempt;
using belay::runtime::StepResult;
using belay::steps::HttpStep;
using belay::test::AnsweringPeer;
using belay::test::PeerConnection;
using belay::test::StepsFixture;
using belay::test::TestPeer;
using belay::trust::HttpEffect;

TEST_GROUP(HttpStep) {
  StepsFixture on;

  HttpStep step() {
    belay::settings::HttpSettings settings;
    return HttpStep(HttpStep::World{on.calls, *on.outputs, on.connections, *on.vault, on.realClock,
                                    on.policy, *on.tokens},
                    settings);
  }
  StepResult perform(const Attempt& attempt) {
    HttpStep http = step();
    http.start(attempt);
    return on.result();
  }
  static Attempt get(const std::string& url, const std::string& more = "") {
    Attempt attempt =
        StepsFixture::attemptOf(Family::kHttp, R"({"url": ")" + url + "\"" + more + "}");
    attempt.effect = EffectClass::kIdempotent;
    return attempt;
  }
  HttpEffect describe(const Attempt& attempt) {
    const auto effect = step().describe(attempt);
    CHECK(effect.ok());
    return std::get<HttpEffect>(effect->what);
  }
};

TEST(HttpStep, theOutputIsStatusHeadersAndBody) {
  AnsweringPeer peer(AnsweringPeer::ok(R"({"a":[1,2]})"));
  const StepResult result = perform(get(peer.url("/x?y=1"), R"(, "query": {"z": [1, "ü &"]})"));
  CHECK(result.ok);
  CHECK(result.outputJson.find(R"("status":200)") != std::string::npos);
  CHECK(result.outputJson.find(R"("content-type":"application/json")") != std::string::npos);
  CHECK(result.outputJson.find(R"("body":{"a":[1,2]})") != std::string::npos);
  CHECK(peer.request().first.starts_with("GET /x?y=1&z=1&z=%C3%BC%20%26 HTTP/1.1\r\n"));
}

TEST(HttpStep, whatChangesSomethingCarriesTheIdempotencyKey) {
  AnsweringPeer peer(AnsweringPeer::ok("{}"));
  const Attempt attempt = get(peer.url(), R"(, "method": "post", "json": {"n": 1})");
  CHECK(perform(attempt).ok);
  const auto [head, body] = peer.request();
  CHECK(head.starts_with("POST / "));
  CHECK(head.find("Idempotency-Key: " + attempt.idempotencyKey + "\r\n") != std::string::npos);
  CHECK(head.find("Content-Type: application/json\r\n") != std::string::npos);
  STRCMP_EQUAL(R"({"n":1})", body.c_str());
}

TEST(HttpStep, secretsAreFilledInForThePeerAndNamedForThePolicy) {
  AnsweringPeer peer(AnsweringPeer::ok("{}"));
  on.secret("API_TOKEN", "token-of-the-connection");
  on.secret("HEADER", "value-of-the-header");
  on.secret("HEADER", "value-of-the-header-2");
  on.connect(R"({"api": {"type": "http", "base_url": ")" + peer.url() +
             R"(", "auth": {"type": "bearer", "secret": "API_TOKEN"}}})");
  const Attempt attempt =
      get("/v1", R"(, "connection": "api", "headers": {"X-Key": {"secret": "HEADER"}})");
  const std::string shown = belay::trust::effectJson({"http", "flow", "call", describe(attempt)});
  CHECK(shown.find("-of-the-") == std::string::npos);
  CHECK(shown.find(R"({"name":"X-Key","secret":"HEADER","version":"2"})") != std::string::npos);
  CHECK(shown.find(R"("connection_secrets":[{"secret":"API_TOKEN","version":"1"}])") !=
        std::string::npos);
  CHECK(perform(attempt).ok);
  const std::string head = peer.request().first;
  CHECK(head.find("Authorization: Bearer token-of-the-connection\r\n") != std::string::npos);
  CHECK(head.find("X-Key: value-of-the-header-2\r\n") != std::string::npos);
}

TEST(HttpStep, anotherVersionOfASecretIsAnotherEffect) {
  on.secret("API_TOKEN", "first-value");
  on.connect(
      R"({"api": {"type": "http", "base_url": "http://127.0.0.1:1/", "auth": {"type": "bearer", "secret": "API_TOKEN"}}})");
  const Attempt attempt = get("/v1", R"(, "connection": "api")");
  const std::string before = belay::trust::effectJson({"http", "flow", "call", describe(attempt)});
  on.secret("API_TOKEN", "second-value");
  CHECK(before != belay::trust::effectJson({"http", "flow", "call", describe(attempt)}));
}

TEST(HttpStep, aConnectionsCredentialsDoNotTravelElsewhere) {
  on.secret("API_TOKEN", "token-of-the-connection");
  on.connect(
      R"({"api": {"type": "http", "base_url": "http://127.0.0.1:1/base", "auth": {"type": "bearer", "secret": "API_TOKEN"}}})");
  CHECK_FALSE(step().describe(get("http://127.0.0.1:2/base", R"(, "connection": "api")")).ok());
  CHECK_FALSE(step().describe(get("../other", R"(, "connection": "api")")).ok());
}

TEST(HttpStep, whatAServerGivesBackOfASecretIsMasked) {
  on.secret("API_TOKEN", "token-of-the-connection");
  AnsweringPeer peer(
      "HTTP/1.1 200 OK\r\nX-Echo: token-of-the-connection\r\nContent-Type: application/json\r\n"
      "Connection: close\r\nContent-Length: 29\r\n\r\n{\"t\":\"token-of-the-connection\""
      "}");
  const StepResult result = perform(get(peer.url()));
  CHECK(result.outputJson.find("token-of") == std::string::npos);
  CHECK(result.outputJson.find(R"("x-echo":"***API_TOKEN***")") != std::string::npos);
}

TEST(HttpStep, aStatusFrom400OnFailsUnlessTheStepNamesIt) {
  const std::string missing =
      "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  AnsweringPeer fails(missing);
  const StepResult failed = perform(get(fails.url()));
  CHECK_FALSE(failed.ok);
  STRCMP_EQUAL("BLY-HTTP-STATUS", failed.failure->code.c_str());
  CHECK(failed.outputJson.find(R"("status":404)") != std::string::npos);
  AnsweringPeer fine(missing);
  CHECK(perform(get(fine.url(), R"(, "ok_status": [404])")).ok);
}

TEST(HttpStep, aRedirectThatIsNotFollowedFailsUnlessTheStepNamesIt) {
  const std::string moved =
      "HTTP/1.1 302 Found\r\nLocation: /login\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  AnsweringPeer fails(moved);
  const StepResult failed = perform(get(fails.url(), R"(, "method": "POST")"));
  CHECK_FALSE(failed.ok);
  STRCMP_EQUAL("BLY-HTTP-STATUS", failed.failure->code.c_str());
  STRCMP_CONTAINS("answered 302 Found; set redirects to follow it, or ok_status",
                  failed.failure->message.c_str());
  CHECK_FALSE(failed.failure->nothingLeft);
  AnsweringPeer fine(moved);
  CHECK(perform(get(fine.url(), R"(, "ok_status": [302])")).ok);
}

TEST(HttpStep, nullIsABody) {
  AnsweringPeer peer(AnsweringPeer::ok("{}"));
  CHECK(perform(get(peer.url(), R"(, "method": "POST", "json": null)")).ok);
  const auto [head, body] = peer.request();
  CHECK(head.find("Content-Type: application/json\r\n") != std::string::npos);
  STRCMP_EQUAL("null", body.c_str());
}

TEST(HttpStep, aServerThatAsksToSlowDownIsObeyed) {
  AnsweringPeer peer(
      "HTTP/1.1 429 Slow Down\r\nRetry-After: 17\r\nConnection: close\r\nContent-Length: "
      "0\r\n\r\n");
  const StepResult result = perform(get(peer.url(), R"(, "method": "POST")"));
  CHECK_FALSE(result.ok);
  STRCMP_EQUAL("BLY-RATE-LIMITED", result.failure->code.c_str());
  CHECK(result.failure->kind == FailureClass::kRateLimited);
  CHECK(result.failure->nothingLeft);
  LONGS_EQUAL(17'000, result.retryAfterMs);
}

TEST(HttpStep, noAnswerToWhatMayNotBeRepeatedIsAmbiguous) {
  TestPeer peer([](PeerConnection& connection) { connection.readHead(); });
  Attempt attempt = get(peer.url(), R"(, "method": "POST")");
  const StepResult again = perform(attempt);
  CHECK_FALSE(again.ambiguous);
  CHECK(again.failure->kind == FailureClass::kConnection);
  attempt.effect = EffectClass::kOnce;
  CHECK(perform(attempt).ambiguous);
}

TEST(HttpStep, aPeerThatCannotBeReachedProvesThatNothingLeft) {
  std::uint16_t port = 0;
  {
    const belay::base::UniqueFd socket = belay::test::listenOnLoopback();
    port = belay::test::portOf(socket);
  }
  Attempt attempt = get("http://127.0.0.1:" + std::to_string(port) + "/", R"(, "method": "POST")");
  attempt.effect = EffectClass::kOnce;
  const StepResult result = perform(attempt);
  CHECK_FALSE(result.ok);
  CHECK_FALSE(result.ambiguous);
  CHECK(result.failure->nothingLeft);
}

TEST(HttpStep, aResponseThatIsTooLargeFailsAndIsNeverCut) {
  AnsweringPeer peer(AnsweringPeer::ok(std::string(2000, 'x'), "text/plain"));
  const StepResult result = perform(get(peer.url(), R"(, "max_response_bytes": 1000)"));
  CHECK_FALSE(result.ok);
  STRCMP_EQUAL("BLY-HTTP-BODY-TOO-LARGE", result.failure->code.c_str());
}

TEST(HttpStep, aLongTextBecomesAResource) {
  AnsweringPeer peer(AnsweringPeer::ok(std::string(2000, 'x'), "text/plain"));
  const StepResult result = perform(get(peer.url()));
  CHECK(result.ok);
  LONGS_EQUAL(1, result.resources.size());
  LONGS_EQUAL(2000, on.outputs->load(result.resources.front().ref)->size());
}

TEST(HttpStep, aCancelledRequestEnds) {
  TestPeer peer([](PeerConnection& connection) {
    connection.readHead();
    connection.waitForEnd();
  });
  HttpStep http = step();
  const Attempt attempt = get(peer.url());
  http.start(attempt);
  http.cancel(attempt.run, attempt.key);
  CHECK_FALSE(on.result().ok);
  LONGS_EQUAL(0, on.calls.inFlight());
}

TEST(HttpStep, aStepThatTakesTooLongIsAStepTimeout) {
  TestPeer peer([](PeerConnection& connection) {
    connection.readHead();
    connection.waitForEnd();
  });
  Attempt attempt = get(peer.url());
  attempt.timeoutMs = 50;
  const StepResult result = perform(attempt);
  CHECK_FALSE(result.ok);
  STRCMP_EQUAL("BLY-STEP-TIMEOUT", result.failure->code.c_str());
  CHECK(result.failure->kind == FailureClass::kTimeout);
}

TEST(HttpStep, whatWasDescribedIsWhatIsAskedAlthoughTheConnectionChanges) {
  AnsweringPeer first(AnsweringPeer::ok("{\"a\":1}"));
  AnsweringPeer second(AnsweringPeer::ok("{\"a\":2}"));
  const auto definition = [](const std::string& url) {
    belay::json::Value out;
    return out.set("type", "http").set("base_url", url);
  };
  CHECK(on.connections.put("api", definition(first.url("/v1")), {}, false).ok());
  const Attempt attempt =
      StepsFixture::attemptOf(Family::kHttp, R"({"connection": "api", "url": "/x"})");
  HttpStep http = step();
  CHECK(http.describe(attempt).ok());
  CHECK(on.connections.put("api", definition(second.url("/v1")), {}, true).ok());
  http.start(attempt);
  CHECK(on.result().outputJson.find(R"("body":{"a":1})") != std::string::npos);
  // Another attempt is another description.
  http.start(attempt);
  CHECK(on.result().outputJson.find(R"("body":{"a":2})") != std::string::npos);
}
