#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>

#include "common/base/UniqueFd.h"

namespace belay::jobs {

// The system calls themselves: <sys/pidfd.h> of glibc 2.36 declares them without extern "C".

/// Invalid when there is no such process; it names the same process for good, and is readable when
/// it has ended.
base::UniqueFd openPidfd(pid_t pid);
/// The process that it names; nothing when that has ended.
std::optional<pid_t> pidOf(const base::UniqueFd& pidfd);
/// False with errno, ESRCH when it has ended. `info` may be null.
bool signalPidfd(const base::UniqueFd& pidfd, int signal, siginfo_t* info = nullptr);

}  // namespace belay::jobs
