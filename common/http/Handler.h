#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/Result.h"
#include "common/http/Message.h"

namespace belay::http {

/// SO_PEERCRED of a Unix socket: who connected, as the kernel knows it.
struct PeerCredentials {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
};

/// Who is at the other end.
struct Peer {
  std::optional<PeerCredentials> credentials;  ///< Unix sockets only.
  std::string address;                         ///< "192.0.2.1:40000", or empty for Unix sockets.
  bool secure = false;                         ///< The connection is TLS.
};

/// A request as the parser has accepted it.
struct ServerRequest {
  std::string method;
  std::string path;   ///< As written, from "/" to before "?".
  std::string query;  ///< As written, after "?".
  Headers headers;
  std::string body;
  Peer peer;
  std::vector<std::pair<std::string, std::string>> params;  ///< {name} of the route, decoded.
  std::size_t route = 0;  ///< For the Handler: what admit() found.

  /// The value of a {name} of the route's pattern. The route has it (checked).
  const std::string& param(std::string_view name) const;
  /// The first value of a query parameter, decoded ("+" is a space); nothing when there is none, or
  /// it is malformed.
  std::optional<std::string> queryValue(std::string_view name) const;
};

/// A complete answer. Content-Length, Date and Connection are set by the server.
struct ServerResponse {
  int status = 200;
  Headers headers;
  std::string body;

  static ServerResponse of(int status, std::string contentType, std::string body);
};

/// Makes the answer to a request that was refused before any handler saw it, in the program's own
/// envelope.
using ErrorRenderer = std::function<ServerResponse(int status, const base::Error&)>;

class ExchangePort;  // What Responder and ResponseStream post through.

/// The rest of an answer whose head has been sent: the body, in chunks.
///
/// Threads:   any, one at a time.
/// Ownership: destroying it ends the answer, cut off: the peer sees an incomplete message. end() is
///            how to finish.
class ResponseStream {
 public:
  enum class Write { kTaken, kFull, kClosed };

  ResponseStream() = default;
  ResponseStream(ResponseStream&&) noexcept = default;
  ResponseStream& operator=(ResponseStream&& other) noexcept;
  ~ResponseStream();

  /// kFull: more than streamBytesMax would be unsent; nothing was taken, and the `drained` callback
  /// will come. kClosed: the peer is gone.
  Write write(std::string_view bytes);
  void end();
  bool open() const;

 private:
  friend class Responder;
  explicit ResponseStream(std::shared_ptr<ExchangePort> port) : port_(std::move(port)) {}
  std::shared_ptr<ExchangePort> port_;  // Shared with the server's connection.
};

/// The one chance to answer one request: now, later, or from another thread. Many answers that come
/// at once wake the server once. Destroyed without an answer, it answers 500.
///
/// Threads: any, one at a time.
class Responder {
 public:
  /// Called in the server's thread; must not block.
  struct StreamEvents {
    std::function<void()> drained;  ///< After kFull: half of the bound is free again.
    std::function<void()> closed;   ///< The peer is gone; nothing more can be written.
  };

  explicit Responder(std::shared_ptr<ExchangePort> port) : port_(std::move(port)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  /// Answers. Never blocks; does nothing when the peer is gone.
  void send(ServerResponse response);
  /// Sends the head now and the body as it is written; a body in `head` is its first chunk.
  ResponseStream stream(ServerResponse head, StreamEvents events = {});
  /// False when the peer is gone: a parked request can be forgotten.
  bool open() const;
  /// `closed` is called once in the server's thread if the peer goes before the answer; it must not
  /// block.
  void onClosed(std::function<void()> closed);

 private:
  std::shared_ptr<ExchangePort> port_;  // Shared with the server's connection.
};

/// Receives the requests of a server.
///
/// Threads: the server's.
class Handler {
 public:
  /// What a request's head earns: a body of at most so many bytes, or a refusal.
  struct Admission {
    std::size_t bodyBytesMax = 0;
    std::optional<ServerResponse> refusal;
  };

  virtual ~Handler() = default;

  /// Called when the head is complete and before anything of the body is taken. May set
  /// `request.route` and params.
  virtual Admission admit(ServerRequest& request) = 0;
  /// Called with the complete request. Must not block: keep the responder and answer from
  /// elsewhere.
  virtual void handle(ServerRequest&& request, Responder responder) = 0;
  /// The answer to what is no request at all, or hits a bound of the server.
  virtual ServerResponse renderError(int status, const base::Error& error) = 0;
};

}  // namespace belay::http
