#include "agent/jobs/ProcessTree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
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

constexpr std::size_t kEnvironBytesMax = 2u << 20;

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

}  // namespace

std::vector<SeenProcess> listProcesses() {
  std::vector<SeenProcess> out;
  const Folder folder(::opendir("/proc"));
  if (!folder) return out;
  while (const dirent* entry = ::readdir(folder.get())) {
    const auto pid = base::parseUnsigned(entry->d_name);
    if (!pid) continue;
    const auto stat = readProcessStat(entry->d_name);
    if (!stat || stat->state == 'Z' || stat->state == 'X') continue;
    out.push_back({static_cast<pid_t>(*pid), stat->parent, stat->startTime});
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

bool signalExactly(const SeenProcess& process, int signal) {
  const base::UniqueFd pidfd = openPidfd(process.pid);
  if (!pidfd.valid()) return false;
  // Now the descriptor names one process for good; its start time says whether it is the one that
  // was meant.
  const auto stat = readProcessStat(std::to_string(process.pid).c_str());
  if (!stat || stat->startTime != process.startTime) return false;
  return signalPidfd(pidfd, signal);
}

std::uint32_t killOrphans(const std::string& jobId, const std::string& cgroup,
                          std::chrono::milliseconds bound) {
  if (!cgroup.empty()) killCgroup(cgroup);
  const std::string marker = std::string(1, '\0') + "BELAY_JOB_ID=" + jobId + std::string(1, '\0');
  const std::int64_t until = bootMs() + bound.count();
  std::unordered_set<pid_t> killed;
  while (bootMs() < until) {
    const std::vector<SeenProcess> all = listProcesses();
    std::vector<SeenProcess> found;
    for (const SeenProcess& process : all) {
      if (!startedWith(process.pid, marker)) continue;
      found.push_back(process);
      for (const SeenProcess& below : descendantsOf(process.pid, all)) found.push_back(below);
    }
    if (found.empty()) break;
    for (const SeenProcess& process : found) static_cast<void>(signalExactly(process, SIGSTOP));
    for (const SeenProcess& process : found) {
      if (signalExactly(process, SIGKILL)) killed.insert(process.pid);
    }
    const timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
  if (!cgroup.empty()) removeCgroup(cgroup);
  return static_cast<std::uint32_t>(killed.size());
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
  ::kill(-main_, signal);
  ::kill(-main_, SIGCONT);
}

void ProcessTree::stopAll(std::int64_t untilMs) const {
  std::unordered_set<pid_t> stopped;
  // What is stopped cannot fork; each round finds what was forked during the one before, until
  // nothing is new.
  for (bool grew = true; grew && bootMs() < untilMs;) {
    grew = false;
    for (const SeenProcess& process : descendantsOf(::getpid(), listProcesses())) {
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
  while (!empty_ && bootMs() < until) {
    stopAll(until);
    for (const SeenProcess& process : descendantsOf(::getpid(), listProcesses())) {
      static_cast<void>(signalExactly(process, SIGKILL));
    }
    waitForChild(std::chrono::milliseconds(5));
    reap();
  }
}

std::uint32_t ProcessTree::survivors() const {
  if (empty_) return 0;
  return static_cast<std::uint32_t>(descendantsOf(::getpid(), listProcesses()).size());
}

}  // namespace belay::jobs
