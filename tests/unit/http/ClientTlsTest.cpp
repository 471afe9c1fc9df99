// The client against our own TLS server, with certificates made for each test, directly and through
// proxies that play a script.

#include <array>

#include "common/base/Files.h"
#include "tests/support/TempFolder.h"
#include "tests/unit/http/ClientFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::http::Client;
using belay::http::ClientFailure;
using belay::http::ClientOutcome;
using belay::http::ClientRequest;
using belay::http::parseProxy;
using belay::http::ProxySettings;
using belay::http::Responder;
using belay::http::ServerRequest;
using belay::http::ServerResponse;
using belay::test::LoopbackResolver;
using belay::test::PeerConnection;
using belay::test::RunningServer;
using belay::test::TempFolder;
using belay::test::TestAuthority;
using belay::test::TestPeer;
using namespace std::chrono_literals;

namespace {

void answerOk(const ServerRequest& request, Responder responder) {
  responder.send(ServerResponse::of(200, "text/plain", request.peer.secure ? "secure" : "plain"));
}

}  // namespace

TEST_GROUP(ClientTls) {
  belay::base::PosixClock clock;
  LoopbackResolver resolver;
  TestAuthority authority;
  TempFolder folder;
  ProxySettings proxies;
  std::unique_ptr<Client> client;
  ClientRequest request;

  void setup() override {
    client = std::make_unique<Client>(belay::http::ClientSettings{}, clock, resolver);
    request.caFile = folder.at("ca.pem");
    request.proxy = std::make_shared<const ProxySettings>(proxies);
    CHECK(belay::base::writeFileDurably(request.caFile, authority.pem()).ok());
  }

  void useProxy(const TestPeer& proxy, const std::string& credentials = "") {
    proxies.http =
        *parseProxy("http://" + credentials + "127.0.0.1:" + std::to_string(proxy.port()));
    proxies.https = proxies.http;
    request.proxy = std::make_shared<const ProxySettings>(proxies);
  }

  std::string bodyOfAnswer() {
    ClientOutcome outcome = client->send(request);
    if (!outcome.ok()) FAIL(outcome.failure().error.message.c_str());
    return outcome.response().body;
  }
  ClientFailure failure() {
    ClientOutcome outcome = client->send(request);
    CHECK_FALSE(outcome.ok());
    return outcome.failure();
  }
};

TEST(ClientTls, talksToAServerThatItCanVerify) {
  const RunningServer server(answerOk, authority.issue("server.test"));
  request.url = server.url("server.test");
  STRCMP_EQUAL("secure", bodyOfAnswer().c_str());
  STRCMP_EQUAL("secure", bodyOfAnswer().c_str());
  LONGS_EQUAL(1, resolver.asked.size());
}

TEST(ClientTls, sendsNothingToAServerThatItCannotVerify) {
  RunningServer server(answerOk, authority.issue("server.test"));
  request.url = server.url("other.test");
  const ClientFailure name = failure();
  CHECK(name.error.code == ErrorCode::kTlsCertificate);
  STRCMP_CONTAINS("another name", name.error.message.c_str());
  CHECK_FALSE(name.sent);
  CHECK(name.retryClass.empty());
  const TestAuthority stranger("Stranger");
  CHECK(belay::base::writeFileDurably(folder.at("other.pem"), stranger.pem()).ok());
  request.url = server.url("server.test");
  request.caFile = folder.at("other.pem");
  const ClientFailure unknown = failure();
  CHECK(unknown.error.code == ErrorCode::kTlsCertificate);
  STRCMP_CONTAINS("not signed by an authority", unknown.error.message.c_str());
  CHECK_FALSE(unknown.sent);
  CHECK(server.handler.requests.empty());
}

TEST(ClientTls, connectsNowhereWithoutAuthorities) {
  RunningServer server(answerOk, authority.issue("server.test"));
  request.url = server.url("server.test");
  request.caFile = folder.at("missing.pem");
  const ClientFailure missing = failure();
  CHECK(missing.error.code == ErrorCode::kTlsCertificate);
  STRCMP_CONTAINS("missing.pem", missing.error.message.c_str());
  CHECK(resolver.asked.empty());
}

TEST(ClientTls, saysApartWhenThePortSpeaksNoTls) {
  const RunningServer server(answerOk);
  request.url = "https://server.test:" + std::to_string(server.port) + "/";
  const ClientFailure plain = failure();
  CHECK(plain.error.code == ErrorCode::kTls);
  CHECK_FALSE(plain.sent);
}

TEST(ClientTls, endsAHandshakeAtItsDeadline) {
  const TestPeer silent([](PeerConnection& peer) { peer.waitForEnd(); });
  request.url = "https://server.test:" + std::to_string(silent.port()) + "/";
  request.connectTimeout = 20ms;
  const ClientFailure slow = failure();
  CHECK(slow.error.code == ErrorCode::kTimeout);
  CHECK_FALSE(slow.sent);
}

TEST(ClientTls, neverFollowsARedirectToPlainHttp) {
  const RunningServer server(
      [](const ServerRequest&, Responder responder) {
        ServerResponse response{302, {}, {}};
        response.headers.add("Location", "http://server.test/");
        responder.send(std::move(response));
      },
      authority.issue("server.test"));
  request.url = server.url("server.test");
  request.redirectsMax = 5;
  CHECK(failure().error.code == ErrorCode::kHttpProtocol);
}

TEST(ClientTls, tunnelsThroughAProxyWithCredentials) {
  const RunningServer server(answerOk, authority.issue("server.test"));
  std::string seen;
  {
    const TestPeer proxy([&](PeerConnection& peer) {
      seen = peer.readHead();
      peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
      peer.relayTo(server.port);
    });
    useProxy(proxy, "us%20er:p%40ss@");
    request.url = server.url("server.test");
    STRCMP_EQUAL("secure", bodyOfAnswer().c_str());
    client.reset();
  }
  const std::string endpoint = "server.test:" + std::to_string(server.port);
  STRCMP_CONTAINS(("CONNECT " + endpoint + " HTTP/1.1\r\n").c_str(), seen.c_str());
  STRCMP_CONTAINS(("Host: " + endpoint + "\r\n").c_str(), seen.c_str());
  STRCMP_CONTAINS("Proxy-Authorization: Basic dXMgZXI6cEBzcw==\r\n", seen.c_str());
  // The name is the proxy's to look up.
  STRCMP_EQUAL("127.0.0.1", resolver.asked.at(0).c_str());
}

TEST(ClientTls, saysWhatAProxyRefuses) {
  struct Row {
    const char* answer;
    ErrorCode code;
    const char* text;
  };
  constexpr std::array<Row, 4> kRows{{
      {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", ErrorCode::kProxy,
       "credentials"},
      {"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", ErrorCode::kProxy, "403 Forbidden"},
      {"HTTP/1.1 200 OK\nX", ErrorCode::kHttpProtocol, "the proxy"},
      {"", ErrorCode::kConnect, "the proxy"},
  }};
  for (const Row& row : kRows) {
    const TestPeer proxy([&](PeerConnection& peer) {
      peer.readHead();
      peer.send(row.answer);
    });
    useProxy(proxy);
    request.url = "https://server.test/";
    const ClientFailure refused = failure();
    CHECK_TEXT(refused.error.code == row.code, row.answer);
    STRCMP_CONTAINS(row.text, refused.error.message.c_str());
    CHECK_FALSE(refused.sent);
  }
}

TEST(ClientTls, checksTheServerBehindAProxyToo) {
  const RunningServer server(answerOk, authority.issue("server.test"));
  const TestPeer proxy([&](PeerConnection& peer) {
    peer.readHead();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    peer.relayTo(server.port);
  });
  useProxy(proxy);
  request.url = server.url("other.test");
  CHECK(failure().error.code == ErrorCode::kTlsCertificate);
}

TEST(ClientTls, asksAProxyForPlainUrlsInFull) {
  std::string seen;
  const TestPeer proxy([&](PeerConnection& peer) {
    seen = peer.readHead();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  useProxy(proxy, "u:p@");
  request.url = "http://server.test:8080/a?b";
  STRCMP_EQUAL("ok", bodyOfAnswer().c_str());
  STRCMP_CONTAINS("GET http://server.test:8080/a?b HTTP/1.1\r\n", seen.c_str());
  STRCMP_CONTAINS("Host: server.test:8080\r\n", seen.c_str());
  STRCMP_CONTAINS("Proxy-Authorization: Basic dTpw\r\n", seen.c_str());
}
