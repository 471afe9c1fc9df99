#include "agent/jobs/JobCgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

namespace {

/// Where cgroup v2 is mounted, from the text of /proc/self/mountinfo; empty when it is not.
std::string mountOfCgroup2(std::string_view mountInfo) {
  for (const std::string_view line : base::split(mountInfo, '\n')) {
    const std::size_t separator = line.find(" - cgroup2 ");
    if (separator == std::string_view::npos) continue;
    const auto fields = base::split(line.substr(0, separator), ' ');
    // Field 4 is the root of the mount: another one than "/" would shift all paths.
    if (fields.size() >= 5 && fields[3] == "/") return std::string(fields[4]);
  }
  return {};
}

}  // namespace

int makeCgroup(const std::string& folder) { return ::mkdir(folder.c_str(), 0755) == 0 ? 0 : errno; }

bool killCgroup(const std::string& folder) {
  const base::UniqueFd fd(::open((folder + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
  return fd.valid() && ::write(fd.get(), "1", 1) == 1;
}

bool removeCgroup(const std::string& folder) {
  for (int tries = 0; tries < 50; ++tries) {
    if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return true;
    if (errno != EBUSY) return false;
    const timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return false;
}

std::string ownCgroupFolder(std::string_view mountInfo, std::string_view ownCgroup) {
  const std::string mount = mountOfCgroup2(mountInfo);
  if (mount.empty()) return {};
  for (const std::string_view line : base::split(ownCgroup, '\n')) {
    if (line.starts_with("0::/") && line != "0::/") return mount + std::string(line.substr(3));
  }
  return {};
}

std::string findDelegatedCgroup() {
  const auto mountInfo = base::readFile("/proc/self/mountinfo", 4u << 20);
  const auto own = base::readFile("/proc/self/cgroup", 64 * 1024);
  if (!mountInfo.ok() || !own.ok()) return {};
  const std::string folder = ownCgroupFolder(*mountInfo, *own);
  const bool usable = !folder.empty() && ::access(folder.c_str(), W_OK) == 0 &&
                      ::access((folder + "/cgroup.kill").c_str(), W_OK) == 0;
  return usable ? folder : std::string();
}

}  // namespace belay::jobs
