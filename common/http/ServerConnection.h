#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/Handler.h"
#include "common/http/Parser.h"
#include "common/http/PhaseTimers.h"
#include "common/http/ResponseQueue.h"
#include "common/http/Server.h"
#include "common/http/Transport.h"

namespace belay::http {

/// What the connections of a server share.
///
/// Threads: the server's.
struct ConnectionContext {
  ConnectionContext(const ServerSettings& serverSettings, Handler& requestHandler,
                    log::Log& serverLog);

  // Constant after construction.
  const ServerSettings settings;
  const ParserLimits parserLimits;
  Handler& handler;
  log::Log& log;
  const std::shared_ptr<ExchangeMailbox> mailbox;  // Shared with all ports.
  base::UniqueFd epoll;
  /// Watch those over TLS who come (the listeners too) and who are in a handshake; themselves
  /// watched by `epoll`. Their work is dear, and done a little at a time, so that the others need
  /// not wait for it. Handshakes that have begun go before those that have not: each holds buffers
  /// until its end, and ten thousand that are all in the middle hold half a gigabyte.
  base::UniqueFd porch;
  base::UniqueFd anteroom;

  PhaseTimers timers;
  std::chrono::milliseconds now{0};
  std::string date;              // For the Date field.
  std::vector<char> readBuffer;  // One for all: a connection that waits has none.
  std::size_t connections = 0;
  std::size_t bodiesBytes = 0;   // Of all unfinished requests.
  std::size_t inHandshake = 0;   // Have begun one and not ended it.
  std::size_t handshakes = 0;    // Ended since the last calm.
  bool draining = false;
  std::vector<std::uint32_t> again;  // Slots that have more to read without a new event.
  std::vector<std::uint32_t> dead;   // Slots to be freed at the end of the step.
};

/// One connection: bytes in, requests out; answers in, bytes out.
///
/// Threads:   the server's.
/// Ownership: the context must outlive it. After dead() it does nothing and waits to be freed.
class ServerConnection {
 public:
  ServerConnection(ConnectionContext& context, std::unique_ptr<Transport> transport, Peer peer,
                   bool answersHalfClosed, std::uint32_t slot, std::uint32_t generation);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  /// Has its socket watched. False when that fails.
  bool start();
  void onEvents(std::uint32_t events);
  void onPost(ExchangePost&& post);
  void onDeadline();
  /// Sends what can be sent, and goes on with requests that waited for room.
  void flush();
  void onDrain();

  bool dead() const { return dead_; }
  std::uint32_t generation() const { return generation_; }

 private:
  void continueHandshake();
  void onHandshake();
  void endHandshake();
  void readSome();
  void onInput(std::string_view bytes);
  bool advance();
  void onHead();
  void dispatch();
  void refuse(int status, const base::Error& error);
  void stopWith(const ServerResponse& response);
  bool accountBody();
  void forgetBody();
  void onPeerEnd();
  bool writeSome();
  bool inputBlocked() const;
  bool idle() const { return parser_.fresh() && queue_.empty() && backlog_.empty(); }
  Phase currentPhase() const;
  void settle();
  void updateInterest();
  int watcher() const {
    if (handshaken_) return context_.epoll.get();
    return (begun_ ? context_.anteroom : context_.porch).get();
  }
  bool watch(int operation, std::uint32_t events);
  bool maySlacken() const;
  void endQuietly();
  void die();

  // Constant after construction.
  ConnectionContext& context_;
  const Peer peer_;
  const bool answersHalfClosed_;
  const std::uint32_t slot_;
  const std::uint32_t generation_;

  std::unique_ptr<Transport> transport_;
  Parser parser_;
  ResponseQueue queue_;
  PhaseTimers::Timer timer_;
  std::uint64_t requests_ = 0;
  std::uint64_t timedRequest_ = 0;  // Which request the timer of kHead and kBody is for.
  std::chrono::milliseconds phaseBegan_{0};
  ServerRequest pending_;           // Its head is complete, its body is not.
  std::size_t accountedBody_ = 0;
  std::string backlog_;  // Bytes that came when no more requests were taken.
  std::uint32_t interest_ = 0;
  bool begun_ = false;  // The handshake.
  bool handshaken_ = false;
  bool wantsRead_ = false;  // The transport, to go on with a handshake or a write.
  bool readWantsWrite_ = false;
  bool wantsWrite_ = false;  // The transport, to go on with anything.
  bool wroteSome_ = false;   // Since the timer was set.
  bool stopped_ = false;     // No more requests are taken.
  bool inputEnded_ = false;
  bool lingering_ = false;
  bool dead_ = false;
};

}  // namespace belay::http
