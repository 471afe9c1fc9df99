#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::tls {

/// What every TLS session of one listening socket shares: certificate chain, key, and the keys of
/// session tickets. A renewed certificate is a new config; sessions keep the one they began with.
///
/// Threads:   any.
/// Ownership: shared by all sessions that were made with it.
/// Errors:    kTlsCertificate: unreadable, or key and certificate do not belong together.
class TlsServerConfig {
 public:
  /// A name and a key of AES-256-GCM.
  static constexpr std::size_t kTicketKeyBytes = 36;

  /// `ticketKey` seals the tickets that clients are given, so that who has it opens them again;
  /// empty: one that nobody else has. Of another length it is kTls.
  static base::Result<std::shared_ptr<TlsServerConfig>> create(std::string_view chainPem,
                                                               std::string_view keyPem,
                                                               std::string_view ticketKey = {});
  ~TlsServerConfig();
  TlsServerConfig(const TlsServerConfig&) = delete;
  TlsServerConfig& operator=(const TlsServerConfig&) = delete;

  /// Handshakes that a ticket has shortened so far.
  std::uint64_t resumptions() const;

  struct Parts;  // Mbed TLS's side, for TlsSession only.
  Parts& parts() { return *parts_; }

 private:
  explicit TlsServerConfig(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace belay::tls
