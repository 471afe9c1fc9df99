#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/jobs/JobOutcome.h"
#include "common/base/Result.h"

namespace belay::jobs {

// The record of a job: a file of at most two lines. A supervisor writes the claim when it takes the
// job, before anything of it runs, and the exit record when its whole tree is dead.
//
// Why one file and no renames: creating and syncing one file is all that the disk has to do for a
// job, and the room for the second line is there before the job runs. A line that was written by
// half is no JSON and has no end of line, so it counts as not written.

inline constexpr std::size_t kRecordBytesMax = 32 * 1024;

/// Who took a job.
struct ClaimRecord {
  std::string bootId;
  pid_t pid = 0;  ///< Of the supervisor.
  std::uint64_t startTime =
      0;  ///< Of the supervisor, in clock ticks since boot: with the pid it names one process.
  std::string cgroup;      ///< The job's own cgroup folder, or empty.
  std::int64_t user = -1;  ///< Whom nothing but jobs is, where the job is such a user.
  /// The layout that its supervisor works with (kRequestLayout). One of another binary than the
  /// daemon's is adopted all the same: both only know the files of jobs.
  std::int64_t supervisor = 1;
};

std::string printClaimRecord(const ClaimRecord& record);
/// Errors: kJobSpec.
base::Result<ClaimRecord> parseClaimRecord(std::string_view line);

/// What is readable of a record; a claim that is not whole means that nothing of the job ever ran.
struct JobRecord {
  std::optional<ClaimRecord> claim;
  std::optional<ExitRecord> exit;  ///< Never without a claim.
  std::string damage;              ///< Why a line was passed over, or empty.
};
JobRecord parseJobRecord(std::string_view text);

/// The name of supervisors in lists of processes.
inline constexpr const char* kSupervisorName = "belay-job";

/// What /proc says about a process.
struct ProcessStat {
  bool namedSupervisor = false;  ///< Its name is kSupervisorName; anybody can call itself so.
  char state = '?';
  pid_t parent = 0;
  std::uint64_t threads = 0;
  std::uint64_t startTime = 0;

  /// A process whose first thread has ended looks like a zombie, and goes on in its others.
  bool ended() const { return (state == 'Z' || state == 'X') && threads <= 1; }
};

/// Nothing when there is no such process. `procName` is a pid, or "self".
std::optional<ProcessStat> readProcessStat(const char* procName);
/// Reads the text of /proc/PID/stat: the name in it can hold spaces, parentheses and newlines.
std::optional<ProcessStat> parseProcessStat(std::string_view text);

}  // namespace belay::jobs
