#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace belay::jobs {

// One cgroup v2 folder for one job, below a folder that was delegated to Belay: cgroup.kill ends a
// whole tree in one step, fork bombs included, and controllers bound what it takes.

/// Bounds of a whole tree; -1: none.
struct CgroupBounds {
  std::int64_t memoryBytes = -1;
  std::int64_t processes = -1;
};

/// Makes the folder; 0 or an errno: ENOTSUP where a bound needs a controller that is not there.
int makeCgroup(const std::string& folder, const CgroupBounds& bounds = {});
/// Whether anything lives in it or below; false when it is not there.
bool isPopulated(const std::string& folder);
/// SIGKILL for all in it and below; false when the kernel does not offer it (before 5.14).
bool killCgroup(const std::string& folder);
/// Waits a moment until it is empty, and removes it; false when something in it does not die.
bool removeCgroup(const std::string& folder);

/// The folder in which this process may make cgroups, empty when there is none: its own cgroup v2,
/// if that is not the root and can be written, as systemd's Delegate=yes gives it.
std::string findDelegatedCgroup();

/// Makes the folder in which jobs get theirs, below one that was delegated, and returns it; empty
/// when there is none. With `controllers` this process goes to a leaf of its own, because only a
/// cgroup without processes can hand its controllers on, and they are handed on. Without them it is
/// still good for ends.
std::string prepareCgroup(const std::string& delegated, bool controllers);
/// The folder of the own cgroup, from the texts of /proc/self/mountinfo and /proc/self/cgroup;
/// empty when it is the root.
std::string ownCgroupFolder(std::string_view mountInfo, std::string_view ownCgroup);

}  // namespace belay::jobs
