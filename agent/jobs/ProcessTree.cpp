#include "agent/jobs/ProcessTree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <unordered_set>

#include "agent/jobs/BootClock.h"
#include "agent/jobs/JobCgroup.h"
#include "agent/jobs/JobRecord.h"
#include "agent/jobs/Pidfd.h"
#include "common/base/Files.h"
#include "common/base/FreeWith.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

namespace {

using Folder = std::unique_ptr<DIR, base::FreeWith<&::closedir>>;

constexpr pid_t kKernelThreads = 2;  // The parent of all of them.
constexpr std::size_t kEnvironBytesMax = 2u << 20;
constexpr std::size_t kChildrenBytesMax = 8u << 20;
constexpr int kQuietLooks = 2;
constexpr int kAncestorsMost = 1000;
/// Between two sweeps, at most: many trees that end at once must leave each other the processor.
constexpr std::chrono::milliseconds kSweepPauseMax{80};

void waitForChild(std::chrono::milliseconds bound) {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  const timespec time{0, static_cast<long>(bound.count()) * 1'000'000};
  static_cast<void>(::sigtimedwait(&child, nullptr, &time));
}

/// True when the environment with which the process was started holds `marker` ("\0NAME=value\0").
bool startedWith(pid_t pid, const std::string& marker) {
  const auto environ =
      base::readFile("/proc/" + std::to_string(pid) + "/environ", kEnvironBytesMax);
  return environ.ok() && (std::string(1, '\0') + *environ).find(marker) != std::string::npos;
}

/// In the middle of execve() a process has neither arguments nor environment, and cannot be told
/// yet.
bool isExecuting(const SeenProcess& process) {
  const std::string folder = "/proc/" + std::to_string(process.pid);
  for (const char* name : {"/cmdline", "/environ"}) {
    const auto text = base::readFile(folder + name, kEnvironBytesMax);
    if (!text.ok() || !text->empty()) return false;
  }
  const auto stat = readProcessStat(std::to_string(process.pid).c_str());
  return stat && !stat->ended() && stat->startTime == process.startTime;
}

/// From its status: the owner of its folder is root as soon as it must not be traced. Where that is
/// somebody else than root and `asked`, it is not looked at further.
std::optional<std::uint64_t> realUserOf(pid_t pid, uid_t asked) {
  struct stat info {};
  if (::stat(("/proc/" + std::to_string(pid)).c_str(), &info) != 0) return std::nullopt;
  if (info.st_uid != 0 && info.st_uid != asked) return info.st_uid;
  const auto status = base::readFile("/proc/" + std::to_string(pid) + "/status", 64 * 1024);
  const std::size_t at = status.ok() ? status->find("\nUid:\t") : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  const std::string_view rest = std::string_view(*status).substr(at + 6);
  return base::parseUnsigned(rest.substr(0, rest.find('\t')));
}

/// Of `all`, those of `user` that no supervisor stands above. A process of the user itself that
/// calls itself so is none.
std::vector<SeenProcess> unsupervised(uid_t user, const std::vector<SeenProcess>& all) {
  std::unordered_set<pid_t> answeredFor;
  for (const SeenProcess& process : all) {
    if (!process.namedSupervisor || process.pid == ::getpid()) continue;
    if (realUserOf(process.pid, user).value_or(user) == user) continue;
    for (const SeenProcess& below : descendantsOf(process.pid, all)) answeredFor.insert(below.pid);
  }
  std::vector<SeenProcess> out;
  for (const SeenProcess& process : all) {
    if (process.parent == kKernelThreads) continue;
    if (!answeredFor.contains(process.pid) && realUserOf(process.pid, user) == user)
      out.push_back(process);
  }
  return out;
}

/// Of all its threads: a child is that of the thread that forked it.
std::vector<pid_t> childrenOf(pid_t parent) {
  std::vector<pid_t> out;
  const std::string path = "/proc/" + std::to_string(parent) + "/task";
  const Folder folder(::opendir(path.c_str()));
  if (!folder) return out;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] == '.') continue;
    const auto text = base::readFile(path + "/" + entry->d_name + "/children", kChildrenBytesMax);
    if (!text.ok()) continue;
    for (const std::string_view word : base::split(*text, ' ')) {
      if (const auto pid = base::parseUnsigned(word)) out.push_back(static_cast<pid_t>(*pid));
    }
  }
  return out;
}

}  // namespace

std::vector<SeenProcess> listProcesses() {
  std::vector<SeenProcess> out;
  const Folder folder(::opendir("/proc"));
  if (!folder) return out;
  while (const dirent* entry = ::readdir(folder.get())) {
    const auto pid = base::parseUnsigned(entry->d_name);
    if (!pid) continue;
    const auto stat = readProcessStat(entry->d_name);
    if (!stat || stat->ended()) continue;
    out.push_back({static_cast<pid_t>(*pid), stat->parent, stat->startTime, stat->namedSupervisor});
  }
  return out;
}

std::vector<SeenProcess> descendantsOf(pid_t ancestor, const std::vector<SeenProcess>& all) {
  std::vector<SeenProcess> out;
  std::unordered_set<pid_t> known = {ancestor};
  // Pids wrap around, so a child can stand before its parent in the list.
  for (bool grew = true; grew;) {
    grew = false;
    for (const SeenProcess& process : all) {
      if (!known.contains(process.parent) || !known.insert(process.pid).second) continue;
      out.push_back(process);
      grew = true;
    }
  }
  return out;
}

std::vector<SeenProcess> descendantsNow(pid_t ancestor) {
  // Not all kernels are built with it.
  if (!base::fileExists("/proc/self/task/" + std::to_string(::getpid()) + "/children"))
    return descendantsOf(ancestor, listProcesses());
  std::vector<SeenProcess> out;
  std::unordered_set<pid_t> known = {ancestor};
  std::vector<pid_t> next = {ancestor};
  while (!next.empty()) {
    const pid_t parent = next.back();
    next.pop_back();
    for (const pid_t child : childrenOf(parent)) {
      if (!known.insert(child).second) continue;
      const auto stat = readProcessStat(std::to_string(child).c_str());
      if (!stat || stat->ended()) continue;
      out.push_back({child, parent, stat->startTime, stat->namedSupervisor});
      next.push_back(child);
    }
  }
  return out;
}

bool belongsToAJob(pid_t pid) {
  for (int above = 0; above < kAncestorsMost && pid > 1; ++above) {
    const auto stat = readProcessStat(std::to_string(pid).c_str());
    if (!stat) return false;
    if (stat->namedSupervisor) return true;
    pid = stat->parent;
  }
  return false;
}

bool signalExactly(const SeenProcess& process, int signal) {
  const base::UniqueFd pidfd = openPidfd(process.pid);
  if (!pidfd.valid()) return false;
  // Now the descriptor names one process for good; its start time says whether it is the one that
  // was meant.
  const auto stat = readProcessStat(std::to_string(process.pid).c_str());
  if (!stat || stat->startTime != process.startTime) return false;
  return signalPidfd(pidfd, signal);
}

std::uint32_t killUser(uid_t user, std::chrono::milliseconds bound) {
  const std::int64_t until = bootMs() + bound.count();
  std::unordered_set<pid_t> killed;
  while (bootMs() < until) {
    const std::vector<SeenProcess> found = unsupervised(user, listProcesses());
    if (found.empty()) break;
    // Stopped first, so that none forks between the looks.
    for (const int signal : {SIGSTOP, SIGKILL}) {
      for (const SeenProcess& process : found) {
        if (signalExactly(process, signal)) killed.insert(process.pid);
      }
    }
    const timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return static_cast<std::uint32_t>(killed.size());
}

std::uint32_t killOrphans(const OrphanTraces& traces, std::chrono::milliseconds bound) {
  const std::string& cgroup = traces.cgroup;
  if (!cgroup.empty()) killCgroup(cgroup);
  const std::string marker =
      std::string(1, '\0') + "BELAY_JOB_ID=" + traces.jobId + std::string(1, '\0');
  const std::int64_t until = bootMs() + bound.count();
  std::unordered_set<pid_t> killed;
  // One that forks and ends between the list and the look at it is seen in neither; its child is in
  // the next list.
  int quiet = 0;
  while (bootMs() < until) {
    const std::vector<SeenProcess> all = listProcesses();
    std::vector<SeenProcess> found;
    bool settled = true;
    for (const SeenProcess& process : all) {
      if (!startedWith(process.pid, marker)) {
        const bool ofKernel = process.parent == kKernelThreads || process.pid == kKernelThreads;
        settled = settled && (ofKernel || !isExecuting(process));
        continue;
      }
      found.push_back(process);
      for (const SeenProcess& below : descendantsOf(process.pid, all)) found.push_back(below);
    }
    quiet = found.empty() && settled ? quiet + 1 : 0;
    if (quiet == kQuietLooks) break;
    for (const SeenProcess& process : found) static_cast<void>(signalExactly(process, SIGSTOP));
    for (const SeenProcess& process : found) {
      if (signalExactly(process, SIGKILL)) killed.insert(process.pid);
    }
    const timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
  if (!cgroup.empty()) removeCgroup(cgroup);
  auto count = static_cast<std::uint32_t>(killed.size());
  for (int look = 0; traces.user > 0 && look < kQuietLooks; ++look)
    count += killUser(static_cast<uid_t>(traces.user), bound);
  return count;
}

void ProcessTree::reap() {
  if (!mainEnded_) {
    siginfo_t info{};
    const auto id = static_cast<id_t>(main_);
    if (::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == main_) {
      // As long as main is a zombie, its number cannot name another group.
      ::kill(-main_, SIGKILL);
      mainEnded_ = ::waitpid(main_, &mainStatus_, 0) == main_;
    }
  }
  while (true) {
    // With main alive, waiting for anybody could take main without killing its group first: look
    // before.
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
      if (errno == EINTR) continue;
      empty_ = true;  // ECHILD
      return;
    }
    if (info.si_pid == 0) return;
    if (!mainEnded_ && info.si_pid == main_) return reap();
    int status = 0;
    if (::waitpid(info.si_pid, &status, 0) != info.si_pid) return;
    if (mainEnded_ && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ++killedAfterMain_;
  }
}

void ProcessTree::signalGroup(int signal) const {
  if (mainEnded_) return;
  if (!wrapped_) {
    ::kill(-main_, signal);
    ::kill(-main_, SIGCONT);
    return;
  }
  for (const SeenProcess& process : descendantsNow(main_)) {
    static_cast<void>(signalExactly(process, signal) && signalExactly(process, SIGCONT));
  }
}

void ProcessTree::stopAll(std::int64_t untilMs) const {
  std::unordered_set<pid_t> stopped;
  // What is stopped cannot fork; each round finds what was forked during the one before, until
  // nothing is new.
  for (bool grew = true; grew && bootMs() < untilMs;) {
    grew = false;
    for (const SeenProcess& process : descendantsNow(::getpid())) {
      if (!stopped.insert(process.pid).second) continue;
      grew = signalExactly(process, SIGSTOP) || grew;
    }
  }
}

void ProcessTree::killAll(std::chrono::milliseconds bound) {
  const std::int64_t until = bootMs() + bound.count();
  if (!mainEnded_) ::kill(-main_, SIGKILL);
  if (!cgroup_.empty()) killCgroup(cgroup_);
  reap();
  if (empty_) return;
  waitForChild(std::chrono::milliseconds(5));
  reap();
  if (empty_) return;
  // Against a fork bomb the sweep must get the processor more often than the bomb does; refused
  // without privilege.
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, -20));
  std::chrono::milliseconds pause{5};
  while (!empty_ && bootMs() < until) {
    stopAll(until);
    for (const SeenProcess& process : descendantsNow(::getpid()))
      static_cast<void>(signalExactly(process, SIGKILL));
    waitForChild(pause);
    pause = std::min(2 * pause, kSweepPauseMax);
    reap();
  }
}

std::uint32_t ProcessTree::survivors() const {
  if (empty_) return 0;
  return static_cast<std::uint32_t>(descendantsNow(::getpid()).size());
}

}  // namespace belay::jobs
