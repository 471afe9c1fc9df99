#include "agent/jobs/Pidfd.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace belay::jobs {

base::UniqueFd openPidfd(pid_t pid) {
  return base::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0u)));
}

bool signalPidfd(const base::UniqueFd& pidfd, int signal, siginfo_t* info) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, info, 0u) == 0;
}

}  // namespace belay::jobs
