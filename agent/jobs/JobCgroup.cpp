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

bool writeTo(const std::string& file, std::string_view text) {
  const base::UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.valid() &&
         ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

int makeCgroup(const std::string& folder, const CgroupBounds& bounds) {
  if (::mkdir(folder.c_str(), 0755) != 0) return errno;
  const auto bound = [&](const char* file, std::int64_t value) {
    if (value < 0 || writeTo(folder + file, std::to_string(value))) return true;
    ::rmdir(folder.c_str());
    return false;
  };
  const bool all = bound("/memory.max", bounds.memoryBytes) && bound("/pids.max", bounds.processes);
  if (!all) return ENOTSUP;
  // Its processes die together, and none goes on without the others. Older kernels do not know it.
  if (bounds.memoryBytes >= 0) static_cast<void>(writeTo(folder + "/memory.oom.group", "1"));
  return 0;
}

bool isPopulated(const std::string& folder) {
  const auto events = base::readFile(folder + "/cgroup.events", 4096);
  return events.ok() && events->find("populated 1") != std::string::npos;
}

bool killCgroup(const std::string& folder) { return writeTo(folder + "/cgroup.kill", "1"); }

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

std::string prepareCgroup(const std::string& delegated, bool controllers) {
  if (delegated.empty()) return {};
  const std::string leaf = delegated + "/supervisors";
  const std::string jobs = delegated + "/jobs";
  if (::mkdir(jobs.c_str(), 0755) != 0 && errno != EEXIST) return {};
  if (!controllers) return jobs;
  if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) return {};
  if (!writeTo(leaf + "/cgroup.procs", "0")) return jobs;
  // One by one: a host may lend one and not the other.
  for (const char* controller : {"+memory", "+pids"}) {
    static_cast<void>(writeTo(delegated + "/cgroup.subtree_control", controller) &&
                      writeTo(jobs + "/cgroup.subtree_control", controller));
  }
  return jobs;
}

}  // namespace belay::jobs
