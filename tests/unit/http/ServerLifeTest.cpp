// Connections from their beginning to their end: time-outs, peers that go, bounds, drains and other
// threads. The clock stands still until the test moves it.

#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/Files.h"
#include "tests/support/TempFolder.h"
#include "tests/unit/http/ServerFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::UniqueFd;
using belay::http::Responder;
using belay::http::Server;
using belay::http::ServerRequest;
using belay::http::ServerSettings;
using belay::test::bodyOf;
using belay::test::echoShort;
using belay::test::kGet;
using belay::test::occurrences;
using belay::test::ServerFixture;
using belay::test::statusOf;
using belay::test::TempFolder;
using belay::test::text;
using namespace std::chrono_literals;

namespace {

sockaddr_un addressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  BELAY_CHECK(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd connectTo(const std::string& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = addressOf(path);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  BELAY_CHECK(::connect(socket.get(), raw, sizeof address) == 0);
  return socket;
}

}  // namespace

TEST_GROUP(ServerLife) {
  ServerSettings settings;
  std::unique_ptr<ServerFixture> f;

  ServerFixture& start() {
    f = std::make_unique<ServerFixture>(settings);
    f->handler.onRequest = echoShort;
    return *f;
  }
};

TEST(ServerLife, cutsSlowHeadsAndBodiesAndIdleConnections) {
  settings.connectionsMax = 4;  // Three are a crowd.
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

TEST(ServerLife, letsASlowHeadBeWhileThereIsRoom) {
  settings.connectionsMax = 4;
  auto& s = start();
  const UniqueFd slow = s.connect();
  const std::string request = kGet;
  s.send(slow, request.substr(0, 8));
  s.pass(settings.headTimeout);
  s.pass(settings.headTimeout);
  STRCMP_EQUAL("", s.receive(slow).c_str());
  s.send(slow, request.substr(8));
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.receive(slow)).c_str());
  // Nobody gets more than an idle connection has.
  s.send(slow, request.substr(0, 8));
  for (auto passed = 0ms; passed < settings.idleTimeout - settings.headTimeout;
       passed += settings.headTimeout) {
    s.pass(settings.headTimeout);
    STRCMP_EQUAL("", s.receive(slow).c_str());
  }
  s.pass(settings.headTimeout);
  STRCMP_EQUAL("HTTP/1.1 408", statusOf(s.receive(slow)).c_str());
}

TEST(ServerLife, cutsASlowHeadOnceOthersCome) {
  settings.connectionsMax = 4;
  auto& s = start();
  const UniqueFd slow = s.connect();
  s.send(slow, "GET / HT");
  s.pass(settings.headTimeout);
  const UniqueFd second = s.connect();
  const UniqueFd third = s.connect();
  STRCMP_EQUAL("", s.receive(slow).c_str());
  s.pass(settings.headTimeout);
  STRCMP_EQUAL("HTTP/1.1 408", statusOf(s.receive(slow)).c_str());
  s.send(second, kGet);
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.receive(second)).c_str());
}

TEST(ServerLife, givesEachRequestItsOwnTimeForItsHead) {
  settings.connectionsMax = 1;
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

/// A handshake of three steps, each of which the peer has to ask for with a byte.
class DearTransport final : public belay::http::Transport {
 public:
  DearTransport(UniqueFd socket, int& steps) : socket_(std::move(socket)), steps_(steps) {}
  int fd() const override { return socket_.get(); }
  Io handshake() override {
    char byte = 0;
    if (::recv(fd(), &byte, 1, MSG_DONTWAIT) != 1) return Io::kWantRead;
    ++steps_;
    return ++taken_ == 3 ? Io::kDone : Io::kWantRead;
  }
  Moved read(std::span<char> into) override {
    const ssize_t got = ::recv(fd(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) return {Io::kDone, static_cast<std::size_t>(got)};
    return {got == 0 ? Io::kClosed : Io::kWantRead, 0};
  }
  Moved write(std::string_view bytes) override {
    return {Io::kDone, static_cast<std::size_t>(::send(fd(), bytes.data(), bytes.size(), 0))};
  }
  void endWriting() override {}
  bool secure() const override { return true; }

 private:
  UniqueFd socket_;
  int& steps_;
  int taken_ = 0;
};

class DearTransports final : public belay::http::TransportFactory {
 public:
  std::unique_ptr<belay::http::Transport> make(UniqueFd socket) override {
    return std::make_unique<DearTransport>(std::move(socket), steps);
  }
  int steps = 0;
};

TEST(ServerLife, servesTheOthersBetweenHandshakes) {
  auto& s = start();
  DearTransports transports;
  const UniqueFd served = s.connect();
  std::vector<UniqueFd> many;
  for (int i = 0; i < 30; ++i) {
    many.push_back(s.connect({&transports, false}));
    LONGS_EQUAL(5, ::send(many.back().get(), "abcGE", 5, 0));
  }
  LONGS_EQUAL(0, transports.steps);
  LONGS_EQUAL(std::string(kGet).size(), ::send(served.get(), kGet, std::string(kGet).size(), 0));
  CHECK(s.server->step(0ms).ok());
  std::array<char, 400> answer{};
  CHECK(::recv(served.get(), answer.data(), answer.size(), MSG_DONTWAIT) > 0);
  LONGS_EQUAL(1, transports.steps);
  // All have their turn, one a step, and what they have sent with it is a request's beginning.
  for (int i = 1; i < 90; ++i) CHECK(s.server->step(0ms).ok());
  LONGS_EQUAL(90, transports.steps);
  const std::string rest = std::string(kGet).substr(2);
  for (const UniqueFd& each : many) {
    STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(each, rest)).c_str());
  }
}

TEST(ServerLife, saysWhenManyHandshakesAreOver) {
  int calm = 0;
  settings.onCalm = [&calm] { ++calm; };
  settings.calmAfter = 3;
  auto& s = start();
  DearTransports transports;
  std::vector<UniqueFd> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(s.connect({&transports, false}));
    s.send(all.back(), "a");
  }
  for (int i = 0; i < 2; ++i) s.send(all[static_cast<std::size_t>(i)], "bc");
  LONGS_EQUAL(0, calm);  // One is still in its handshake.
  all.pop_back();        // One that breaks off has ended too.
  s.pass(settings.handshakeTimeout);
  LONGS_EQUAL(1, calm);
  all.push_back(s.connect({&transports, false}));
  s.send(all.back(), "abc");
  LONGS_EQUAL(1, calm);
}

TEST(ServerLife, cutsAHandshakeThatTakesTooLong) {
  auto& s = start();
  DearTransports transports;
  const UniqueFd client = s.connect({&transports, false});
  s.send(client, "a");
  s.pass(settings.handshakeTimeout - 1ms);
  s.send(client, "b");
  STRCMP_EQUAL("", s.receive(client).c_str());
  s.pass(1ms);
  STRCMP_EQUAL("<end>", s.receive(client).c_str());
}

TEST(ServerLife, waitsForAHandlerWithoutATimer) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, kGet);
  s.pass(24h);
  s.handler.responders.at(0).send(text("late"));
  STRCMP_EQUAL("late", bodyOf(s.receive(client)).c_str());
}

TEST(ServerLife, cutsAPeerThatDoesNotReadItsAnswer) {
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

TEST(ServerLife, tellsAHandlerThatThePeerHasGone) {
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

TEST(ServerLife, tellsAHandlerThatAsksTooLate) {
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

TEST(ServerLife, answersAPeerThatOnlyReadsAnyMoreWhereThatIsWanted) {
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

TEST(ServerLife, boundsConnectionsAndSaysSo) {
  settings.connectionsMax = 2;
  auto& s = start();
  const TempFolder folder;
  const std::string path = folder.at("s.sock");
  CHECK(s.server->listenUnix(path, 0600).ok());
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(connectTo(path));
    s.run();
  }
  const std::string refused = s.receive(clients[2]);
  STRCMP_EQUAL("HTTP/1.1 503", statusOf(refused).c_str());
  STRCMP_CONTAINS("<end>", refused.c_str());
  clients[0].reset();
  s.run();
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(clients[1], kGet)).c_str());
}

TEST(ServerLife, keepsSomeConnectionsForItsOwnUser) {
  // Only root can be somebody else for a moment.
  if (::geteuid() != 0) return;
  constexpr uid_t kStranger = 65534;
  settings.connectionsMax = 4;
  settings.connectionsReserved = 2;
  auto& s = start();
  const TempFolder folder;
  const std::string path = folder.at("s.sock");
  CHECK(s.server->listenUnix(path, 0666).ok());
  CHECK_EQUAL(0, ::chmod(folder.path().c_str(), 0755));
  CHECK_EQUAL(0, ::seteuid(kStranger));
  std::vector<UniqueFd> strangers;
  for (int i = 0; i < 3; ++i) strangers.push_back(connectTo(path));
  CHECK_EQUAL(0, ::seteuid(0));
  s.run();
  const UniqueFd own = connectTo(path);
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(strangers[1], kGet)).c_str());
  LONGS_EQUAL(kStranger, s.handler.requests.at(0).peer.credentials.value().uid);
  STRCMP_EQUAL("HTTP/1.1 503", statusOf(s.receive(strangers[2])).c_str());
  STRCMP_EQUAL("HTTP/1.1 200", statusOf(s.exchange(own, kGet)).c_str());
}

TEST(ServerLife, listensWithTheModeThatItIsGivenAndRemovesItsSocket) {
  auto& s = start();
  const TempFolder folder;
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

TEST(ServerLife, replacesASocketThatNobodyListensOnButNoOtherFile) {
  auto& s = start();
  const TempFolder folder;
  const std::string path = folder.at("stale.sock");
  {
    const UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = addressOf(path);
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

TEST(ServerLife, drainsByAnsweringWhatIsUnderWay) {
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

TEST(ServerLife, takesAnswersFromOtherThreads) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  std::string many;
  for (int i = 0; i < 30; ++i) many += kGet;
  s.send(client, many);
  std::thread other([&] {
    for (Responder& responder : s.handler.responders) responder.send(text("x"));
  });
  other.join();
  LONGS_EQUAL(30, occurrences(s.receive(client), "HTTP/1.1 200"));
}

TEST(ServerLife, sleepsUntilAnotherThreadAnswers) {
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

TEST(ServerLife, mayEndBeforeItsResponders) {
  auto& s = start();
  s.handler.onRequest = nullptr;
  const UniqueFd client = s.connect();
  s.send(client, kGet);
  std::vector<Responder> responders = std::move(s.handler.responders);
  s.server.reset();
  CHECK_FALSE(responders.at(0).open());
  responders.at(0).send(text("too late"));
}
