#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/JobRequest.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

/// A reply of the spawner, with the pidfd of the supervisor if there is one.
struct ReceivedReply {
  SpawnerReply reply{};
  base::UniqueFd pidfd;
};

/// The daemon's end of a spawner process: starts it, sends requests, takes replies.
///
/// Threads:   the owner thread only.
/// Ownership: closing it ends the spawner, and no supervisor.
class SpawnerLink {
 public:
  /// Starts `command` with an empty environment; the socket is descriptor kSpawnerSocketFd,
  /// `lockedFolder` the next one. Waits a bounded time for its hello. Errors: kJobSpawn.
  static base::Result<std::unique_ptr<SpawnerLink>> start(const std::vector<std::string>& command,
                                                          int lockedFolder);
  /// The same with one that a nursery made.
  static base::Result<std::unique_ptr<SpawnerLink>> adopt(base::UniqueFd socket);
  /// The same with a spawner that the service manager starts for each connection to `socketPath`.
  static base::Result<std::unique_ptr<SpawnerLink>> connect(const std::string& socketPath,
                                                            int lockedFolder);
  ~SpawnerLink();
  SpawnerLink(const SpawnerLink&) = delete;
  SpawnerLink& operator=(const SpawnerLink&) = delete;

  /// Sends one request; `stdinFd` is -1 for none. Waits a bounded time for space in the socket.
  /// Errors: kBusy, kIo; then nothing was sent.
  base::Status send(std::uint64_t ticket, std::string_view payload, int stdinFd,
                    RequestKind kind = RequestKind::kJob);

  /// The next reply, without waiting; nothing when there is none now.
  std::optional<ReceivedReply> receive();
  /// True once the spawner has ended: there will be no more replies.
  bool broken() const { return broken_; }
  /// Whether it may run jobs as other users than its own.
  bool mayBecomeOthers() const { return mayBecomeOthers_; }
  /// The cgroup folder that it was given, or empty.
  const std::string& cgroupFolder() const { return cgroupFolder_; }
  /// Readable when receive() has something to say.
  int fd() const { return socket_.get(); }

 private:
  SpawnerLink(base::UniqueFd socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}

  base::Status takeHello();
  base::Status sendParts(std::span<iovec> parts, std::span<const int> descriptors);

  base::UniqueFd socket_;
  const pid_t pid_;  ///< -1: not a child of this process.
  bool broken_ = false;
  bool mayBecomeOthers_ = false;
  std::string cgroupFolder_;
};

/// Anonymous memory that holds `content`, read from its beginning, and that nobody can change.
/// Errors: kIo.
base::Result<base::UniqueFd> sealedMemory(std::string_view content);

}  // namespace belay::jobs
