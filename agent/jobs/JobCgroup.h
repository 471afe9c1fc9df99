#pragma once

#include <string>
#include <string_view>

namespace belay::jobs {

// One cgroup v2 folder for one job, below a folder that was delegated to Belay. Without
// controllers: it is there because cgroup.kill ends a whole tree in one step, fork bombs included.

/// Makes the folder; 0 or an errno.
int makeCgroup(const std::string& folder);
/// SIGKILL for all in it and below; false when the kernel does not offer it (before 5.14).
bool killCgroup(const std::string& folder);
/// Waits a moment until it is empty, and removes it; false when something in it does not die.
bool removeCgroup(const std::string& folder);

/// The folder in which this process may make cgroups, empty when there is none: its own cgroup v2,
/// if that is not the root and can be written, as systemd's Delegate=yes gives it.
std::string findDelegatedCgroup();
/// The folder of the own cgroup, from the texts of /proc/self/mountinfo and /proc/self/cgroup;
/// empty when it is the root.
std::string ownCgroupFolder(std::string_view mountInfo, std::string_view ownCgroup);

}  // namespace belay::jobs
