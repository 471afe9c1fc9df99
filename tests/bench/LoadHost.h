#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/crypto/P256.h"
#include "tests/bench/LoadConnection.h"

namespace belay::bench {

/// What all clients of one measurement know and count.
struct LoadWorld {
  LoadLoop loop;
  std::string caFile;
  std::uint16_t port = 0;
  std::mt19937_64 random{20'260'101};
  bool tickets = false;  ///< Hosts keep those that they are given.
  bool storm = false;    ///< A relay to which all come at once may be too busy for a webhook.

  // Of hosts.
  std::size_t parked = 0;
  std::size_t lost = 0;  ///< Connections that ended since somebody looked.
  int attemptsMost = 0;
  std::uint64_t received = 0;

  // Of messages, by their number.
  std::vector<Clock::time_point> sentAt;
  std::vector<float> tookMs;         ///< Until the host had it; below 0: it has not.
  std::vector<std::uint8_t> stored;  ///< Answered with 202.

  std::shared_ptr<tls::TlsClientConfig> makeConfig() const;
  /// For those who keep no tickets.
  std::shared_ptr<tls::TlsClientConfig> sharedConfig();
  std::size_t newMessage();
  /// The hooks of all hosts have this name.
  static constexpr const char* kHook = "w.h";
  /// Full jitter.
  Clock::time_point within(double seconds);

 private:
  std::shared_ptr<tls::TlsClientConfig> shared_;
};

/// A host of docs/format/link.md: opens a session, parks a poll, takes messages, and comes back
/// when its connection is lost, at a random moment of the window that the relay gave.
class LoadHost final : public Client {
 public:
  LoadHost(LoadWorld& world, std::uint32_t number, crypto::P256PrivateKey key);

  const crypto::P256PrivateKey& key() const { return key_; }
  const std::string& id() const { return key_.publicKey().thumbprint(); }
  void linkAt(Clock::time_point when);
  void unlink();

  void onEvent() override;
  void onTimer() override;

 private:
  enum class State { kOff, kWaiting, kChallenge, kClaim, kParked };
  void connect();
  void onResponse(const LoadResponse& response);
  void claim(const LoadResponse& response);
  void begin(const LoadResponse& response);
  void takeMessages(const std::string& body);
  void poll();
  void retry();
  void leave(State next);

  LoadWorld& world_;
  const std::uint32_t number_;
  const crypto::P256PrivateKey key_;
  LoadConnection connection_;
  std::shared_ptr<tls::TlsClientConfig> config_;  // With the tickets of this host.
  State state_ = State::kOff;
  std::string bearer_;
  std::string reconnectKey_;
  std::int64_t acknowledged_ = 0;
  double window_ = 1;
  int attempts_ = 0;
};

}  // namespace belay::bench
