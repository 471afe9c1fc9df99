#include "agent/Limits.h"

#include <malloc.h>
#include <pthread.h>
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

/// Twice what an expression may have at most.
constexpr std::size_t kStackBytes = 2u << 20;

/// What threads reserve counts as if they used it: 8 MiB of stack, and 64 MiB of an arena.
void shareMemory() {
  ::mallopt(M_ARENA_MAX, 1);
  pthread_attr_t threads;
  if (::pthread_getattr_default_np(&threads) != 0) return;
  ::pthread_attr_setstacksize(&threads, kStackBytes);
  ::pthread_setattr_default_np(&threads);
  ::pthread_attr_destroy(&threads);
}

}  // namespace

Status limitMemory(std::uint64_t bytes) {
  if (bytes == 0) return {};
  shareMemory();
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
  if (most == 0) return {};
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

void liftMemoryLimit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_AS, &limit));
}

}  // namespace belay
