#pragma once

#include <sys/types.h>

#include <array>

#include "agent/jobs/JobRequest.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

// The descriptors that the main process of a job can have besides 0 to 4.
inline constexpr int kScriptFd = 5;   ///< The text of its script; above kBare.
inline constexpr int kFilterFd = 6;   ///< The seccomp program that bubblewrap installs; kStrong.
inline constexpr int kRulesetFd = 7;  ///< The Landlock ruleset, closed before it executes; kUser.
inline constexpr int kJobFds = 8;     ///< So many numbers the spawner keeps free.

/// What every job can read and execute.
inline constexpr std::array kSystemPaths = {"/usr",
                                            "/bin",
                                            "/sbin",
                                            "/lib",
                                            "/lib32",
                                            "/lib64",
                                            "/libx32",
                                            "/etc",
                                            "/opt",
                                            "/nix",
                                            "/snap",
                                            "/run/systemd/resolve",
                                            "/run/resolvconf",
                                            "/run/NetworkManager"};

/// What a supervisor prepares for a job above kBare, before it is forked.
struct Confinement {
  base::UniqueFd script;
  base::UniqueFd filter;
  base::UniqueFd ruleset;  ///< Where the kernel has Landlock; kUser needs it.

  /// Makes the folder of the flow for its user, and what the profile needs. Null, or the step that
  /// failed, with errno.
  const char* prepare(const JobRequest& request);
};

/// The rest of it, in the child between fork and exec: system calls only. It has the job's user
/// already. Null, or the step that failed, with errno.
const char* confineSelf(const JobRequest& request);

/// Takes the user of the job, its group and no other, and gives up what a spawner with privileges
/// passed on. System calls only. Null, or the step that failed, with errno.
const char* becomeJobUser(const JobRequest& request);

}  // namespace belay::jobs
