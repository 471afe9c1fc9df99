#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/http/Client.h"

namespace belay::link {

/// Reaches the relay: TLS 1.2 with small records, so that a parked poll costs the relay little, and
/// whatever TLS it wants where it refuses those. The host's name and the certificate are checked
/// either way.
///
/// Threads:   any.
/// Ownership: clock and resolver must outlive it.
class RelayTransport {
 public:
  RelayTransport(const http::ClientSettings& settings, const base::Clock& clock,
                 http::Resolver& resolver);

  http::ClientOutcome send(const http::ClientRequest& request);

 private:
  http::Client small_;
  http::Client plain_;
  std::atomic<bool> refused_{false};
};

}  // namespace belay::link
