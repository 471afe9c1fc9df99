#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace belay::jobs {

/// A process as it was seen in /proc: the start time tells it from a later one with the same pid.
struct SeenProcess {
  pid_t pid = 0;
  pid_t parent = 0;
  std::uint64_t startTime = 0;
};

/// All processes that live now, zombies left out.
std::vector<SeenProcess> listProcesses();

/// Those of `all` that descend from `ancestor`, without itself.
std::vector<SeenProcess> descendantsOf(pid_t ancestor, const std::vector<SeenProcess>& all);

/// Sends a signal to exactly this process; false when it is gone, or its pid names another one by
/// now.
bool signalExactly(const SeenProcess& process, int signal);

/// Kills what is left of a job whose supervisor was killed: the processes that carry its
/// BELAY_JOB_ID, with their descendants. Returns how many; never waits for longer than `bound`.
std::uint32_t killOrphans(const std::string& jobId, const std::string& cgroup,
                          std::chrono::milliseconds bound);

/// The processes below a supervisor, which must be a child subreaper: whoever loses its parent
/// becomes its child. So when it has no child left, nothing of the job lives, however often it
/// forked or changed its session.
///
/// Threads: the only thread of the supervisor. SIGCHLD must be blocked.
class ProcessTree {
 public:
  /// `main` is a child of this process, and leads its own process group.
  ProcessTree(pid_t main, std::string cgroup) : main_(main), cgroup_(std::move(cgroup)) {}

  /// Waits for all that has ended, without blocking. When main has ended, the rest of its process
  /// group is killed before its pid is given back.
  void reap();
  bool mainEnded() const { return mainEnded_; }
  bool empty() const { return empty_; }
  /// As wait(2) gives it; only when mainEnded().
  int mainStatus() const { return mainStatus_; }

  /// A signal for main's process group, then SIGCONT, so that stopped processes can act on it.
  void signalGroup(int signal) const;

  /// Kills all, main included, and reaps it; returns after `bound` when something does not die.
  void killAll(std::chrono::milliseconds bound);

  std::uint32_t killedAfterMain() const { return killedAfterMain_; }
  /// How many still live.
  std::uint32_t survivors() const;

 private:
  void stopAll(std::int64_t untilMs) const;

  const pid_t main_;
  const std::string cgroup_;
  bool mainEnded_ = false;
  bool empty_ = false;
  int mainStatus_ = 0;
  std::uint32_t killedAfterMain_ = 0;
};

}  // namespace belay::jobs
