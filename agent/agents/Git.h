#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/Result.h"

namespace belay::agents {

/// Real git, as a child of this process, through no shell.
///
/// It runs without hooks, without a file system monitor, without programs for diffs and filters of
/// the settings of user and system, and asks nobody anything. What it says to standard error goes
/// to ours too.
///
/// Threads: owner; waits for git. Errors: kAgentWorkspace with the end of what git said.
class Git {
 public:
  /// `settings`: whether those of user and system count, as for transports and credentials.
  explicit Git(bool settings = false);
  Git& in(const std::string& gitDir, const std::string& workTree = {},
          const std::string& index = {});

  /// Its standard output, without the last newline; at most 16 MiB of it.
  base::Result<std::string> ask(std::vector<std::string> args) const;
  /// Its standard output goes to ours.
  base::Status show(std::vector<std::string> args) const;

 private:
  base::Status run(std::vector<std::string> args, int standardOut) const;

  std::vector<std::string> options_;
  std::vector<std::string> variables_;
};

}  // namespace belay::agents
