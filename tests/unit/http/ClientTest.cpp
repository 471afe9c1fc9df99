// Runs the client against our own server, and against peers that play a script where a server must
// misbehave. Nothing sleeps: what must end by itself is ended by a deadline of milliseconds.

#include "tests/support/TempFolder.h"
#include "tests/unit/http/ClientFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::CancelToken;
using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::Status;
using belay::http::Address;
using belay::http::Client;
using belay::http::ClientFailure;
using belay::http::ClientOutcome;
using belay::http::ClientRequest;
using belay::http::ClientResponse;
using belay::http::Responder;
using belay::http::retryClassOf;
using belay::http::ServerRequest;
using belay::http::ServerResponse;
using belay::test::echo;
using belay::test::LoopbackResolver;
using belay::test::PeerConnection;
using belay::test::RunningServer;
using belay::test::TempFolder;
using belay::test::TestPeer;
using namespace std::chrono_literals;

namespace {

/// Answers each request of a connection with `text`, and ends the connection.
TestPeer::Script answering(std::string text) {
  return [text = std::move(text)](PeerConnection& peer) {
    peer.readHead();
    peer.send(text);
  };
}

}  // namespace

TEST_GROUP(Client) {
  belay::base::PosixClock clock;
  LoopbackResolver resolver;
  Client client{{}, clock, resolver};

  ClientFailure failureOf(const ClientRequest& request) {
    ClientOutcome outcome = client.send(request);
    CHECK_FALSE(outcome.ok());
    return outcome.failure();
  }
  ClientFailure failureOfAnswer(const std::string& answer) {
    const TestPeer peer(answering(answer));
    ClientRequest request;
    request.url = peer.url();
    request.responseBytesMax = 100;
    request.headerBytesMax = 1000;
    return failureOf(request);
  }
  ClientResponse answerTo(const ClientRequest& request) {
    ClientOutcome outcome = client.send(request);
    if (!outcome.ok()) FAIL(outcome.failure().error.message.c_str());
    return outcome.response();
  }
};

TEST(Client, bringsRequestAndResponseAcrossWhole) {
  const RunningServer server(echo);
  ClientRequest request;
  request.method = "POST";
  request.url = server.url("host.test", "/a%2Fb?c=d");
  request.headers = {{"Content-Type", "text/x"}, {"X-Two", "1"}, {"X-Two", "2"}};
  request.body = std::string(300'000, 'y');
  const ClientResponse response = answerTo(request);
  LONGS_EQUAL(200, response.status);
  STRCMP_EQUAL("OK", response.reason.c_str());
  LONGS_EQUAL(2, response.headers.count("set-cookie"));
  STRCMP_CONTAINS("POST /a%2Fb?c=d\n", response.body.c_str());
  STRCMP_CONTAINS(("Host: host.test:" + std::to_string(server.port) + "\n").c_str(),
                  response.body.c_str());
  STRCMP_CONTAINS("X-Two: 1\nX-Two: 2\n", response.body.c_str());
  STRCMP_CONTAINS("Content-Length: 300000\n", response.body.c_str());
  CHECK(response.body.ends_with(request.body));
}

TEST(Client, usesAConnectionAgainOnlyForWhatMayBeRepeated) {
  RunningServer server(echo);
  ClientRequest request;
  request.url = server.url("host.test");
  for (int i = 0; i < 3; ++i) answerTo(request);
  LONGS_EQUAL(1, resolver.asked.size());
  request.method = "POST";
  answerTo(request);
  LONGS_EQUAL(2, resolver.asked.size());
}

TEST(Client, noticesThatAKeptConnectionIsDead) {
  const TestPeer peer([](PeerConnection& connection) {
    connection.readHead();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    // The second request is read and never answered.
    connection.readHead();
  });
  ClientRequest request;
  request.url = peer.url();
  STRCMP_EQUAL("ok", answerTo(request).body.c_str());
  STRCMP_EQUAL("ok", answerTo(request).body.c_str());
  LONGS_EQUAL(2, peer.connections());
}

TEST(Client, neverUsesAConnectionOnWhichMoreCameThanWasAskedFor) {
  const TestPeer peer([](PeerConnection& connection) {
    connection.readHead();
    connection.send(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: "
        "4\r\n\r\nevil");
    connection.waitForEnd();
  });
  ClientRequest request;
  request.url = peer.url();
  STRCMP_EQUAL("ok", answerTo(request).body.c_str());
  STRCMP_EQUAL("ok", answerTo(request).body.c_str());
  LONGS_EQUAL(2, peer.connections());
}

TEST(Client, talksOverAUnixSocket) {
  const TempFolder folder;
  const RunningServer server(echo, folder.at("api.sock"));
  ClientRequest request;
  request.unixSocket = folder.at("api.sock");
  request.url = "/v1/runs?limit=1";
  const ClientResponse response = answerTo(request);
  STRCMP_CONTAINS("GET /v1/runs?limit=1\n", response.body.c_str());
  STRCMP_CONTAINS("Host: localhost\n", response.body.c_str());
  CHECK(resolver.asked.empty());
}

TEST(Client, provesThatNothingLeft) {
  ClientRequest request;
  request.url = "http://missing.test/";
  CHECK_FALSE(failureOf(request).sent);
  // A port that was free a moment ago.
  request.url =
      "http://127.0.0.1:" + std::to_string(belay::test::portOf(belay::test::listenOnLoopback())) +
      "/";
  const ClientFailure refused = failureOf(request);
  CHECK_FALSE(refused.sent);
  CHECK(refused.error.code == ErrorCode::kConnect);
  STRCMP_EQUAL("connection", std::string(refused.retryClass).c_str());
  request = {};
  request.unixSocket = "/nonexistent/api.sock";
  request.url = "/";
  CHECK_FALSE(failureOf(request).sent);
}

TEST(Client, saysThatSomethingLeftWhenTheAnswerIsMissing) {
  const TestPeer peer([](PeerConnection& connection) { connection.readHead(); });
  ClientRequest request;
  request.url = peer.url();
  const ClientFailure failure = failureOf(request);
  CHECK(failure.sent);
  CHECK(failure.error.code == ErrorCode::kConnect);
  STRCMP_EQUAL("connection", std::string(failure.retryClass).c_str());
  LONGS_EQUAL(1, peer.connections());
}

TEST(Client, endsAtItsDeadlineWhereverThePeerStops) {
  for (const char* part :
       {"", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
    const TestPeer peer([part](PeerConnection& connection) {
      connection.readHead();
      connection.send(part);
      connection.waitForEnd();
    });
    ClientRequest request;
    request.url = peer.url();
    request.timeout = 20ms;
    const ClientFailure failure = failureOf(request);
    CHECK(failure.error.code == ErrorCode::kTimeout);
    STRCMP_EQUAL("timeout", std::string(failure.retryClass).c_str());
    CHECK(failure.sent);
    CHECK(failure.outOfTime);
  }
}

TEST(Client, endsAfterASilenceThatIsTooLong) {
  const TestPeer peer([](PeerConnection& connection) {
    connection.readHead();
    connection.waitForEnd();
  });
  ClientRequest request;
  request.url = peer.url();
  request.timeout = 1h;
  request.idleTimeout = 10ms;
  CHECK(failureOf(request).error.code == ErrorCode::kTimeout);
  CHECK_FALSE(failureOf(request).outOfTime);
}

TEST(Client, isEndedByItsToken) {
  CancelToken token;
  const TestPeer peer([&](PeerConnection& connection) {
    connection.readHead();
    token.cancel();
    connection.waitForEnd();
  });
  ClientRequest request;
  request.url = peer.url();
  request.timeout = 1h;
  request.cancel = &token;
  const ClientFailure failure = failureOf(request);
  CHECK(failure.error.code == ErrorCode::kCancelled);
  CHECK(failure.sent);
}

TEST(Client, refusesAnswersThatAreNotHttp) {
  for (const char* answer :
       {"SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n"}) {
    const ClientFailure failure = failureOfAnswer(answer);
    CHECK_TEXT(failure.error.code == ErrorCode::kHttpProtocol, answer);
    CHECK_TEXT(failure.sent, answer);
    CHECK_TEXT(failure.retryClass.empty(), answer);
  }
}

TEST(Client, neverGivesACutAnswerForAWholeOne) {
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
                             "HTTP/1.1 200 OK\r\nX"}) {
    CHECK_TEXT(failureOfAnswer(answer).error.code == ErrorCode::kConnect, answer);
  }
}

TEST(Client, boundsBodiesAndHeads) {
  const std::string large(101, 'x');
  CHECK(failureOfAnswer("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n").error.code ==
        ErrorCode::kHttpBodyTooLarge);
  CHECK(failureOfAnswer("HTTP/1.1 200 OK\r\n\r\n" + large).error.code ==
        ErrorCode::kHttpBodyTooLarge);
  CHECK(failureOfAnswer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + large)
            .error.code == ErrorCode::kHttpBodyTooLarge);
  CHECK(
      failureOfAnswer("HTTP/1.1 200 OK\r\nX: " + std::string(1000, 'x') + "\r\n\r\n").error.code ==
      ErrorCode::kHttpProtocol);
}

TEST(Client, skipsInterimAnswersButNotEndlessly) {
  const TestPeer good(answering(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\nend"));
  ClientRequest request;
  request.url = good.url();
  STRCMP_EQUAL("end", answerTo(request).body.c_str());
  std::string endless;
  for (int i = 0; i < 20; ++i) endless += "HTTP/1.1 100 Continue\r\n\r\n";
  CHECK(failureOfAnswer(endless).error.code == ErrorCode::kHttpProtocol);
  CHECK(failureOfAnswer("HTTP/1.1 100 Continue\r\n\r\n").error.code == ErrorCode::kConnect);
}

TEST(Client, readsTheAnswerOfAServerThatDidNotWaitForTheBody) {
  const TestPeer peer(answering("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nlong"));
  ClientRequest request;
  request.method = "PUT";
  request.url = peer.url();
  request.body = std::string(8u << 20, 'x');
  ClientOutcome outcome = client.send(request);
  // The kernel may drop the answer together with the connection; then it is a broken connection.
  if (outcome.ok())
    LONGS_EQUAL(413, outcome.response().status);
  else
    CHECK(outcome.failure().error.code == ErrorCode::kConnect);
}

TEST(Client, takesNoBodyFromHeadAndNotModified) {
  const TestPeer peer(answering("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"));
  ClientRequest request;
  request.url = peer.url();
  LONGS_EQUAL(304, answerTo(request).status);
  const RunningServer server(echo);
  request.method = "HEAD";
  request.url = server.url("host.test");
  const ClientResponse response = answerTo(request);
  CHECK(response.headers.has("Content-Length"));
  STRCMP_EQUAL("", response.body.c_str());
}

TEST(Client, neverSendsAHeaderThatEndsItsLine) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"X", "a\r\nEvil: 1"},
                                                        {"X\r\nEvil", "1"},
                                                        {"X", "a\nb"},
                                                        {"X", std::string("a\0b", 3)},
                                                        {"X:", "1"},
                                                        {"", "1"},
                                                        {"X", " 1"},
                                                        {"Host", "other"},
                                                        {"content-length", "5"},
                                                        {"Transfer-Encoding", "chunked"},
                                                        {"Connection", "x"}}) {
    ClientRequest request;
    request.url = "http://127.0.0.1:1/";
    request.headers.add(name, value);
    const ClientFailure failure = failureOf(request);
    CHECK_TEXT(failure.error.code == ErrorCode::kInvalidArgument, name.c_str());
    CHECK_FALSE(failure.sent);
  }
  ClientRequest request;
  request.url = "http://127.0.0.1:1/";
  for (const char* method : {"G T", "GET / HTTP/1.1\r\nX: y", "", "CONNECT", "TRACE"}) {
    request.method = method;
    CHECK(failureOf(request).error.code == ErrorCode::kInvalidArgument);
  }
}

TEST(Client, asksBeforeItConnectsToAnAddress) {
  RunningServer server(echo);
  ClientRequest request;
  request.url = server.url("innocent.test");
  request.allowAddress = [](const Address& address) -> Status {
    if (!address.isInternal()) return {};
    return Error{ErrorCode::kPolicyRefused, address.str() + " is internal"};
  };
  const ClientFailure failure = failureOf(request);
  CHECK(failure.error.code == ErrorCode::kPolicyRefused);
  CHECK_FALSE(failure.sent);
  CHECK(server.handler.requests.empty());
}

TEST(Client, handsTheBodyToASinkAsItComes) {
  const RunningServer server([](const ServerRequest&, Responder responder) {
    auto stream = responder.stream(ServerResponse::of(200, "text/plain", "one "));
    static_cast<void>(stream.write("two "));
    static_cast<void>(stream.write("three"));
    stream.end();
  });
  std::string all;
  int status = 0;
  ClientRequest request;
  request.url = server.url("host.test");
  request.onHead = [&](const ClientResponse& response) -> Status {
    CHECK(all.empty());
    status = response.status;
    return {};
  };
  request.onBody = [&](std::string_view part) -> Status {
    all += part;
    return {};
  };
  STRCMP_EQUAL("", answerTo(request).body.c_str());
  LONGS_EQUAL(200, status);
  STRCMP_EQUAL("one two three", all.c_str());
  request.onHead = nullptr;
  request.onBody = [](std::string_view) -> Status {
    return Error{ErrorCode::kDiskFull, "no room"};
  };
  CHECK(failureOf(request).error.code == ErrorCode::kDiskFull);
}

TEST(Client, givesTheRetryClassOfAStatus) {
  STRCMP_EQUAL("rate_limited", std::string(retryClassOf(429)).c_str());
  STRCMP_EQUAL("timeout", std::string(retryClassOf(408)).c_str());
  STRCMP_EQUAL("timeout", std::string(retryClassOf(504)).c_str());
  STRCMP_EQUAL("unavailable", std::string(retryClassOf(502)).c_str());
  STRCMP_EQUAL("unavailable", std::string(retryClassOf(503)).c_str());
  STRCMP_EQUAL("server_error", std::string(retryClassOf(500)).c_str());
  STRCMP_EQUAL("", std::string(retryClassOf(404)).c_str());
  STRCMP_EQUAL("", std::string(retryClassOf(200)).c_str());
}
