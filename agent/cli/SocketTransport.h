#pragma once

#include <memory>
#include <string>

#include "agent/cli/Transport.h"
#include "common/base/Clock.h"

namespace belay::cli {

/// Speaks HTTP/1.1 to the daemon over its Unix socket.
std::unique_ptr<Transport> makeSocketTransport(std::string socket, const base::Clock& clock);

}  // namespace belay::cli
