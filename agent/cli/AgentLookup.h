#pragma once

#include <string>
#include <vector>

#include "agent/agents/LockFile.h"
#include "agent/agents/Probe.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

/// A coding agent of this host: known by name, or by the lock file.
struct HostAgent {
  std::string name;
  std::string adapter;
  std::string program;                 ///< As it is called, or a path.
  std::vector<std::string> arguments;  ///< That make it speak as its adapter does.
  std::string path;                    ///< Absolute; empty: it was not found.
};

/// The lock file, what is in it, and all agents, in the order of their names.
struct HostAgents {
  std::string lockFile;
  std::vector<agents::LockedAgent> locked;
  std::vector<HostAgent> all;
};

/// Errors: of the settings and of the lock file.
base::Result<HostAgents> findHostAgents(Invocation& invocation);

/// The agent that a command means by its name, or by --binary and --adapter.
/// Errors: kUsage, kNotFound with the nearest name; kAgentNotFound when it is not installed.
base::Result<HostAgent> findHostAgent(Invocation& invocation, const HostAgents& agents,
                                      const std::string& name);

/// A question to the agent with the environment that jobs have.
base::Result<agents::Question> questionTo(Invocation& invocation, const HostAgent& agent);

/// "none", "same", "other" (its program has another digest), "elsewhere" (it is another program),
/// "gone" (the locked program is not there).
std::string lockState(const HostAgents& agents, const HostAgent& agent);

}  // namespace belay::cli
