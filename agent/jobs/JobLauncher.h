#pragma once

#include <sys/types.h>

#include "agent/jobs/Confinement.h"
#include "agent/jobs/JobRequest.h"

namespace belay::jobs {

/// What the main process gets as descriptors 0 to 4; it has no others but those of its confinement.
struct JobDescriptors {
  int stdinFd = -1;
  int stdoutFd = -1;
  int stderrFd = -1;
  int resultFd = -1;
  int callFd = -1;
};

/// A started main process, or the step at which nothing could be started.
struct Launched {
  pid_t pid = -1;
  const char* failedStage = nullptr;
  const char* failedWhat = "";
  int failedErrno = 0;
};

/// Starts the main process of a job, as leader of a session of its own, which is killed when this
/// process ends. On return the program runs, or nothing does.
///
/// The child shares our memory until it executes (as vfork does), so that its failure is known
/// exactly, and no page is copied. All signals must be blocked.
Launched launchJob(const JobRequest& request, const JobDescriptors& descriptors,
                   const Confinement& confinement);

}  // namespace belay::jobs
