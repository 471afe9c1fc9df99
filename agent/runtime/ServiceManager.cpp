#include "agent/runtime/ServiceManager.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "common/base/Text.h"
#include "common/base/UniqueFd.h"

namespace belay::runtime {

ServiceManager::ServiceManager(const base::EnvironmentLookup& environment, const base::Clock& clock,
                               std::int64_t pid)
    : clock_(clock), socket_(environment("NOTIFY_SOCKET").value_or("")) {
  const auto period = base::parseUnsigned(environment("WATCHDOG_USEC").value_or(""));
  const auto meant = base::parseUnsigned(environment("WATCHDOG_PID").value_or(std::to_string(pid)));
  if (period && meant == static_cast<std::uint64_t>(pid)) {
    period_ = std::chrono::milliseconds{
        std::max<std::int64_t>(static_cast<std::int64_t>(*period / 2000), 1)};
  }
}

void ServiceManager::notify(std::string_view state) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  // A leading @ names a socket without a file.
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // A service manager that is gone cannot be told; the daemon works on.
  static_cast<void>(::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), length));
}

std::int64_t ServiceManager::feedWatchdog() {
  if (socket_.empty() || period_.count() == 0) return 0;
  const std::int64_t now = clock_.sinceBoot().count();
  if (now >= nextBootMs_) {
    notify("WATCHDOG=1");
    nextBootMs_ = now + period_.count();
  }
  return nextBootMs_;
}

}  // namespace belay::runtime
