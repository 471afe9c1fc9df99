#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/tls/TlsClientConfig.h"
#include "common/tls/TlsServerConfig.h"

namespace belay::tls {

/// TLS over a connected socket, never waiting: each call does what it can and says what it waits
/// for.
///
/// Threads:   owner.
/// Ownership: the descriptor stays the caller's, and must outlive the session.
/// Errors:    kTlsCertificate with the reason (expired, other name, unknown authority, …) and what
///            to do; kTls for any other failure of the handshake; kConnect when the connection
///            breaks. After an error the session is of no more use.
class TlsSession {
 public:
  enum class Progress {
    kDone,
    kWantRead,   ///< Call again when the socket is readable.
    kWantWrite,  ///< Call again when the socket is writable.
    kClosed,     ///< read(): the peer has ended its side in order.
  };
  struct Moved {
    Progress progress = Progress::kDone;
    std::size_t bytes = 0;
  };

  /// `host` is the name, or the address, that the certificate must carry: there is no session
  /// without one.
  static base::Result<std::unique_ptr<TlsSession>> client(std::shared_ptr<TlsClientConfig> config,
                                                          const std::string& host,
                                                          std::uint16_t port, int fd);
  static base::Result<std::unique_ptr<TlsSession>> server(std::shared_ptr<TlsServerConfig> config,
                                                          int fd);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  base::Result<Progress> handshake();
  /// An end without close_notify is kConnect: the message may be cut.
  base::Result<Moved> read(std::span<char> into);
  /// After kWantRead or kWantWrite call again with bytes that begin with the same ones.
  base::Result<Moved> write(std::string_view bytes);
  /// Sends close_notify, as far as the socket takes it at once.
  void closeNotify() noexcept;

  /// Decrypted bytes wait in the session: the socket need not be readable for read() to give some.
  bool hasBuffered() const;
  /// "TLSv1.3 TLS1-3-AES-256-GCM-SHA384".
  std::string describe() const;

 private:
  struct Parts;
  explicit TlsSession(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace belay::tls
