#include "agent/jobs/Confinement.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "agent/jobs/Landlock.h"
#include "agent/jobs/SpawnerLink.h"
#include "agent/jobs/SyscallFilter.h"

namespace belay::jobs {

using base::UniqueFd;

namespace {

/// What a program cannot do without, and what cannot be mounted over by a job.
constexpr std::array kDevices = {"/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
                                 "/dev/urandom", "/dev/tty",  "/dev/ptmx", "/dev/pts"};

/// The folder belongs to the user of its flow: to a job that is one who can do with it what it
/// likes, and to nobody else. Its parent belongs to the daemon, so nobody can put a link there.
bool makeFolder(const JobRequest& request) {
  struct stat info {};
  if (::mkdir(request.folder, 0700) != 0 && errno != EEXIST) return false;
  if (::lstat(request.folder, &info) != 0) return false;
  const auto user = static_cast<uid_t>(request.user);
  if (S_ISDIR(info.st_mode) && info.st_uid == user) return true;
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) {
    errno = EACCES;
    return false;
  }
  return ::lchown(request.folder, user, static_cast<gid_t>(request.group)) == 0;
}

UniqueFd makeRuleset(const JobRequest& request) {
  std::vector<const char*> readable(kSystemPaths.begin(), kSystemPaths.end());
  std::vector<const char*> writable(kDevices.begin(), kDevices.end());
  readable.insert(readable.end(), {"/proc", "/sys", request.workFolder});
  readable.insert(readable.end(), request.readPaths.begin(), request.readPaths.end() - 1);
  writable.push_back(request.folder);
  writable.insert(writable.end(), request.writePaths.begin(), request.writePaths.end() - 1);
  return makeLandlock(readable, writable);
}

UniqueFd filterInMemory() {
  const auto code = syscallFilter();
  auto file = sealedMemory({reinterpret_cast<const char*>(code.data()), code.size_bytes()});
  return file.ok() ? std::move(file).value() : UniqueFd();
}

}  // namespace

const char* Confinement::prepare(const JobRequest& request) {
  if (request.profile == JobProfile::kBare) return nullptr;
  if (!makeFolder(request)) return "folder of the flow";
  if (!request.script.empty()) {
    auto file = sealedMemory(request.script);
    if (!file.ok()) return "script";
    script = std::move(file).value();
  }
  // Under bubblewrap it holds only who opens what the job leaves.
  ruleset = makeRuleset(request);
  if (request.profile == JobProfile::kUser) return ruleset.valid() ? nullptr : "landlock";
  filter = filterInMemory();
  return filter.valid() ? nullptr : "filter";
}

// From here on: in the child, on borrowed memory.

namespace {

bool dropCapabilities() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return false;
  // Root without a user of its own is what profile bare means where the daemon is root.
  if (::geteuid() == 0) return true;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  return ::syscall(SYS_capset, &header, none) == 0;
}

}  // namespace

const char* becomeJobUser(const JobRequest& request) {
  if (request.user < 0) return dropCapabilities() ? nullptr : "capabilities";
  // The system calls themselves: glibc's wrappers talk to all threads of a process, and the memory
  // may be our parent's.
  const auto gid = static_cast<gid_t>(request.group < 0 ? request.user : request.group);
  const auto uid = static_cast<uid_t>(request.user);
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, gid, gid, gid) != 0 ||
      ::syscall(SYS_setresuid, uid, uid, uid) != 0) {
    return "user";
  }
  return dropCapabilities() ? nullptr : "capabilities";
}

const char* confineSelf(const JobRequest& request) {
  if (request.profile == JobProfile::kBare) return nullptr;
  const int folder = ::open(request.folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return "folder of the flow";
  // Its temporary files; whatever else is there under this name is the flow's own doing.
  if (::mkdirat(folder, "tmp", 0700) != 0 && errno != EEXIST) return "folder of the flow";
  ::close(folder);
  // Bubblewrap makes mounts, which neither would let it; the view that it makes is narrower.
  if (request.profile == JobProfile::kStrong) return nullptr;
  if (!enterLandlock(kRulesetFd)) return "landlock";
  ::close(kRulesetFd);
  const auto code = syscallFilter();
  const sock_fprog program{static_cast<unsigned short>(code.size()),
                           const_cast<sock_filter*>(code.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) != 0) return "seccomp";
  return nullptr;
}

}  // namespace belay::jobs
