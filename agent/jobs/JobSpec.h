#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/jobs/JobProfile.h"
#include "common/base/Ids.h"
#include "common/base/Result.h"

namespace belay::jobs {

/// Bounds that the kernel puts on each process of a job; core dumps are always off. Nothing = as
/// the host has it.
struct JobLimits {
  std::optional<std::uint64_t> addressSpaceBytes;  ///< RLIMIT_AS
  std::optional<std::uint64_t>
      processes;  ///< RLIMIT_NPROC: counts the uid's processes, and does not bind root.
  std::optional<std::uint64_t> openFiles;   ///< RLIMIT_NOFILE
  std::optional<std::uint64_t> fileBytes;   ///< RLIMIT_FSIZE
  std::optional<std::uint64_t> cpuSeconds;  ///< RLIMIT_CPU
  // Of the whole tree, by its cgroup; nothing where the job has none.
  std::optional<std::uint64_t> treeMemoryBytes;
  std::optional<std::uint64_t> treeProcesses;
};

/// What a job is to do, rendered completely: no expression and no name of a secret is left in it.
///
/// Nothing of it is written to disk, but `script`: it travels to the supervisor through a socket,
/// so that the value of a secret is only ever in memory and in the environment of the job itself.
struct JobSpec {
  base::JobId id;

  /// Either argv (command[0] with a slash, or looked up in the PATH of `environment`) …
  std::vector<std::string> command;
  /// … or a constant script: kept in a file of the job, whose path is appended to `shell`.
  std::string script;
  std::vector<std::string> shell = {"/bin/sh", "-e"};

  std::string workFolder;  ///< Absolute; must exist.

  /// The whole environment of the job, but BELAY_JOB_ID, BELAY_RESULT_FD, BELAY_JOB_FD and
  /// BELAY_JOB_DIR, which are added. Nothing is inherited.
  std::vector<std::pair<std::string, std::string>> environment;

  /// Names and values of the secrets that it is given, in whatever way: its supervisor masks them in
  /// all that it keeps of the job.
  std::vector<std::pair<std::string, std::string>> secrets;

  // At most one of these; /dev/null without them.
  std::string stdinText;
  std::string stdinPath;  ///< Absolute; opened by the daemon without following a link in the last
                          ///< component.

  /// On the boot clock (CLOCK_BOOTTIME). The supervisor itself enforces it, also while no daemon
  /// runs.
  std::optional<std::chrono::milliseconds> deadline;
  std::chrono::milliseconds grace{5000};  ///< Between SIGTERM and the kill of the whole tree.

  std::uint64_t logBytesMax =
      64u << 20;  ///< Of each stream; what comes after is drained and counted, not kept.
  std::uint64_t resultBytesMax = 1u << 20;  ///< Of a result, whichever way it comes.

  /// Files to keep when it has ended: below `collectFolder`, opened as the job's user.
  std::vector<std::string> collect;
  std::string collectFolder;  ///< Absolute; empty: the work folder.
  std::uint64_t filesBytesMax = 256u << 20;  ///< Of these and those that it hands over, together.
  /// What payload.json and context.json of BELAY_JOB_DIR hold; no such folder where both are empty.
  std::string payload;
  std::string context;
  JobLimits limits;

  std::optional<std::uint32_t> user;   ///< Run as this uid; the daemon's own without it.
  std::optional<std::uint32_t> group;  ///< With `user`; supplementary groups are dropped.
  JobCell cell;                        ///< A profile above kBare needs `user`.
};

/// Refuses what could not be passed on byte by byte: NUL, names that are not
/// [A-Za-z_][A-Za-z0-9_]*, names given twice, relative folders, no command, command and script
/// both, more than 4,096 arguments or variables, more than 1 MiB of arguments and environment, a
/// collected path beyond its folder, a string of 128 KiB or more (the kernel's bound). Errors:
/// kInvalidArgument, kLimit; the value of a variable is never part of a message.
base::Status checkJobSpec(const JobSpec& spec);

}  // namespace belay::jobs
