// Drives a server step by step over socket pairs, on a clock that stands still until the test moves
// it: what must happen in time is a question of the clock, never of the machine.

#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

#include "common/base/Files.h"
#include "tests/support/TempFolder.h"
#include "tests/unit/http/ServerFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::UniqueFd;
using belay::http::ListenOptions;
using belay::http::Responder;
using belay::http::ResponseStream;
using belay::http::Server;
using belay::http::ServerRequest;
using belay::http::ServerResponse;
using belay::http::ServerSettings;
using belay::test::bodyOf;
using belay::test::ServerFixture;
using belay::test::statusOf;
using namespace std::chrono_literals;

namespace {

constexpr const char* kGet = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";

ServerResponse text(std::string body) {
  return ServerResponse::of(200, "text/plain", std::move(body));
}

void echo(const ServerRequest& request, Responder responder) {
  responder.send(text(request.method + " " + request.path + " " + request.body));
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

}  // namespace

TEST_GROUP(Server) {
  ServerSettings settings;
  std::unique_ptr<ServerFixture> f;

  ServerFixture& start() {
    f = std::make_unique<ServerFixture>(settings);
    f->handler.onRequest = echo;
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
  s.handler.onRequest = echo;
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

TEST(Server, cutsSlowHeadsAndBodiesAndIdleConnections) {
  auto& s = start();
  const UniqueFd slowHead = s.connect();
  s.send(slowHead, "GET / HT");
  const UniqueFd slowBody = s.connect();
  s.send(slowBody, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  const UniqueFd idle = s.connect();
  // A byte now and then must not help.
  s.pass(settings.headTimeout - 1ms);
  s.send(slowHead, "TP/1.1\r\nX:");
  STRCMP_EQUAL("", s.receive(slowHead).c_str());
  s.pass(1ms);
  STRCMP_EQUAL("HTTP/1.1 408", statusOf(s.receive(slowHead)).c_str());
  STRCMP_EQUAL("", s.receive(slowBody).c_str());
  s.pass(settings.bodyTimeout - settings.headTimeout);
  STRCMP_EQUAL("HTTP/1.1 408", statusOf(s.receive(slowBody)).c_str());
  s.pass(settings.idleTimeout - settings.bodyTimeout);
  STRCMP_EQUAL("<end>", s.receive(idle).c_str());
}

TEST(Server, givesEachRequestItsOwnTimeForItsHead) {
  auto& s = start();
  const UniqueFd client = s.connect();
  // Each piece ends within a head, so that the connection is never between two requests.
  const std::string request = kGet;
  s.send(client, request.substr(0, 10));
  for (int i = 0; i < 10; ++i) {
    s.pass(settings.headTimeout / 2);
    s.send(client, request.substr(10) + request.substr(0, 10));
  }
  LONGS_EQUAL(10, occurrences(s.receive(client), "HTTP/1.1 200"));
}

TEST(Server, waitsForAHandlerWithoutATimer) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, kGet);
  s.pass(24h);
  s.handler.responders.at(0).send(text("late"));
  STRCMP_EQUAL("late", bodyOf(s.receive(client)).c_str());
}

TEST(Server, cutsAPeerThatDoesNotReadItsAnswer) {
  auto& s = start();
  s.handler.onRequest = [](const ServerRequest&, Responder responder) {
    responder.send(text(std::string(4u << 20, 'x')));
  };
  const UniqueFd client = s.connect();
  s.send(client, kGet);
  s.pass(settings.writeTimeout - 1ms);
  LONGS_EQUAL(1, s.server->connections());
  s.pass(1ms);
  LONGS_EQUAL(0, s.server->connections());
}

TEST(Server, sendsALargeAnswerAsFastAsThePeerReads) {
  auto& s = start();
  s.handler.onRequest = [](const ServerRequest&, Responder responder) {
    responder.send(text(std::string(4u << 20, 'x')));
  };
  const UniqueFd client = s.connect();
  LONGS_EQUAL(4u << 20, bodyOf(s.exchange(client, kGet)).size());
}

TEST(Server, tellsAHandlerThatThePeerHasGone) {
  auto& s = start();
  int told = 0;
  s.handler.onRequest = nullptr;
  UniqueFd client = s.connect();
  s.send(client, kGet);
  s.handler.responders.at(0).onClosed([&] { ++told; });
  s.run();
  CHECK(s.handler.responders[0].open());
  client.reset();
  s.run();
  LONGS_EQUAL(1, told);
  CHECK_FALSE(s.handler.responders[0].open());
  s.handler.responders[0].send(text("nobody"));
  s.run();
  LONGS_EQUAL(0, s.server->connections());
}

TEST(Server, tellsAHandlerThatAsksTooLate) {
  auto& s = start();
  int told = 0;
  s.handler.onRequest = nullptr;
  UniqueFd client = s.connect();
  s.send(client, kGet);
  client.reset();
  s.run();
  s.handler.responders.at(0).onClosed([&] { ++told; });
  s.run();
  LONGS_EQUAL(1, told);
}

TEST(Server, answersAPeerThatOnlyReadsAnyMoreWhereThatIsWanted) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd patient = s.connect({nullptr, true});
  const UniqueFd gone = s.connect({nullptr, false});
  for (const UniqueFd* client : {&patient, &gone}) {
    s.send(*client, kGet);
    CHECK_EQUAL(0, ::shutdown(client->get(), SHUT_WR));
  }
  s.run();
  LONGS_EQUAL(1, s.server->connections());
  s.handler.responders.at(0).send(text("patient"));
  STRCMP_EQUAL("patient<end>", bodyOf(s.receive(patient)).c_str());
  STRCMP_EQUAL("<end>", s.receive(gone).c_str());
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
  s.handler.onRequest = echo;
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

TEST(Server, boundsConnectionsAndSaysSo) {
  settings.connectionsMax = 2;
  auto& s = start();
  const belay::test::TempFolder folder;
  const std::string path = folder.at("s.sock");
  CHECK(s.server->listenUnix(path, 0600).ok());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK_EQUAL(0, ::connect(clients.back().get(), reinterpret_cast<const sockaddr*>(&address),
                             sizeof address));
    s.run();
  }
  const std::string refused = s.receive(clients[2]);
  STRCMP_EQUAL("HTTP/1.1 503", statusOf(refused).c_str());
  STRCMP_CONTAINS("<end>", refused.c_str());
  clients[0].reset();
  s.run();
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(clients[1], kGet)).c_str());
}

TEST(Server, listensWithTheModeThatItIsGivenAndRemovesItsSocket) {
  auto& s = start();
  const belay::test::TempFolder folder;
  const std::string path = folder.at("s.sock");
  CHECK(s.server->listenUnix(path, 0640).ok());
  struct stat info {};
  CHECK_EQUAL(0, ::stat(path.c_str(), &info));
  LONGS_EQUAL(0640, info.st_mode & 0777);
  auto second = Server::create({}, s.handler, s.clock, s.log);
  CHECK(second.value()->listenUnix(path, 0640).error().code == ErrorCode::kAlreadyRunning);
  f.reset();
  CHECK_FALSE(belay::base::fileExists(path));
}

TEST(Server, replacesASocketThatNobodyListensOnButNoOtherFile) {
  auto& s = start();
  const belay::test::TempFolder folder;
  const std::string path = folder.at("stale.sock");
  {
    const UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    CHECK_EQUAL(0,
                ::bind(stale.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  CHECK(s.server->listenUnix(path, 0600).ok());
  const std::string file = folder.at("file");
  CHECK(belay::base::writeFileDurably(file, "precious").ok());
  CHECK_FALSE(s.server->listenUnix(file, 0600).ok());
  CHECK(belay::base::fileExists(file));
  CHECK_FALSE(s.server->listenUnix(folder.at(std::string(120, 'x')), 0600).ok());
}

TEST(Server, drainsByAnsweringWhatIsUnderWay) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd idle = s.connect();
  const UniqueFd busy = s.connect();
  s.send(busy, kGet);
  s.server->beginDrain();
  s.run();
  STRCMP_EQUAL("<end>", s.receive(idle).c_str());
  CHECK_FALSE(s.server->drained());
  s.handler.responders.at(0).send(text("last"));
  const std::string answer = s.receive(busy);
  STRCMP_CONTAINS("Connection: close\r\n", answer.c_str());
  STRCMP_EQUAL("last<end>", bodyOf(answer).c_str());
  CHECK_EQUAL(0, ::shutdown(busy.get(), SHUT_WR));
  s.run();
  CHECK(s.server->drained());
}

TEST(Server, takesAnswersFromOtherThreads) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  std::string many;
  for (int i = 0; i < 50; ++i) many += kGet;
  s.send(client, many);
  std::thread other([&] {
    for (Responder& responder : s.handler.responders) responder.send(text("x"));
  });
  other.join();
  LONGS_EQUAL(50, occurrences(s.receive(client), "HTTP/1.1 200"));
}

TEST(Server, sleepsUntilAnotherThreadAnswers) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, kGet);
  s.server->stop();
  CHECK(s.server->run().ok());
  std::thread other([&] { s.handler.responders.at(0).send(text("woken")); });
  // Nothing else would end this step: no timer runs for a request that waits for its handler.
  CHECK(s.server->step(-1ms).ok());
  other.join();
  STRCMP_EQUAL("woken", bodyOf(s.receive(client)).c_str());
}

TEST(Server, mayEndBeforeItsResponders) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, kGet);
  std::vector<Responder> responders = std::move(s.handler.responders);
  s.server.reset();
  CHECK_FALSE(responders.at(0).open());
  responders.at(0).send(text("too late"));
}
