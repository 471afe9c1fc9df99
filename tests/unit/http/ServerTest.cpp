// Drives a server step by step over socket pairs, on a clock that stands still until the test moves
// it: what must happen in time is a question of the clock, never of the machine.

#include "tests/unit/http/ServerFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::UniqueFd;
using belay::http::Responder;
using belay::http::ResponseStream;
using belay::http::Server;
using belay::http::ServerRequest;
using belay::http::ServerResponse;
using belay::http::ServerSettings;
using belay::test::bodyOf;
using belay::test::echoShort;
using belay::test::kGet;
using belay::test::occurrences;
using belay::test::ServerFixture;
using belay::test::statusOf;
using belay::test::text;
using namespace std::chrono_literals;

TEST_GROUP(Server) {
  ServerSettings settings;
  std::unique_ptr<ServerFixture> f;

  ServerFixture& start() {
    f = std::make_unique<ServerFixture>(settings);
    f->handler.onRequest = echoShort;
    return *f;
  }
};

TEST(Server, answersARequestOnAConnectionThatStays) {
  auto& s = start();
  const UniqueFd client = s.connect();
  for (int i = 0; i < 3; ++i) {
    const std::string answer =
        s.exchange(client, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    STRCMP_EQUAL("HTTP/1.1 200", statusOf(answer).c_str());
    STRCMP_CONTAINS("Content-Length: 10\r\n", answer.c_str());
    STRCMP_CONTAINS("Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n", answer.c_str());
    STRCMP_EQUAL("POST /x hi", bodyOf(answer).c_str());
  }
  LONGS_EQUAL(1, s.server->connections());
}

TEST(Server, handsOverTheRequestInItsParts) {
  auto& s = start();
  const UniqueFd client = s.connect();
  s.send(client, "GET /a%20b?q=1%2B1+x&r HTTP/1.1\r\nHost: x\r\nX: 1\r\n\r\n");
  const ServerRequest& request = s.handler.requests.at(0);
  STRCMP_EQUAL("/a%20b", request.path.c_str());
  STRCMP_EQUAL("q=1%2B1+x&r", request.query.c_str());
  STRCMP_EQUAL("1+1 x", request.queryValue("q").value_or("none").c_str());
  STRCMP_EQUAL("", request.queryValue("r").value_or("none").c_str());
  STRCMP_EQUAL("none", request.queryValue("s").value_or("none").c_str());
  LONGS_EQUAL(::getuid(), request.peer.credentials.value().uid);
  LONGS_EQUAL(::getpid(), request.peer.credentials.value().pid);
}

TEST(Server, answersPipelinedRequestsInTheirOrderHoweverTheAnswersCome) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, std::string(kGet) + kGet + kGet);
  LONGS_EQUAL(3, s.handler.responders.size());
  s.handler.responders[2].send(text("third"));
  s.handler.responders[1].send(text("second"));
  STRCMP_EQUAL("", s.receive(client).c_str());
  s.handler.responders[0].send(text("first"));
  const std::string all = s.receive(client);
  CHECK(all.find("first") < all.find("second"));
  CHECK(all.find("second") < all.find("third"));
}

TEST(Server, takesNoMoreRequestsOfOneConnectionThanItsBound) {
  settings.pipelineMax = 4;
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  std::string many;
  for (int i = 0; i < 10; ++i) many += kGet;
  s.send(client, many);
  LONGS_EQUAL(4, s.handler.responders.size());
  s.handler.responders[0].send(text("1"));
  s.run();
  LONGS_EQUAL(5, s.handler.responders.size());
  // The rest is answered at once, while the loop is still busy with the answers.
  s.handler.onRequest = echoShort;
  for (std::size_t i = 1; i < 5; ++i) s.handler.responders[i].send(text("x"));
  LONGS_EQUAL(10, occurrences(s.receive(client), "HTTP/1.1 200"));
}

TEST(Server, readsRequestsThatComeByteByByte) {
  auto& s = start();
  const UniqueFd client = s.connect();
  const std::string request =
      "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
  for (const char c : request) s.send(client, std::string(1, c));
  STRCMP_EQUAL("POST /x hi", bodyOf(s.receive(client)).c_str());
}

TEST(Server, refusesAMalformedRequestAndClosesAfterItsAnswer) {
  auto& s = start();
  const UniqueFd client = s.connect();
  const std::string answer =
      s.exchange(client,
                 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
                 "chunked\r\n\r\nGET /smuggled HTTP/1.1\r\n");
  STRCMP_EQUAL("HTTP/1.1 400", statusOf(answer).c_str());
  STRCMP_CONTAINS("Connection: close\r\n", answer.c_str());
  STRCMP_CONTAINS("<end>", answer.c_str());
  LONGS_EQUAL(0, s.handler.requests.size());
}

TEST(Server, answersWhatCameBeforeAMalformedRequestFirst) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, std::string(kGet) + "BAD\r\n\r\n");
  STRCMP_EQUAL("", s.receive(client).c_str());
  s.handler.responders.at(0).send(text("good"));
  const std::string answer = s.receive(client);
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(answer).c_str());
  STRCMP_CONTAINS("HTTP/1.1 400", answer.c_str());
}

TEST(Server, refusesABodyOverItsBoundBeforeItComes) {
  auto& s = start();
  const UniqueFd client = s.connect();
  const std::string answer =
      s.exchange(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  STRCMP_EQUAL("HTTP/1.1 413", statusOf(answer).c_str());
  const UniqueFd other = s.connect();
  const std::string chunked =
      s.exchange(other, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                            std::string(1001, 'x'));
  STRCMP_EQUAL("HTTP/1.1 413", statusOf(chunked).c_str());
  LONGS_EQUAL(0, s.handler.requests.size());
}

TEST(Server, boundsTheBodiesOfAllRequestsTogether) {
  settings.bodiesBytesMax = 1500;
  auto& s = start();
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n";
  const UniqueFd first = s.connect();
  s.send(first, head + std::string(800, 'x'));
  const UniqueFd second = s.connect();
  STRCMP_EQUAL("HTTP/1.1 503", statusOf(s.exchange(second, head + std::string(800, 'x'))).c_str());
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(first, std::string(100, 'x'))).c_str());
  // What is finished counts no more.
  const UniqueFd third = s.connect();
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(third, head + std::string(900, 'x'))).c_str());
}

TEST(Server, saysContinueToWhoAsksForIt) {
  auto& s = start();
  const UniqueFd client = s.connect();
  STRCMP_EQUAL(
      "HTTP/1.1 100 Continue\r\n\r\n",
      s.exchange(client,
                 "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
          .c_str());
  STRCMP_EQUAL("POST / hi", bodyOf(s.exchange(client, "hi")).c_str());
  STRCMP_EQUAL("HTTP/1.1 403", statusOf(s.exchange(client,
                                                   "POST /refused HTTP/1.1\r\nHost: x\r\nExpect: "
                                                   "100-continue\r\nContent-Length: 2\r\n\r\n"))
                                   .c_str());
}

TEST(Server, keepsTheConnectionAfterARefusalWithoutBody) {
  auto& s = start();
  const UniqueFd client = s.connect();
  STRCMP_EQUAL("HTTP/1.1 403",
               statusOf(s.exchange(client, "GET /refused HTTP/1.1\r\nHost: x\r\n\r\n")).c_str());
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(client, kGet)).c_str());
}

TEST(Server, givesHeadTheHeadOnly) {
  auto& s = start();
  const UniqueFd client = s.connect();
  const std::string answer = s.exchange(client, "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
  STRCMP_CONTAINS("Content-Length: 8\r\n", answer.c_str());
  STRCMP_EQUAL("", bodyOf(answer).c_str());
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(client, kGet)).c_str());
}

TEST(Server, closesWhenThePeerSaysSo) {
  auto& s = start();
  const UniqueFd client = s.connect();
  const std::string answer =
      s.exchange(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  STRCMP_CONTAINS("Connection: close\r\n", answer.c_str());
  STRCMP_CONTAINS("<end>", answer.c_str());
  const UniqueFd old = s.connect();
  STRCMP_CONTAINS("<end>", s.exchange(old, "GET / HTTP/1.0\r\n\r\n").c_str());
}

TEST(Server, neverLetsAHandlerSplitTheAnswer) {
  auto& s = start();
  s.handler.onRequest = [](const ServerRequest&, Responder responder) {
    ServerResponse response = text("x");
    response.headers.add("X-Name", "a\r\nSet-Cookie: evil");
    responder.send(std::move(response));
  };
  const UniqueFd client = s.connect();
  const std::string answer = s.exchange(client, kGet);
  STRCMP_EQUAL("HTTP/1.1 500", statusOf(answer).c_str());
  CHECK(answer.find("evil") == std::string::npos);
}

TEST(Server, answersARequestThatItsHandlerForgot) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, kGet);
  s.handler.responders.clear();
  STRCMP_EQUAL("HTTP/1.1 500", statusOf(s.receive(client)).c_str());
}

TEST(Server, sendsALargeAnswerAsFastAsThePeerReads) {
  auto& s = start();
  s.handler.onRequest = [](const ServerRequest&, Responder responder) {
    responder.send(text(std::string(4u << 20, 'x')));
  };
  const UniqueFd client = s.connect();
  LONGS_EQUAL(4u << 20, bodyOf(s.exchange(client, kGet)).size());
}

TEST(Server, streamsAnAnswerInChunks) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, kGet);
  ResponseStream stream = s.handler.responders.at(0).stream(text("one"));
  const std::string head = s.receive(client);
  STRCMP_CONTAINS("Transfer-Encoding: chunked\r\n", head.c_str());
  STRCMP_EQUAL("3\r\none\r\n", bodyOf(head).c_str());
  CHECK(stream.write("second part") == ResponseStream::Write::kTaken);
  STRCMP_EQUAL("b\r\nsecond part\r\n", s.receive(client).c_str());
  stream.end();
  STRCMP_EQUAL("0\r\n\r\n", s.receive(client).c_str());
  s.handler.onRequest = echoShort;
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(client, kGet)).c_str());
}

TEST(Server, cutsTheConnectionOfAStreamThatWasNotEnded) {
  auto& s = start();
  s.handler.onRequest = [](const ServerRequest&, Responder responder) {
    ResponseStream stream = responder.stream(text("part"));
    static_cast<void>(stream.write("more"));
  };
  const UniqueFd client = s.connect();
  const std::string answer = s.exchange(client, kGet);
  STRCMP_CONTAINS("4\r\nmore\r\n<end>", answer.c_str());
  CHECK(answer.find("0\r\n\r\n") == std::string::npos);
}

TEST(Server, boundsWhatAStreamMayOweAndSaysWhenThereIsRoom) {
  settings.streamBytesMax = 100'000;
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, kGet);
  int drained = 0;
  ResponseStream stream =
      s.handler.responders.at(0).stream(ServerResponse{}, {[&] { ++drained; }, nullptr});
  const std::string part(10'000, 'x');
  std::size_t taken = 0;
  for (int i = 0; i < 1000 && stream.write(part) == ResponseStream::Write::kTaken; ++i) {
    ++taken;
    s.run();
  }
  // What the kernel buffers comes on top of the bound.
  CHECK(taken >= 10);
  CHECK(taken < 200);
  LONGS_EQUAL(0, drained);
  s.receive(client);
  LONGS_EQUAL(1, drained);
  CHECK(stream.write(part) == ResponseStream::Write::kTaken);
  stream.end();
}

TEST(Server, tellsAStreamThatItsPeerHasGone) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  UniqueFd client = s.connect();
  s.send(client, kGet);
  int closed = 0;
  ResponseStream stream =
      s.handler.responders.at(0).stream(ServerResponse{}, {nullptr, [&] { ++closed; }});
  s.run();
  client.reset();
  s.run();
  LONGS_EQUAL(1, closed);
  CHECK(stream.write("x") == ResponseStream::Write::kClosed);
}
