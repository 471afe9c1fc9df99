#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/EventFd.h"
#include "common/base/Mutex.h"
#include "common/base/UniqueFd.h"

namespace belay::test {

/// A socket that listens on 127.0.0.1, at a port that the kernel chose.
base::UniqueFd listenOnLoopback();
std::uint16_t portOf(const base::UniqueFd& socket);

/// One connection of a TestPeer, for the script that plays the other end. It ends with the script.
class PeerConnection {
 public:
  PeerConnection(int fd, int stop) : fd_(fd), stop_(stop) {}

  /// Start line and headers, with their empty line; less when the client ends or the peer is
  /// stopped.
  std::string readHead();
  /// That many bytes of a body.
  std::string read(std::size_t bytes);
  void send(std::string_view text);
  /// Waits until the client ends its side, or the peer is stopped.
  void waitForEnd();
  /// Copies bytes both ways between the client and a port of this host, until either ends.
  void relayTo(std::uint16_t port);

 private:
  bool waitReadable(int fd) const;
  int fd_;
  int stop_;
};

/// Plays a server (or proxy) by a script, on loopback, in a thread of its own: for peers that
/// misbehave.
///
/// Threads: any; the script runs in the peer's.
class TestPeer {
 public:
  using Script = std::function<void(PeerConnection&)>;

  explicit TestPeer(Script script);
  ~TestPeer();
  TestPeer(const TestPeer&) = delete;
  TestPeer& operator=(const TestPeer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& target = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + target;
  }
  int connections() const { return connections_.load(); }

 private:
  void run();

  // Constant after construction.
  const Script script_;
  base::UniqueFd listening_;
  std::uint16_t port_;
  // Self-synchronised.
  base::EventFd stop_;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

}  // namespace belay::test
