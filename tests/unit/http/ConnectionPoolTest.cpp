// Connections are socket pairs whose other end the test holds; time is a number that it passes in.

#include <sys/socket.h>

#include <array>
#include <vector>

#include "common/http/ConnectionPool.h"

#include <CppUTest/TestHarness.h>

using belay::base::UniqueFd;
using belay::http::ClientConnection;
using belay::http::ConnectionPool;
using namespace std::chrono_literals;

TEST_GROUP(ConnectionPool) {
  std::vector<UniqueFd> peers;
  ConnectionPool pool{2, 10s};

  std::unique_ptr<ClientConnection> open() {
    std::array<int, 2> ends{};
    CHECK_EQUAL(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
    peers.emplace_back(ends[1]);
    return std::make_unique<ClientConnection>(
        std::make_unique<belay::tls::Stream>(UniqueFd(ends[0]), "peer"));
  }
  bool closed(std::size_t peer) {
    char byte = 0;
    return ::recv(peers.at(peer).get(), &byte, 1, MSG_DONTWAIT) == 0;
  }
};

TEST(ConnectionPool, givesAConnectionForItsPlaceOnce) {
  pool.put("a", open(), 0s);
  CHECK(pool.take("b", 1s) == nullptr);
  CHECK(pool.take("a", 1s) != nullptr);
  CHECK(pool.take("a", 1s) == nullptr);
}

TEST(ConnectionPool, closesTheOldestForTheNewest) {
  pool.put("a", open(), 0s);
  pool.put("b", open(), 1s);
  pool.put("c", open(), 2s);
  CHECK(closed(0));
  CHECK_FALSE(closed(1));
  CHECK(pool.take("c", 3s) != nullptr);
  CHECK(pool.take("b", 3s) != nullptr);
}

TEST(ConnectionPool, closesWhatIsTooOld) {
  pool.put("a", open(), 0s);
  pool.put("a", open(), 5s);
  CHECK(pool.take("b", 10s) == nullptr);
  CHECK(closed(0));
  CHECK_FALSE(closed(1));
  CHECK(pool.take("a", 15s) == nullptr);
  CHECK(closed(1));
}

TEST(ConnectionPool, givesNoConnectionThatHasEndedOrSpoken) {
  pool.put("a", open(), 0s);
  peers[0].reset();
  CHECK(pool.take("a", 1s) == nullptr);
  pool.put("a", open(), 0s);
  CHECK_EQUAL(1, ::send(peers[1].get(), "x", 1, 0));
  CHECK(pool.take("a", 1s) == nullptr);
}
