#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/JobOutcome.h"
#include "agent/jobs/JobRecord.h"
#include "agent/jobs/JobRunner.h"
#include "common/base/Ids.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

// The files of jobs, all in one folder: ID.SUFFIX. Supervisors and daemon meet nowhere else after
// the start. An id has no dot, so the names cannot collide. Daemon-less readers (`belay run logs`
// when none runs) use this too.
//
//   record            who took the job, how it ended, and its output where it was short
//   stdout stderr     the logs; like all below made only when there is something to put into
//   progress          what it said of its progress
//   order             in which order the logs grew
//   result            what came through the result descriptor
//   script            the text of a script, for its shell
//   files file-N      which files it left, and these
//   dir               a folder: what it finds and leaves in files, while it runs (JobFolder.h)
//
// Threads: any. Errors: kIo, with the name of the file.

inline constexpr std::string_view kRecordSuffix = ".record";
inline constexpr std::string_view kStdoutSuffix = ".stdout";
inline constexpr std::string_view kStderrSuffix = ".stderr";
inline constexpr std::string_view kProgressSuffix = ".progress";
inline constexpr std::string_view kOrderSuffix = ".order";
inline constexpr std::string_view kResultSuffix = ".result";
inline constexpr std::string_view kScriptSuffix = ".script";
inline constexpr std::string_view kFilesSuffix = ".files";
inline constexpr std::string_view kFilePrefix = ".file-";
inline constexpr std::string_view kFolderSuffix = ".dir";

std::string jobFile(std::string_view id, std::string_view suffix);

/// Nothing when there is no record.
base::Result<std::optional<JobRecord>> readRecord(int jobsFd, const base::JobId& id);

/// Puts result and heads of the logs to a record.
base::Result<JobOutcome> readOutcome(int jobsFd, const base::JobId& id, const ExitRecord& record);

/// At most `bytesMax` bytes from `offset`; empty when the log is shorter, or was never made.
base::Result<std::string> readLogPiece(int jobsFd, const base::JobId& id, LogStream stream,
                                       std::uint64_t offset, std::size_t bytesMax);

/// The last line that the job said of its progress, without its end; empty: none.
std::string readLastProgress(int jobsFd, const base::JobId& id);

/// The whole log, from its beginning; an empty one where nothing was written.
base::Result<base::UniqueFd> openLogFile(int jobsFd, const base::JobId& id, LogStream stream);

/// A file that an outcome names.
base::Result<base::UniqueFd> openKeptFile(int jobsFd, const base::JobId& id, std::size_t number);

/// Rows of the order, from the `skip`-th on.
/// Errors: kJobSpec, when a row is damaged.
base::Result<std::vector<LogSpan>> readOrder(int jobsFd, const base::JobId& id, std::size_t skip,
                                             std::size_t spansMax);

/// Removes all files of a job that does not run; the record last, because without it the job has
/// never been.
base::Status removeFiles(int jobsFd, const base::JobId& id);

/// `text` without a UTF-8 character that was cut at its end.
std::string_view withoutCutCharacter(std::string_view text);

}  // namespace belay::jobs
