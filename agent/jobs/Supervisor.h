#pragma once

#include <span>
#include <string>

namespace belay::jobs {

/// What a supervisor inherits from the spawner that forked it.
struct SupervisorTask {
  std::span<char> payload;  ///< An encoded JobRequest.
  int jobsFd = -1;          ///< The folder of all jobs.
  int lockFd =
      -1;  ///< Keeps the lock of this generation of spawner; closed when the job is claimed.
  int stdinFd = -1;           ///< The job's standard input, or -1.
  int devNullFd = -1;         ///< /dev/null, for reading and writing.
  const std::string& bootId;  ///< Of this boot of the host.
};

/// The life of one job: claims it, starts its main process, keeps its output, ends it at its
/// deadline or when SIGTERM comes, kills what it leaves behind, writes how it ended, and exits.
///
/// All signals are blocked on entry, so that none is lost; SIGTERM from the daemon carries the
/// grace in milliseconds. Only the exit record and what it speaks of are synced: for everything
/// before it, the page cache outlives every process of this boot, and after a reboot a job without
/// an exit record is lost in any case.
[[noreturn]] void superviseJob(const SupervisorTask& task);

}  // namespace belay::jobs
