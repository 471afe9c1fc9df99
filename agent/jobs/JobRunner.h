#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/JobOutcome.h"
#include "agent/jobs/JobSpec.h"
#include "common/base/Ids.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

/// kProgress: what the job said by `belay job progress`, a line each.
enum class LogStream { kStdout, kStderr, kProgress };
inline constexpr std::size_t kLogStreams = 3;

/// A piece of output in the order in which it came: `length` bytes at `offset` of the stream's log.
struct LogSpan {
  std::int64_t bootMs = 0;
  LogStream stream = LogStream::kStdout;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What is known of a job whose end the journal does not have.
struct Adoption {
  enum class State {
    kRunning,     ///< It lives; takeEnded() will name it.
    kEnded,       ///< It has ended; collect() tells how.
    kNotStarted,  ///< It never ran and never will: start() may be called again with the same id.
    kLost,        ///< It may have run; how it ended cannot be known.
  };
  State state = State::kLost;
  std::string reason;               ///< Why it is lost.
  std::uint32_t orphansKilled = 0;  ///< Processes of a lost job that were found and killed.
};

/// What a runner can do for its jobs.
struct JobMechanisms {
  bool otherUsers = false;   ///< Jobs can run as other users than the spawner.
  std::string cgroupFolder;  ///< In which each job has a cgroup v2 of its own; empty: none has.
};

/// Starts jobs, finds them again, and tells how they ended.
///
/// A job lives under a supervisor of its own, which outlives the daemon. All that is known of it
/// after a restart comes from its files; nothing of it has to be in memory.
///
/// Threads:    the owner thread only (the loop). No method waits for a job.
/// Ownership:  a job belongs to its supervisor; destroying the runner ends none.
/// Durability: commit the intent (job id, boot id) before start(): adopt() needs nothing else to
/// decide.
class JobRunner {
 public:
  virtual ~JobRunner() = default;

  /// Hands the job to a supervisor. ok() means: takeEnded() will name this id, unless the daemon
  /// dies before. Errors: kInvalidArgument, kLimit (the spec), kConflict (the job has a folder:
  /// adopt() it), kBusy, kIo, kDiskFull;
  ///         with each of them nothing runs and nothing will.
  virtual base::Status start(const JobSpec& spec) = 0;

  /// Decides what became of a job that was intended during the boot `intentBootId`, and never
  /// guesses. After kNotStarted a request that is still under way can no longer start it.
  virtual base::Result<Adoption> adopt(const base::JobId& id, std::string_view intentBootId) = 0;

  /// Asks the supervisor to end the job: SIGTERM to its process group, after `grace` the kill of
  /// the whole tree. Returns at once; success too when the job has just ended. Errors: kNotFound,
  /// when no such job is running here.
  virtual base::Status cancel(const base::JobId& id, std::chrono::milliseconds grace) = 0;

  /// What holds now; while there is no spawner, what the last one said. Never waits.
  virtual JobMechanisms mechanisms() const { return {}; }

  /// The jobs of this boot that live, and that neither start() nor adopt() of this runner has seen.
  /// Reads the records of all jobs. Errors: kIo.
  virtual base::Result<std::vector<base::JobId>> strays() { return std::vector<base::JobId>(); }

  /// A descriptor for the loop's poll: readable when takeEnded() has something to do. It never
  /// changes; -1 in fakes.
  virtual int wakeFd() const = 0;

  /// The jobs whose supervisors have ended since the last call. Never waits.
  virtual std::vector<base::JobId> takeEnded() = 0;

  /// How an ended job ended; can be repeated until remove().
  /// Errors: kJobSpawn (nothing ran), kJobLost, kConflict (it still runs), kNotFound, kIo.
  virtual base::Result<JobOutcome> collect(const base::JobId& id) = 0;

  /// At most `bytesMax` bytes of a log from `offset`, while it runs and after; empty at its present
  /// end.
  virtual base::Result<std::string> readLog(const base::JobId& id, LogStream stream,
                                            std::uint64_t offset, std::size_t bytesMax) = 0;

  /// The last line that a job said of its progress, without its end; empty: none. Never fails.
  virtual std::string lastProgress(const base::JobId&) { return {}; }

  /// A log of an ended job, for a thread that reads all of it; empty where nothing was written.
  /// Errors: kIo.
  virtual base::Result<base::UniqueFd> openLog(const base::JobId& id, LogStream stream) = 0;

  /// A file that the job left, as its outcome names it, for a thread that reads all of it.
  /// Errors: kIo.
  virtual base::Result<base::UniqueFd> openFile(const base::JobId& id, std::size_t number) = 0;

  /// The order in which the streams were written, from the `skip`-th span on, at most `spansMax`.
  virtual base::Result<std::vector<LogSpan>> readLogOrder(const base::JobId& id, std::size_t skip,
                                                          std::size_t spansMax) = 0;

  /// Removes the files of a job that has ended, its logs too. Success when there is none.
  /// Errors: kConflict while it runs, kIo.
  virtual base::Status remove(const base::JobId& id) = 0;

  /// Removes jobs that ended before `beforeWallMs`. Looks at no more than `filesMax` files, and
  /// goes on there with the next call, so that a loop can call it when it is idle. Returns how many
  /// went.
  virtual base::Result<std::size_t> removeEnded(std::int64_t beforeWallMs,
                                                std::size_t filesMax) = 0;
};

}  // namespace belay::jobs
