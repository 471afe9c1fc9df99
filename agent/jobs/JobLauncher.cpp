#include "agent/jobs/JobLauncher.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "agent/jobs/JobFolder.h"

// ThreadSanitizer's clone() takes every child for a fork, and loses its thread where the two share
// their memory: libc's own is called past it.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
extern "C" int __clone(int (*run)(void*), void* stack, int flags, void* argument, ...);
#define clone __clone
#endif
#endif

namespace belay::jobs {

namespace {

constexpr std::size_t kStackBytes = 64 * 1024;

struct Launch {
  const JobRequest& request;
  const JobDescriptors& descriptors;
  const Confinement& confinement;
  const char* cgroupProcs;
  pid_t supervisor;
  Launched& result;
};

/// Not a part of our own stack: the child's functions never return, and what AddressSanitizer noted
/// of them there would be held against ours. Only the pages that the child uses are ever touched.
class ChildStack {
 public:
  ChildStack() noexcept
      : mapped_(::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {}
  ~ChildStack() {
    if (mapped_ != MAP_FAILED) ::munmap(mapped_, kStackBytes);
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  /// Null, with errno, when there is no memory.
  void* top() const noexcept {
    return mapped_ == MAP_FAILED ? nullptr : static_cast<char*>(mapped_) + kStackBytes;
  }

 private:
  void* mapped_;
};

// From here on everything runs in the child, on borrowed memory: system calls only, no allocation,
// no destructors.

bool failed(Launch& launch, const char* stage, const char* what) {
  launch.result.failedErrno = errno;
  launch.result.failedStage = stage;
  launch.result.failedWhat = what;
  return false;
}

bool enterCgroup(Launch& launch) {
  if (launch.cgroupProcs == nullptr) return true;
  const int fd = ::open(launch.cgroupProcs, O_WRONLY | O_CLOEXEC);
  // Nothing was forked yet, so the whole tree will be in it.
  if (fd < 0 || ::write(fd, "0", 1) != 1) return failed(launch, "cgroup", launch.cgroupProcs);
  ::close(fd);
  return true;
}

bool placeDescriptors(Launch& launch) {
  const JobDescriptors& from = launch.descriptors;
  const Confinement& cell = launch.confinement;
  const bool ruled = launch.request.profile == JobProfile::kUser;
  const std::array<int, kJobFds> wanted = {
      from.stdinFd, from.stdoutFd,     from.stderrFd,     from.resultFd,
      from.callFd,  cell.script.get(), cell.filter.get(), ruled ? cell.ruleset.get() : -1};
  for (int target = 0; target < kJobFds; ++target) {
    const int source = wanted[static_cast<std::size_t>(target)];
    // The spawner keeps these numbers taken, so none is its own target, and CLOEXEC never survives.
    if (source < 0)
      ::close(target);
    else if (::dup2(source, target) < 0)
      return failed(launch, "descriptors", "");
  }
  if (::syscall(SYS_close_range, kJobFds, ~0u, 0u) != 0) return failed(launch, "descriptors", "");
  return true;
}

bool setLimits(Launch& launch) {
  const JobRequest& request = launch.request;
  const std::pair<__rlimit_resource, std::int64_t> limits[] = {
      {RLIMIT_AS, request.addressSpaceBytes}, {RLIMIT_NPROC, request.processes},
      {RLIMIT_NOFILE, request.openFiles},     {RLIMIT_FSIZE, request.fileBytes},
      {RLIMIT_CPU, request.cpuSeconds},
  };
  for (const auto& [resource, value] : limits) {
    if (value < 0) continue;
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0) return failed(launch, "limits", "");
    // What the host bounds closer stays so; to raise it would take a privilege.
    limit.rlim_max = std::min(limit.rlim_max, static_cast<rlim_t>(value));
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(resource, &limit) != 0) return failed(launch, "limits", "");
  }
  return true;
}

bool becomeUser(Launch& launch) {
  const char* stage = becomeJobUser(launch.request);
  return stage == nullptr || failed(launch, stage, "");
}

bool makeFolder(Launch& launch) {
  return makeJobFolder(launch.request) || failed(launch, "folder of the job", launch.request.jobFolder);
}

/// The job ends with its supervisor. Set after the change of user, which resets it.
bool dieWithSupervisor(Launch& launch) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed(launch, "parent death signal", "");
  errno = ESRCH;
  return ::getppid() == launch.supervisor || failed(launch, "parent death signal", "");
}

bool enterFolder(Launch& launch) {
  return ::chdir(launch.request.workFolder) == 0 ||
         failed(launch, "work folder", launch.request.workFolder);
}

bool confine(Launch& launch) {
  const char* stage = confineSelf(launch.request);
  return stage == nullptr || failed(launch, stage, launch.request.folder);
}

void execute(Launch& launch) {
  const JobRequest& request = launch.request;
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  int worst = ENOENT;
  for (char* const* program = request.programs.data(); *program != nullptr; ++program) {
    ::execve(*program, request.arguments.data(), request.environment.data());
    // As a shell does: go on looking where nothing is, but remember a program that may not be
    // executed.
    if (errno != ENOENT && errno != ENOTDIR) worst = errno;
    if (worst != ENOENT && worst != EACCES) break;
  }
  errno = worst;
  failed(launch, "exec", request.arguments[0]);
}

int runChild(void* opaque) {
  Launch& launch = *static_cast<Launch*>(opaque);
  ::setsid();
  if (enterCgroup(launch) && placeDescriptors(launch) && setLimits(launch) && becomeUser(launch) &&
      dieWithSupervisor(launch) && enterFolder(launch) && makeFolder(launch) && confine(launch)) {
    execute(launch);
  }
  ::_exit(127);
}

}  // namespace

Launched launchJob(const JobRequest& request, const JobDescriptors& descriptors,
                   const Confinement& confinement) {
  std::array<char, 4200> cgroupProcs;
  Launched result;
  const bool inCgroup = request.cgroup[0] != '\0';
  std::snprintf(cgroupProcs.data(), cgroupProcs.size(), "%s/cgroup.procs", request.cgroup);
  Launch launch{request,    descriptors, confinement, inCgroup ? cgroupProcs.data() : nullptr,
                ::getpid(), result};
  const ChildStack stack;
  pid_t pid = -1;
  if (stack.top() != nullptr) {
    pid = ::clone(&runChild, stack.top(), CLONE_VM | CLONE_VFORK | SIGCHLD, &launch);
  }
  if (pid < 0) {
    result.failedStage = "fork";
    result.failedErrno = errno;
    return result;
  }
  if (result.failedStage != nullptr) {
    ::waitpid(pid, nullptr, 0);
    return result;
  }
  result.pid = pid;
  return result;
}

}  // namespace belay::jobs
