#pragma once

#include <functional>
#include <string>

#include "agent/jobs/JobRequest.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

// What a job finds in files and leaves in files. All of it is done as the user of the job: in the
// child before it executes, and when the job is dead in a process that has its user and, above
// kBare, no more of the host than it had. So a supervisor with privileges opens nothing that its
// job could not have opened.
//
//   BELAY_JOB_DIR/payload.json   what the step gives it
//   BELAY_JOB_DIR/context.json   which run, step and attempt it is
//   BELAY_JOB_DIR/result.json    written by the job: its result

/// Makes the folder with its two files. In the child, on borrowed memory: system calls only. False
/// with errno.
bool makeJobFolder(const JobRequest& request);

/// Takes an opened file, or an invalid one with its errno.
using TakeFile = std::function<void(const std::string& name, base::UniqueFd file, int error)>;

/// Calls `take` for each of request.collect, and for kResultName where the job has left a result in
/// its folder, which is removed then. Bounded in time; what was not reached by then has ETIMEDOUT.
void openLeftFiles(const JobRequest& request, int ruleset, const TakeFile& take);

/// No name of a file to collect.
inline constexpr const char* kResultName = "/result";

}  // namespace belay::jobs
