#include "tests/support/TestPeer.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "common/base/Check.h"

namespace belay::test {

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// False at the end of the stream.
bool copySome(int from, int to) {
  std::array<char, 16384> buffer{};
  const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
  return got > 0 && ::send(to, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
}

}  // namespace

base::UniqueFd listenOnLoopback() {
  base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in address = loopback(0);
  BELAY_CHECK(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
              0);
  BELAY_CHECK(::listen(socket.get(), 16) == 0);
  return socket;
}

std::uint16_t portOf(const base::UniqueFd& socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  BELAY_CHECK(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  return ntohs(address.sin_port);
}

bool PeerConnection::waitReadable(int fd) const {
  std::array<pollfd, 2> entries{{{fd, POLLIN, 0}, {stop_, POLLIN, 0}}};
  return ::poll(entries.data(), entries.size(), -1) > 0 && entries[1].revents == 0;
}

std::string PeerConnection::readHead() {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    const std::string next = read(1);
    if (next.empty()) break;
    head += next;
  }
  return head;
}

std::string PeerConnection::read(std::size_t bytes) {
  std::string all;
  while (all.size() < bytes && waitReadable(fd_)) {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::recv(fd_, buffer.data(), std::min(buffer.size(), bytes - all.size()), 0);
    if (got <= 0) break;
    all.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return all;
}

void PeerConnection::send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void PeerConnection::waitForEnd() {
  while (!read(1).empty()) continue;
}

void PeerConnection::relayTo(std::uint16_t port) {
  const base::UniqueFd other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::connect(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return;
  while (true) {
    std::array<pollfd, 3> entries{{{fd_, POLLIN, 0}, {other.get(), POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), -1) <= 0 || entries[2].revents != 0) return;
    if (entries[0].revents != 0 && !copySome(fd_, other.get())) return;
    if (entries[1].revents != 0 && !copySome(other.get(), fd_)) return;
  }
}

TestPeer::TestPeer(Script script)
    : script_(std::move(script)),
      listening_(listenOnLoopback()),
      port_(portOf(listening_)),
      thread_([this] { run(); }) {}

TestPeer::~TestPeer() {
  stop_.signal();
  thread_.join();
}

void TestPeer::run() {
  while (true) {
    std::array<pollfd, 2> entries{{{listening_.get(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), -1) <= 0 || entries[1].revents != 0) return;
    const base::UniqueFd connection(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) continue;
    ++connections_;
    PeerConnection peer(connection.get(), stop_.fd());
    script_(peer);
  }
}

}  // namespace belay::test
