#pragma once

#include <sys/types.h>

#include <array>

#include "agent/jobs/JobRequest.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

// The descriptors that the main process of a job can have besides 0 to 3.
inline constexpr int kScriptFd = 4;   ///< The text of its script; above kBare.
inline constexpr int kFilterFd = 5;   ///< The seccomp program that bubblewrap installs; kStrong.
inline constexpr int kRulesetFd = 6;  ///< The Landlock ruleset, closed before it executes; kUser.
inline constexpr int kJobFds = 7;     ///< So many numbers the spawner keeps free.

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
  base::UniqueFd ruleset;

  /// Makes the folder of the flow for its user, and what the profile needs. Null, or the step that
  /// failed, with errno.
  const char* prepare(const JobRequest& request);
};

/// The rest of it, in the child between fork and exec: system calls only. It has the job's user
/// already. Null, or the step that failed, with errno.
const char* confineSelf(const JobRequest& request);

/// Gives up what a spawner with privileges passed on. For the child as well.
bool dropCapabilities();

}  // namespace belay::jobs
