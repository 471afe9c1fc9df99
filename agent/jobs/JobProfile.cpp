#include "agent/jobs/JobProfile.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "agent/jobs/Landlock.h"
#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::jobs {

namespace {

constexpr std::array<std::string_view, 3> kNames = {"bare", "user", "strong"};

/// Settings of kernels and distributions that keep bubblewrap from its namespaces: file, and the
/// value that forbids.
constexpr std::array<std::pair<const char*, std::string_view>, 3> kForbidding = {{
    {"/proc/sys/user/max_user_namespaces", "0"},
    {"/proc/sys/kernel/unprivileged_userns_clone", "0"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"},
}};

bool hasSeccomp() {
  const std::uint32_t action = SECCOMP_RET_ERRNO;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &action) == 0;
}

void findBubblewrap(HostMeans& out) {
  for (const char* path : {"/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap"}) {
    if (out.bubblewrap.empty() && base::isExecutable(path)) out.bubblewrap = path;
  }
  if (out.bubblewrap.empty()) {
    out.noBubblewrap = "bubblewrap is not installed";
    return;
  }
  for (const auto& [file, value] : kForbidding) {
    const auto text = base::readFile(file, 64);
    if (!text.ok() || base::trim(*text) != value) continue;
    out.noBubblewrap = std::string(file) + " is " + std::string(value);
    out.bubblewrap.clear();
    return;
  }
}

}  // namespace

std::string_view profileName(JobProfile profile) {
  return kNames[static_cast<std::size_t>(profile)];
}

std::optional<JobProfile> parseProfile(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<JobProfile>(i);
  }
  return std::nullopt;
}

HostMeans readHostMeans() {
  HostMeans out;
  out.landlock = landlockVersion();
  out.seccomp = hasSeccomp();
  findBubblewrap(out);
  return out;
}

}  // namespace belay::jobs
