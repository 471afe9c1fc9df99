#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/UniqueFd.h"
#include "common/tls/TlsSession.h"

namespace belay::bench {

using Clock = std::chrono::steady_clock;

/// Ends the program with what is wrong: a measurement that goes on after that is worth nothing.
[[noreturn]] void fail(const std::string& why);

/// Something that lives on the loop: one connection, and at most one time to be called at.
class Client {
 public:
  virtual ~Client() = default;
  virtual void onEvent() = 0;
  virtual void onTimer() = 0;
};

/// One thread for all clients: epoll, edge by edge, and times.
///
/// Ownership: clients must outlive their last event.
class LoadLoop {
 public:
  LoadLoop();
  int epoll() const { return epoll_.get(); }
  void at(Clock::time_point when, Client& client);
  /// Until `done`; fails after `bound`.
  void run(const std::function<bool()>& done, std::chrono::seconds bound, const std::string& what);

 private:
  struct Due {
    Clock::time_point when;
    Client* client;
    bool operator>(const Due& other) const { return when > other.when; }
  };
  void callDue();

  base::UniqueFd epoll_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

struct LoadResponse {
  int status = 0;
  std::string body;
};

/// A connection to 127.0.0.1 that speaks TLS as hosts do, and HTTP with requests in a row.
class LoadConnection {
 public:
  LoadConnection(LoadLoop& loop, Client& owner) : loop_(loop), owner_(owner) {}
  LoadConnection(const LoadConnection&) = delete;
  LoadConnection& operator=(const LoadConnection&) = delete;

  /// From 127.1.0.0 + `source`: a relay counts by address.
  void open(std::shared_ptr<tls::TlsClientConfig> config, std::uint32_t source, std::uint16_t port);
  void close();
  bool isOpen() const { return socket_.valid(); }
  bool secure() const { return handshaken_; }
  void send(std::string_view bytes);
  /// Does what can be done; false when the connection is gone.
  bool progress();
  std::optional<LoadResponse> take();

 private:
  bool connected();
  bool readSome();
  bool writeSome();

  LoadLoop& loop_;
  Client& owner_;
  std::shared_ptr<tls::TlsClientConfig> config_;
  std::uint16_t port_ = 0;
  base::UniqueFd socket_;
  std::unique_ptr<tls::TlsSession> session_;  // Goes before the socket does.
  bool handshaken_ = false;
  std::string out_;
  std::size_t outAt_ = 0;
  std::string in_;
};

/// A socket that is about to be connected to the relay.
base::UniqueFd connectFrom(std::uint32_t source, std::uint16_t port);
void watch(const LoadLoop& loop, int fd, Client& client);

std::string postRequest(std::string_view path, std::string_view bearer, std::string_view body);

}  // namespace belay::bench
