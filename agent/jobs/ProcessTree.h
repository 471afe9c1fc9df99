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
  bool namedSupervisor = false;
};

/// All processes that live now, zombies left out.
std::vector<SeenProcess> listProcesses();

/// Those of `all` that descend from `ancestor`, without itself.
std::vector<SeenProcess> descendantsOf(pid_t ancestor, const std::vector<SeenProcess>& all);

/// The same as it is now, by what the kernel knows of each process' children: its cost is that of
/// the tree and not of the host. A process that is forked meanwhile can be missed: ask until none
/// is new.
std::vector<SeenProcess> descendantsNow(pid_t ancestor);

/// Whether it descends from what calls itself a supervisor, or is one: whoever wants to pass for a
/// part of a job can. One that left its job's tree by another program's help is not seen.
bool belongsToAJob(pid_t pid);

/// Sends a signal to exactly this process; false when it is gone, or its pid names another one by
/// now.
bool signalExactly(const SeenProcess& process, int signal);

/// How long to look for them at most.
inline constexpr std::chrono::milliseconds kOrphanBound{2000};

/// Where to look for what a job left whose supervisor was killed.
struct OrphanTraces {
  std::string jobId;
  std::string cgroup;      ///< Or empty.
  std::int64_t user = -1;  ///< Whom nothing but jobs is, or -1.
};

/// Kills what is left of such a job: all in its cgroup, the processes that carry its BELAY_JOB_ID
/// with their descendants, and what runs as its user without a supervisor. Returns how many; never
/// waits for longer than `bound`.
std::uint32_t killOrphans(const OrphanTraces& traces, std::chrono::milliseconds bound);

/// Kills all processes of a user that no living supervisor answers for. Those of other jobs of the
/// same user have theirs. Returns how many there were.
std::uint32_t killUser(uid_t user, std::chrono::milliseconds bound);

/// The processes below a supervisor, which must be a child subreaper: whoever loses its parent
/// becomes its child. So when it has no child left, nothing of the job lives, however often it
/// forked or changed its session.
///
/// Threads: the only thread of the supervisor. SIGCHLD must be blocked.
class ProcessTree {
 public:
  /// `main` is a child of this process, and leads its own process group.
  /// `wrapped`: main is only the program around the job's own, which would end without grace at the
  /// signal that its content is to get.
  ProcessTree(pid_t main, std::string cgroup, bool wrapped)
      : main_(main), cgroup_(std::move(cgroup)), wrapped_(wrapped) {}

  /// Waits for all that has ended, without blocking. When main has ended, the rest of its process
  /// group is killed before its pid is given back.
  void reap();
  bool mainEnded() const { return mainEnded_; }
  bool empty() const { return empty_; }
  /// As wait(2) gives it; only when mainEnded().
  int mainStatus() const { return mainStatus_; }

  /// A signal for main's process group, or where main is a wrapper for all below it; then SIGCONT,
  /// so that stopped processes can act on it.
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
  const bool wrapped_;
  bool mainEnded_ = false;
  bool empty_ = false;
  int mainStatus_ = 0;
  std::uint32_t killedAfterMain_ = 0;
};

}  // namespace belay::jobs
