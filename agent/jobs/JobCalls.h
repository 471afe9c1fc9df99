#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "agent/jobs/CallMessage.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

/// The supervisor's end of the socket by which the processes of its job call back.
///
/// A call counts when its sender, as the kernel names it, descends from this supervisor and is in
/// the job's cgroup, and when it made the socket for the answer itself. So the descriptor is of no
/// use to a process to which the job passed it on.
///
/// Threads: the only thread of the supervisor. Nothing of it ever blocks.
class JobCalls {
 public:
  struct Call {
    CallKind kind = CallKind::kProgress;
    std::string text;
    base::UniqueFd file;
    base::UniqueFd answer;
  };

  /// False with errno. `cgroup`: the folder of the job's own, or empty.
  bool open(std::string cgroup);
  /// What the job inherits. It stays open here as well: a job that closes it wakes nobody.
  int jobEnd() const { return jobEnd_.get(); }
  int fd() const { return socket_.get(); }

  /// The next message, if it is a call of the job; what is none has been answered already.
  std::optional<Call> next();
  static void answer(const Call& call, CallAnswer answer);

 private:
  bool isOfJob(pid_t sender) const;

  base::UniqueFd socket_;
  base::UniqueFd jobEnd_;
  std::string cgroup_;
};

}  // namespace belay::jobs
