#include "tests/bench/LoadConnection.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace belay::bench {

using Progress = tls::TlsSession::Progress;

void fail(const std::string& why) {
  std::fprintf(stderr, "relay_load: %s\n", why.c_str());
  std::exit(1);
}

LoadLoop::LoadLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

void LoadLoop::at(Clock::time_point when, Client& client) { due_.push({when, &client}); }

void LoadLoop::callDue() {
  const auto now = Clock::now();
  while (!due_.empty() && due_.top().when <= now) {
    Client* const client = due_.top().client;
    due_.pop();
    client->onTimer();
  }
}

void LoadLoop::run(const std::function<bool()>& done, std::chrono::seconds bound,
                   const std::string& what) {
  std::array<epoll_event, 256> events{};
  const auto end = Clock::now() + bound;
  while (!done()) {
    const auto now = Clock::now();
    if (now > end) fail(what + " did not come about in time");
    int wait = 100;
    if (!due_.empty()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(due_.top().when - now);
      wait = static_cast<int>(std::clamp<long>(left.count(), 0, 100));
    }
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), wait);
    if (count < 0 && errno != EINTR) fail(std::strerror(errno));
    for (int i = 0; i < count; ++i) {
      static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr)->onEvent();
    }
    callDue();
  }
}

base::UniqueFd connectFrom(std::uint32_t source, std::uint16_t port) {
  base::UniqueFd out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out.valid()) fail("no socket: " + std::string(std::strerror(errno)));
  const int on = 1;
  ::setsockopt(out.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(out.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  constexpr std::uint32_t kSources = 0x7F01'0001;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(kSources + source);
  if (::bind(out.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    fail("bind: " + std::string(std::strerror(errno)));
  }
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  // What fails is met by the first event.
  static_cast<void>(::connect(out.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  return out;
}

void watch(const LoadLoop& loop, int fd, Client& client) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &client;
  if (::epoll_ctl(loop.epoll(), EPOLL_CTL_ADD, fd, &event) != 0) fail(std::strerror(errno));
}

void LoadConnection::open(std::shared_ptr<tls::TlsClientConfig> config, std::uint32_t source,
                          std::uint16_t port) {
  close();
  config_ = std::move(config);
  port_ = port;
  socket_ = connectFrom(source, port);
  watch(loop_, socket_.get(), owner_);
}

void LoadConnection::close() {
  session_.reset();
  socket_ = base::UniqueFd();
  handshaken_ = false;
  out_.clear();
  in_.clear();
  outAt_ = 0;
}

void LoadConnection::send(std::string_view bytes) {
  out_.append(bytes);
  // What cannot be sent now, or not at all, is met by the next event.
  if (handshaken_) static_cast<void>(writeSome());
}

/// False while TCP is not there.
bool LoadConnection::connected() {
  if (session_) return true;
  tcp_info info{};
  socklen_t size = sizeof info;
  ::getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
  if (info.tcpi_state == TCP_SYN_SENT) return false;
  auto session = tls::TlsSession::client(config_, "localhost", port_, socket_.get());
  if (!session) fail(session.error().message);
  session_ = std::move(*session);
  return true;
}

bool LoadConnection::progress() {
  if (!socket_.valid()) return false;
  if (!connected()) return true;
  if (!handshaken_) {
    const auto done = session_->handshake();
    if (!done) return false;
    if (*done != Progress::kDone) return true;
    handshaken_ = true;
  }
  return writeSome() && readSome();
}

bool LoadConnection::writeSome() {
  while (outAt_ < out_.size()) {
    const auto moved = session_->write(std::string_view(out_).substr(outAt_));
    if (!moved) return false;
    if (moved->progress != Progress::kDone) return true;
    outAt_ += moved->bytes;
  }
  out_.clear();
  outAt_ = 0;
  return true;
}

bool LoadConnection::readSome() {
  static std::array<char, 65536> piece;
  while (true) {
    const auto moved = session_->read(piece);
    if (!moved || moved->progress == Progress::kClosed) return false;
    if (moved->progress != Progress::kDone) return true;
    in_.append(piece.data(), moved->bytes);
  }
}

std::optional<LoadResponse> LoadConnection::take() {
  const std::size_t head = in_.find("\r\n\r\n");
  if (head == std::string::npos) return std::nullopt;
  const std::size_t at = in_.find("Content-Length: ");
  if (at == std::string::npos || at > head) fail("an answer without a length: " + in_);
  const std::size_t length = std::strtoul(in_.c_str() + at + 16, nullptr, 10);
  if (in_.size() < head + 4 + length) return std::nullopt;
  LoadResponse out{std::atoi(in_.c_str() + 9), in_.substr(head + 4, length)};
  in_.erase(0, head + 4 + length);
  if (in_.empty()) in_.shrink_to_fit();
  return out;
}

std::string postRequest(std::string_view path, std::string_view bearer, std::string_view body) {
  std::string out = "POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!bearer.empty()) out += "Authorization: Bearer " + std::string(bearer) + "\r\n";
  out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size());
  return out + "\r\n\r\n" + std::string(body);
}

}  // namespace belay::bench
