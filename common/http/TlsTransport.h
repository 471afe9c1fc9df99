#pragma once

#include <memory>

#include "common/http/Transport.h"
#include "common/tls/TlsServerConfig.h"

namespace belay::http {

/// Makes the connections of a listening socket speak TLS. A renewed certificate is put in with
/// use(): new connections have it, the others keep theirs.
///
/// Threads: the server's.
class TlsTransports final : public TransportFactory {
 public:
  explicit TlsTransports(std::shared_ptr<tls::TlsServerConfig> config)
      : config_(std::move(config)) {}

  void use(std::shared_ptr<tls::TlsServerConfig> config) { config_ = std::move(config); }
  std::unique_ptr<Transport> make(base::UniqueFd socket) override;

 private:
  std::shared_ptr<tls::TlsServerConfig> config_;  // Shared with its sessions.
};

}  // namespace belay::http
