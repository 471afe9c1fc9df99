#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace belay::jobs {

/// How far a job is kept from its host; a higher one does all that a lower one does.
/// docs/isolation.md says what each one stops.
enum class JobProfile : std::uint8_t {
  kBare,    ///< The daemon's own user.
  kUser,    ///< A user of its flow's own, Landlock, and a list of refused system calls.
  kStrong,  ///< Besides a view of the host of its own (bubblewrap), without its network.
};

std::string_view profileName(JobProfile profile);
std::optional<JobProfile> parseProfile(std::string_view name);

/// What holds a job whose profile is not kBare. All paths are absolute.
struct JobCell {
  JobProfile profile = JobProfile::kBare;
  std::string folder;  ///< Of its flow: made for its user where it is missing; home and tmp/ too.
  std::vector<std::string> readPaths;   ///< Besides the system's own folders.
  std::vector<std::string> writePaths;  ///< Besides its folder.
  std::string bubblewrap;               ///< The program, for kStrong.
  bool hostNetwork = false;             ///< Of kStrong.
  /// Nobody else is this user, so that whatever runs as it under no other job dies with the job.
  bool ownsUser = false;
};

/// What this host has to keep jobs apart with.
struct HostMeans {
  int landlock = 0;  ///< Version; 0: none.
  bool seccomp = false;
  std::string bubblewrap;    ///< The program; empty: none, or it may not make namespaces.
  std::string noBubblewrap;  ///< Why not.
};
/// Looks at the kernel and at the folders of the system. Threads: any.
HostMeans readHostMeans();

}  // namespace belay::jobs
