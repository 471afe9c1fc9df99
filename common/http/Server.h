#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "common/base/Clock.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"
#include "common/http/Handler.h"
#include "common/http/Transport.h"
#include "common/log/Log.h"

namespace belay::http {

/// Every bound of a server. Times are silences of the peer, or lengths of a phase, in milliseconds.
struct ServerSettings {
  std::size_t connectionsMax = 1024;  ///< One more is answered 503 and closed.
  /// Of these, only for root and the server's own user: others cannot lock them out.
  std::size_t connectionsReserved = 8;
  std::size_t pipelineMax = 32;  ///< Requests of one connection that wait for their answers.
  std::size_t requestLineBytesMax = 8u << 10;
  std::size_t headerBytesMax = 32u << 10;  ///< All header lines of a request together.
  std::size_t headersMax = 100;
  std::size_t bodiesBytesMax =
      64u << 20;  ///< Of all unfinished requests together; more is answered 503.
  std::size_t streamBytesMax =
      1u << 20;  ///< Unsent bytes of one streamed answer; see ResponseStream.
  std::chrono::milliseconds handshakeTimeout{10'000};
  /// From a request's first byte to the end of its head. While there is room (see `crowdedAt`) a head
  /// may take as long as a connection may be idle, which costs the server no more: whoever is cut
  /// comes again, and a handshake is the dearest that one can ask of it.
  std::chrono::milliseconds headTimeout{10'000};
  std::chrono::milliseconds bodyTimeout{60'000};   ///< From there to the end of its body.
  std::chrono::milliseconds idleTimeout{120'000};  ///< Between requests.
  std::chrono::milliseconds writeTimeout{
      60'000};  ///< A peer that takes no byte of an answer for so long is cut.
  std::chrono::milliseconds lingerTimeout{1'000};  ///< To read what a refused peer still sends.
  /// Called in the server's thread when nobody is in a handshake any more, and `calmAfter` were:
  /// their buffers have left holes, which the program may give back. Must not block; may be empty.
  std::function<void()> onCalm = {};
  std::size_t calmAfter = 1'000;

  /// With so many connections slow peers are cut to make room for others.
  std::size_t crowdedAt() const { return connectionsMax / 4 * 3; }
};

/// How a listening socket treats its connections.
struct ListenOptions {
  TransportFactory* transports = nullptr;  ///< Must outlive the server; null: plain.
  /// Answers a peer that has closed its sending side (socat, nc -N). Else such a peer counts as
  /// gone, which frees parked polls at once.
  bool answersHalfClosed = false;
};

/// One event-driven HTTP/1.1 server (epoll) for any number of listening sockets: no thread per
/// connection, no timer while nothing is due.
///
/// Threads:   step(), run(), listen…() and adopt() belong to one thread; stop(), beginDrain() and
///            every Responder: any.
/// Ownership: handler, clock and log must outlive the server. Responders may outlive it; they do
///            nothing then.
/// Errors:    a broken connection is closed and never ends the server.
class Server {
 public:
  static base::Result<std::unique_ptr<Server>> create(const ServerSettings& settings,
                                                      Handler& handler, const base::Clock& clock,
                                                      log::Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens on a Unix socket at `path` with `mode`. A socket that nobody listens on any more is
  /// replaced; one that answers is kAlreadyRunning. The file is removed by the destructor.
  base::Status listenUnix(const std::string& path, unsigned mode);
  /// Takes over a socket that listens already (TCP, or one handed over by systemd).
  base::Status listen(base::UniqueFd socket, const ListenOptions& options);
  /// Takes over a connected socket: for tests, and for sockets that came another way.
  base::Status adopt(base::UniqueFd connection, const ListenOptions& options);

  /// Waits for at most `maxWait` (negative: until something happens) and does what is due.
  base::Status step(std::chrono::milliseconds maxWait);
  /// Calls step() until stop(), or until a drain is done.
  base::Status run();
  /// Makes run() return after the step at hand. Any thread.
  void stop();

  /// In the next step: stops listening, closes idle connections, and lets requests that are under
  /// way be answered. Any thread.
  void beginDrain();
  /// After beginDrain(): no connection is left.
  bool drained() const;
  std::size_t connections() const;

 private:
  class Implementation;
  explicit Server(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace belay::http
