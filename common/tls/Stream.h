#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/base/UniqueFd.h"
#include "common/tls/Deadline.h"
#include "common/tls/TlsSession.h"

namespace belay::tls {

/// A connected stream, plain at first and TLS after startTls(), whose every call ends at a
/// deadline.
///
/// Threads: owner.
/// Errors:  kTimeout, kCancelled, kConnect when the connection breaks; of startTls() those of
///          TlsSession.
class Stream {
 public:
  /// `peer` names the other end in messages.
  Stream(base::UniqueFd socket, std::string peer)
      : socket_(std::move(socket)), peer_(std::move(peer)) {}
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int fd() const { return socket_.get(); }
  const std::string& peer() const { return peer_; }
  bool secure() const { return session_ != nullptr; }
  /// Version and suite of TLS, or "plain".
  std::string describe() const { return session_ ? session_->describe() : "plain"; }

  /// Makes the handshake as the client of `host`, which the certificate must carry.
  base::Status startTls(std::shared_ptr<TlsClientConfig> config, const std::string& host,
                        std::uint16_t port, const Deadline& deadline);

  /// At least one byte, or 0 at the end of the stream. A `silenceMax` other than zero bounds the
  /// wait for it.
  base::Result<std::size_t> read(std::span<char> into, const Deadline& deadline,
                                 std::chrono::milliseconds silenceMax = {});
  /// All of `bytes`.
  base::Status write(std::string_view bytes, const Deadline& deadline);
  /// False when the peer has closed the stream, or has sent something that nobody asked for.
  bool quiet();
  /// Says to the peer that nothing more will come.
  void close() noexcept;

 private:
  using Moved = TlsSession::Moved;
  base::Result<Moved> readSome(std::span<char> into);
  base::Result<Moved> writeSome(std::string_view bytes);

  base::UniqueFd socket_;  // Before the session, which uses it.
  std::string peer_;
  std::unique_ptr<TlsSession> session_;
};

}  // namespace belay::tls
