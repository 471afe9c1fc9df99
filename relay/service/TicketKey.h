#pragma once

#include <cstdint>
#include <string>

#include "common/base/Random.h"
#include "common/log/Log.h"

namespace belay::service {

/// How long one secret seals tickets.
inline constexpr std::int64_t kTicketKeyMs = 24 * 3'600'000;

/// The secret that seals the session tickets of TLS, of tls::TlsServerConfig::kTicketKeyBytes
/// bytes: that of the file while it is young, else a new one, which is then in the file. A relay
/// that comes back finds ten thousand hosts at its door: with their tickets they cost it a
/// fraction. The file belongs on a file system in memory, beside the Unix socket, so that it does
/// not outlive the boot.
///
/// Threads: any, one at a time.
/// Errors:  none: a file that cannot be read or written is logged, and costs full handshakes.
std::string ticketKey(const std::string& path, base::Random& random, std::int64_t nowMs,
                      log::Log& log);

}  // namespace belay::service
