#include "agent/Limits.h"

#include <sched.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace belay {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

Status limitMemory(std::uint64_t bytes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0)
    return Error{ErrorCode::kIo, std::string("getrlimit: ") + std::strerror(errno)};
  limit.rlim_cur = bytes;
  if (limit.rlim_max != RLIM_INFINITY && bytes > limit.rlim_max) {
    return Error{ErrorCode::kSettingsInvalid,
                 "limits.memory is larger than what the host allows this process: " +
                     std::to_string(limit.rlim_max) + " bytes"};
  }
  if (::setrlimit(RLIMIT_AS, &limit) != 0) {
    return Error{ErrorCode::kSettingsInvalid,
                 std::string("limits.memory: ") + std::strerror(errno)};
  }
  return {};
}

Status limitProcessors(std::int64_t most) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return Error{ErrorCode::kIo, std::string("sched_getaffinity: ") + std::strerror(errno)};
  }
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    if (most > 0)
      --most;
    else
      CPU_CLR(cpu, &allowed);
  }
  if (::sched_setaffinity(0, sizeof allowed, &allowed) != 0) {
    return Error{ErrorCode::kSettingsInvalid, std::string("limits.cpu: ") + std::strerror(errno)};
  }
  return {};
}

}  // namespace

Status applyLimits(const settings::LimitSettings& limits) {
  if (limits.memoryBytes > 0) BELAY_TRY(limitMemory(limits.memoryBytes));
  if (limits.cpu > 0) BELAY_TRY(limitProcessors(limits.cpu));
  return {};
}

void liftMemoryLimit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_AS, &limit));
}

}  // namespace belay
