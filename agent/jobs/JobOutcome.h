#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/KeptFiles.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::jobs {

/// How the main process of a job ended.
enum class JobEnd {
  kExited,       ///< With `exitCode`.
  kSignalled,    ///< By `signal`.
  kSpawnFailed,  ///< Nothing ran: see `spawnStage` and `spawnErrno`.
};

/// Who ended it, where somebody did.
enum class JobKiller { kNobody, kDeadline, kCancel };

/// What the supervisor writes when the whole tree is dead: the second line of a job's record.
///
/// Units: bytes; milliseconds of wall and boot clock.
struct ExitRecord {
  JobEnd end = JobEnd::kExited;
  int exitCode = 0;
  int signal = 0;
  bool coreDumped = false;
  JobKiller killedBy = JobKiller::kNobody;

  std::string spawnStage;  ///< "exec", "work folder", "user", …
  std::string spawnWhat;   ///< The path that was meant.
  int spawnErrno = 0;

  std::string bootId;
  std::int64_t startedWallMs = 0;
  std::int64_t endedWallMs = 0;
  std::int64_t startedBootMs = 0;
  std::int64_t endedBootMs = 0;
  std::int64_t cpuMs = 0;             ///< Of all processes of the tree that were waited for.
  std::int64_t residentBytesMax = 0;  ///< Of the largest process of the tree.

  std::uint64_t stdoutBytes = 0;  ///< In the log; what was written is this and what was dropped.
  std::uint64_t stderrBytes = 0;
  std::uint64_t stdoutDropped = 0;
  std::uint64_t stderrDropped = 0;
  std::uint64_t resultBytes = 0;
  // All of it where it was short and the job did not last; else it is in a file.
  std::string stdoutHeld;
  std::string stderrHeld;
  std::string resultHeld;
  bool resultTooLarge = false;
  bool resultTwice = false;  ///< It gave more than one.
  std::size_t files = 0;     ///< That it left, those that could not be kept too.
  int logErrno = 0;  ///< Why output was dropped, where the disk was the reason (ENOSPC, EIO).
  std::uint32_t leftoverKilled = 0;  ///< Descendants that were alive when the main process ended.
  std::uint32_t unkillable =
      0;  ///< Processes that SIGKILL did not end in time (uninterruptible sleep).
};

/// Reads a record that this program wrote; strict, because a damaged record must be `lost` and
/// never a guess. Errors: kJobSpec.
base::Result<ExitRecord> parseExitRecord(std::string_view text);
std::string printExitRecord(const ExitRecord& record);

/// A job that has ended: its record, its result, and the beginning of its output.
struct JobOutcome {
  ExitRecord record;
  /// What came by one of the ways for results. Nothing when nothing came.
  std::optional<json::Value> result;
  std::vector<KeptFile> files;  ///< That it handed over, or that were collected.
  /// kJobResultTwice; kJobResult, where something came that is not one JSON text within its bound. The log is never
  /// read for results.
  std::optional<base::Error> resultError;
  std::string
      stdoutHead;  ///< At most kLogHeadBytesMax, cut between UTF-8 characters where it is UTF-8.
  std::string stderrHead;

  std::int64_t durationMs() const { return record.endedBootMs - record.startedBootMs; }
};

inline constexpr std::size_t kLogHeadBytesMax = 64 * 1024;

/// The verdict on a job, as an error of its step: kJobSpawn (nothing ran), kStepTimeout,
/// kCancelled, kJobSignalled, kStepExitCode (not in `okExitCodes`), kJobResult, kJobResultTwice; in
/// this order.
base::Status judge(const JobOutcome& outcome, std::span<const int> okExitCodes);

}  // namespace belay::jobs
