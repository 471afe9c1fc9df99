#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "agent/jobs/JobRunner.h"
#include "common/base/Clock.h"

namespace belay::jobs {

struct JobRunnerSettings {
  std::string folder = {};  ///< <state>/jobs; made with mode 0700 where it is missing.
  /// argv of the program that calls runSpawner(kSpawnerSocketFd); the daemon gives
  /// {"/proc/self/exe", "spawner"}.
  std::vector<std::string> spawnerCommand = {};
  /// How long open() waits for the spawner of a daemon that was killed: it still works off what is
  /// in its socket.
  std::chrono::milliseconds lockWait{5000};
  std::size_t runningMax = 1024;  ///< Jobs at a time; start() says kBusy above it.
  /// Folder of the cgroup v2 tree that this host delegated to Belay; empty = none, trees are killed
  /// by the sweep.
  std::string cgroupFolder = {};
  /// argv of a program that calls runNursery(kSpawnerSocketFd): then it is started instead, at
  /// once, and all that this process ever executes.
  std::vector<std::string> nurseryCommand = {};
  /// Where a spawner with privileges listens: then nothing is started.
  std::string spawnerSocket = {};
};

/// Real jobs: files in `settings.folder`, supervisors forked by a spawner process.
///
/// When the spawner dies, the next start() makes a new one; running jobs do not notice.
class PosixJobRunner final : public JobRunner {
 public:
  /// Errors: kIo, kStateFolderUnsafe; kAlreadyRunning when another daemon uses the folder;
  /// kJobSpawn when the spawner cannot be started.
  static base::Result<std::unique_ptr<PosixJobRunner>> open(JobRunnerSettings settings,
                                                            const base::Clock& clock);
  ~PosixJobRunner() override;

  JobMechanisms mechanisms() const override;
  base::Result<std::vector<base::JobId>> strays() override;

  base::Status start(const JobSpec& spec) override;
  base::Result<Adoption> adopt(const base::JobId& id, std::string_view intentBootId) override;
  base::Status cancel(const base::JobId& id, std::chrono::milliseconds grace) override;
  int wakeFd() const override;
  std::vector<base::JobId> takeEnded() override;
  base::Result<JobOutcome> collect(const base::JobId& id) override;
  base::Result<std::string> readLog(const base::JobId& id, LogStream stream, std::uint64_t offset,
                                    std::size_t bytesMax) override;
  std::string lastProgress(const base::JobId& id) override;
  base::Result<base::UniqueFd> openLog(const base::JobId& id, LogStream stream) override;
  base::Result<base::UniqueFd> openFile(const base::JobId& id, std::size_t number) override;
  base::Result<std::vector<LogSpan>> readLogOrder(const base::JobId& id, std::size_t skip,
                                                  std::size_t spansMax) override;
  base::Status remove(const base::JobId& id) override;
  base::Result<std::size_t> removeEnded(std::int64_t beforeWallMs, std::size_t filesMax) override;

 private:
  struct State;
  explicit PosixJobRunner(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace belay::jobs
