#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::agents {

/// The program of an agent as it was accepted: docs/agents.md.
struct LockedAgent {
  std::string name;
  std::string adapter;
  std::string binary;   ///< Absolute.
  std::string version;  ///< As it said itself; only to show.
  std::string digest;   ///< SHA-256, of what links lead to.
};

/// `agents.lock.json` in the folder of the settings file.
std::string lockFilePath(const std::string& settingsFile);

/// By name. Errors: kAgentLock naming what is wrong.
base::Result<std::vector<LockedAgent>> parseLockFile(std::string_view text);
/// For people, too: indented, by name.
std::string printLockFile(std::vector<LockedAgent> agents);

/// None when there is no file. Errors: kAgentLock, kIo.
base::Result<std::vector<LockedAgent>> readLockFile(const std::string& path);

/// The entry of that name; null pointer when there is none.
const LockedAgent* findLocked(const std::vector<LockedAgent>& agents, std::string_view name);
/// The entry of that name, or one of the same program; null pointer when there is none.
const LockedAgent* findLocked(const std::vector<LockedAgent>& agents, std::string_view name,
                              std::string_view binary);

}  // namespace belay::agents
