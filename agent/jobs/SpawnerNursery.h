#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/Result.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

/// A process that makes spawners by forking. It is started before the daemon gives up to execute
/// anything, so that a spawner that died can still be replaced.
///
/// Threads:   the owner thread only.
/// Ownership: closing it ends the process, and no spawner.
class SpawnerNursery {
 public:
  /// Starts `command` with an empty environment. Errors: kJobSpawn.
  static base::Result<std::unique_ptr<SpawnerNursery>> start(
      const std::vector<std::string>& command);
  ~SpawnerNursery();
  SpawnerNursery(const SpawnerNursery&) = delete;
  SpawnerNursery& operator=(const SpawnerNursery&) = delete;

  /// Has a spawner made; returns the daemon's end of its socket. Errors: kJobSpawn when the process
  /// has ended, kIo.
  base::Result<base::UniqueFd> makeSpawner(int lockedFolder);

 private:
  SpawnerNursery(base::UniqueFd socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}

  base::UniqueFd socket_;
  const pid_t pid_;
};

/// Starts `command` with an empty environment and `socket` as descriptor 3; `folder`, if it is not
/// -1, as the next one. Errors: kJobSpawn.
base::Result<pid_t> startProgram(const std::vector<std::string>& command, int socket, int folder);

/// The body of `belay spawner --nursery`: forks a spawner for each pair of socket and folder that
/// comes through `socketFd`, until the other end is closed. Returns the exit code.
int runNursery(int socketFd);

}  // namespace belay::jobs
