#pragma once

#include <optional>
#include <string>

#include "agent/tools/SshLink.h"
#include "agent/tools/ToolIo.h"

namespace belay::tools {

/// What is sent to the server for one command.
struct SshCommand {
  std::string line;
  std::string input;      ///< Before `inputFile`.
  std::string inputFile;  ///< Absolute; empty: none.
  bool terminal = false;
  bool detach = false;
  std::string mark;  ///< A variable of its environment, NAME=VALUE, by which its processes are known.
};

/// How it ended there.
struct SshExit {
  std::optional<int> code;
  std::string signal;  ///< Without SIG; empty: none.
  std::string output;  ///< Of a detached command: what it printed, at most 64 bytes.
};

/// Runs a command over a session, and passes its output on to the standard output and standard
/// error of this process, which also bounds how fast it may come. An end from outside is passed on
/// as a signal. `effect` says at any moment what has left. Errors: kConnect, kSshProtocol,
/// kCancelled, kIo.
base::Result<SshExit> execSsh(ssh_session session, const SshCommand& command, int stopFd,
                              Effect& effect);

}  // namespace belay::tools
