#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/base/Result.h"
#include "common/base/UniqueFd.h"

namespace belay::agents {

struct ChildPlan {
  std::string program;                   ///< A path with a slash.
  std::vector<std::string> arguments;    ///< Behind the program.
  std::vector<std::string> environment;  ///< "NAME=value"
  std::string folder;
  bool wantsInput = false;  ///< Without it its standard input is /dev/null.
};

/// A child with pipes of its own, leader of its own process group, which ends with this process.
///
/// Threads:   owner.
/// Ownership: destruction kills what is left of the group and waits for the leader.
class ChildProcess {
 public:
  ChildProcess() = default;
  ~ChildProcess() noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// On success the program runs; it has no other descriptors than 0, 1 and 2.
  /// Errors: kAgentNotFound (the program or the folder is not there, or may not be used), kIo.
  base::Status start(const ChildPlan& plan);

  // None of them blocks.
  int inFd() const { return in_.get(); }
  int outFd() const { return out_.get(); }
  int errFd() const { return err_.get(); }
  void closeIn() { in_.reset(); }
  void closeOut() { out_.reset(); }
  void closeErr() { err_.reset(); }

  /// To all of its group.
  void signal(int number) const;
  /// Whether the leader has ended; then the rest of its group is killed.
  bool reap();
  /// As wait(2) gives it, after reap() was true.
  int status() const { return status_; }

 private:
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
  base::UniqueFd in_;
  base::UniqueFd out_;
  base::UniqueFd err_;
};

}  // namespace belay::agents
