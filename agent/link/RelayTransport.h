#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/http/Client.h"
#include "common/log/Log.h"
#include "common/tls/TlsClientConfig.h"

namespace belay::link {

/// Reaches the relay: TLS 1.2 with small records, so that a parked poll costs the relay little, and
/// whatever TLS it wants where it refuses those. The host's name and the certificate are checked
/// either way. Where the host knows the relay by its own settings (a bundle, pinned keys), dates of
/// the certificate that are past or to come only raise an alarm: a host whose clock is wrong must
/// find its relay.
///
/// Threads:   any.
/// Ownership: clock, resolver and log must outlive it.
class RelayTransport {
 public:
  RelayTransport(http::ClientSettings settings, const base::Clock& clock, http::Resolver& resolver,
                 log::Log& log);

  http::ClientOutcome send(const http::ClientRequest& request);
  /// What is overlooked in the relay's certificate; empty: nothing.
  std::string alarm() const { return dates_->text(); }

 private:
  const std::shared_ptr<tls::CertificateAlarm> dates_;  // Shared with the sessions of both.
  http::Client small_;
  http::Client plain_;
  std::atomic<bool> refused_{false};
};

}  // namespace belay::link
