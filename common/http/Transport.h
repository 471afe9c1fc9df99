#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "common/base/UniqueFd.h"

namespace belay::http {

/// How the server moves the bytes of one connection: plain, or TLS. Nothing here waits.
///
/// Threads: the server's.
class Transport {
 public:
  enum class Io {
    kDone,       ///< `bytes` were moved; for the handshake: it is complete.
    kWantRead,   ///< Nothing moved: call again when the socket is readable.
    kWantWrite,  ///< Nothing moved: call again when the socket is writable.
    kClosed,     ///< The peer has ended its side in order.
    kBroken,     ///< The connection cannot go on.
  };
  struct Moved {
    Io io = Io::kBroken;
    std::size_t bytes = 0;
  };

  virtual ~Transport() = default;

  virtual int fd() const = 0;
  /// To be called until kDone before the first read.
  virtual Io handshake() = 0;
  virtual Moved read(std::span<char> into) = 0;
  virtual Moved write(std::string_view bytes) = 0;
  /// Says that nothing more will be written.
  virtual void endWriting() = 0;
  virtual bool secure() const = 0;
};

/// Makes the transports of a listening socket.
class TransportFactory {
 public:
  virtual ~TransportFactory() = default;
  /// Takes a connected, non-blocking socket. Null pointer: the connection is dropped.
  virtual std::unique_ptr<Transport> make(base::UniqueFd socket) = 0;
};

/// A Poco StreamSocket, without TLS.
std::unique_ptr<Transport> makePlainTransport(base::UniqueFd socket);

}  // namespace belay::http
