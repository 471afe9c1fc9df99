#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Clock.h"
#include "common/base/Environment.h"

namespace belay::runtime {

/// Tells systemd that the daemon is ready, alive and stopping, by datagrams to NOTIFY_SOCKET
/// (sd_notify(3)). Does nothing where there is no such socket.
///
/// Threads: owner.
class ServiceManager {
 public:
  /// `pid` is this process's: WATCHDOG_PID may name another.
  ServiceManager(const base::EnvironmentLookup& environment, const base::Clock& clock,
                 std::int64_t pid);

  void notify(std::string_view state) const;
  /// To be called often by the loop itself, so that a loop that hangs is restarted: at most one
  /// datagram per half of WATCHDOG_USEC. Returns the boot time in ms of the next one, or 0 without
  /// a watchdog.
  std::int64_t feedWatchdog();

 private:
  const base::Clock& clock_;
  std::string socket_;
  std::chrono::milliseconds period_{0};
  std::int64_t nextBootMs_ = 0;
};

}  // namespace belay::runtime
