#include "agent/jobs/Pidfd.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::jobs {

base::UniqueFd openPidfd(pid_t pid) {
  return base::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0u)));
}

std::optional<pid_t> pidOf(const base::UniqueFd& pidfd) {
  constexpr std::string_view kField = "\nPid:\t";
  const auto info = base::readFile("/proc/self/fdinfo/" + std::to_string(pidfd.get()), 4096);
  const std::size_t at = info.ok() ? info->find(kField) : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  const std::string_view rest = std::string_view(*info).substr(at + kField.size());
  const auto pid = base::parseUnsigned(rest.substr(0, rest.find('\n')));
  return pid && *pid > 0 ? std::optional(static_cast<pid_t>(*pid)) : std::nullopt;
}

bool signalPidfd(const base::UniqueFd& pidfd, int signal, siginfo_t* info) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, info, 0u) == 0;
}

}  // namespace belay::jobs
