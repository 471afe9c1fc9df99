#include "agent/jobs/JobFiles.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "agent/jobs/JobLog.h"
#include "agent/jobs/KeptFiles.h"
#include "agent/jobs/SpawnerLink.h"
#include "common/base/Files.h"
#include "common/base/UniqueFd.h"
#include "common/json/Json.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::JobId;
using base::Result;
using base::Status;
using base::UniqueFd;

namespace {

std::string logFile(const JobId& id, LogStream stream) {
  constexpr std::array kSuffixes{kStdoutSuffix, kStderrSuffix, kProgressSuffix};
  return jobFile(id.str(), kSuffixes[static_cast<std::size_t>(stream)]);
}

/// Without O_NOATIME the first read of a fresh file writes its inode, and waits for the file
/// system's journal.
UniqueFd openForReading(int jobsFd, const std::string& name) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  UniqueFd fd(::openat(jobsFd, name.c_str(), kFlags | O_NOATIME));
  if (!fd.valid() && errno == EPERM) fd.reset(::openat(jobsFd, name.c_str(), kFlags));
  return fd;
}

/// Fills `out` from `offset`; returns how much there was; nothing when there is no such file.
Result<std::optional<std::size_t>> readAt(int jobsFd, const std::string& name, std::uint64_t offset,
                                          char* out, std::size_t bytesMax) {
  const UniqueFd fd = openForReading(jobsFd, name);
  if (!fd.valid()) {
    if (errno == ENOENT) return std::optional<std::size_t>{};
    return base::errnoError(errno, "open " + name);
  }
  std::size_t done = 0;
  while (done < bytesMax) {
    const auto at = static_cast<off_t>(std::min<std::uint64_t>(offset + done, INT64_MAX));
    const ssize_t got = ::pread(fd.get(), out + done, bytesMax - done, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::errnoError(errno, "read " + name);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return std::optional<std::size_t>(done);
}

std::string_view piece(const std::string& whole, std::uint64_t offset, std::size_t bytesMax) {
  return std::string_view(whole).substr(std::min<std::uint64_t>(offset, whole.size()), bytesMax);
}

/// What the exit record holds of a log whose file is not there; empty when the job has not ended.
Result<std::string> heldLog(int jobsFd, const JobId& id, LogStream stream) {
  BELAY_ASSIGN(auto record, readRecord(jobsFd, id));
  if (!record || !record->exit || stream == LogStream::kProgress) return std::string();
  return std::move(stream == LogStream::kStdout ? record->exit->stdoutHeld
                                                : record->exit->stderrHeld);
}

/// Of a job that ended before its order was worth a file.
Result<std::vector<LogSpan>> plainOrder(int jobsFd, const JobId& id, std::size_t skip,
                                        std::size_t spansMax) {
  std::vector<LogSpan> spans;
  BELAY_ASSIGN(const auto record, readRecord(jobsFd, id));
  if (!record || !record->exit || skip > 0 || spansMax == 0) return spans;
  const ExitRecord& exit = *record->exit;
  // At most one of the two has bytes.
  if (exit.stdoutBytes > 0)
    spans.push_back({exit.endedBootMs, LogStream::kStdout, 0, exit.stdoutBytes});
  if (exit.stderrBytes > 0)
    spans.push_back({exit.endedBootMs, LogStream::kStderr, 0, exit.stderrBytes});
  return spans;
}

Status readResult(int jobsFd, const JobId& id, JobOutcome& outcome) {
  const ExitRecord& record = outcome.record;
  const auto wrong = [&](const std::string& what) {
    outcome.resultError =
        Error{ErrorCode::kJobResult, "the result of job " + id.str() + " " + what};
    return Status{};
  };
  if (record.resultTwice) {
    outcome.resultError = Error{ErrorCode::kJobResultTwice,
                                "job " + id.str() + " gave more than one result",
                                {"give one, by one of the ways that there are"}};
    return {};
  }
  if (record.resultTooLarge) {
    return wrong("is larger than its bound of " + std::to_string(record.resultBytes) + " bytes");
  }
  if (record.resultBytes == 0) return {};
  std::string text = record.resultHeld;
  if (text.empty()) {
    text.resize(record.resultBytes);
    BELAY_ASSIGN(const auto got,
                 readAt(jobsFd, jobFile(id.str(), kResultSuffix), 0, text.data(), text.size()));
    if (!got || *got != text.size()) return wrong("is not whole");
  }
  auto parsed = json::parse(text, {.bytesMax = text.size(), .depthMax = 100});
  if (!parsed.ok()) return wrong("is not JSON: " + parsed.error().message);
  outcome.result = std::move(parsed).value();
  return {};
}

Result<std::string> readHead(int jobsFd, const JobId& id, LogStream stream,
                             const ExitRecord& record) {
  const bool isOut = stream == LogStream::kStdout;
  const std::uint64_t logBytes = isOut ? record.stdoutBytes : record.stderrBytes;
  const std::string& held = isOut ? record.stdoutHeld : record.stderrHeld;
  if (logBytes == held.size()) return held;
  const std::size_t wanted = std::min<std::uint64_t>(logBytes, kLogHeadBytesMax);
  BELAY_ASSIGN(std::string head, readLogPiece(jobsFd, id, stream, 0, wanted));
  if (head.size() < logBytes) head.resize(withoutCutCharacter(head).size());
  return head;
}

}  // namespace

std::string jobFile(std::string_view id, std::string_view suffix) {
  return std::string(id) + std::string(suffix);
}

std::string_view withoutCutCharacter(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? text.substr(0, text.size() - back) : text;
  }
  return text;
}

Result<std::optional<JobRecord>> readRecord(int jobsFd, const JobId& id) {
  std::string text(kRecordBytesMax, '\0');
  BELAY_ASSIGN(const auto got,
               readAt(jobsFd, jobFile(id.str(), kRecordSuffix), 0, text.data(), text.size()));
  if (!got) return std::optional<JobRecord>{};
  return std::optional<JobRecord>(parseJobRecord(std::string_view(text).substr(0, *got)));
}

Result<JobOutcome> readOutcome(int jobsFd, const JobId& id, const ExitRecord& record) {
  JobOutcome outcome;
  outcome.record = record;
  BELAY_TRY(readResult(jobsFd, id, outcome));
  BELAY_ASSIGN(outcome.stdoutHead, readHead(jobsFd, id, LogStream::kStdout, record));
  BELAY_ASSIGN(outcome.stderrHead, readHead(jobsFd, id, LogStream::kStderr, record));
  if (record.files > 0) {
    BELAY_ASSIGN(outcome.files, readKeptFiles(jobsFd, id.str()));
  }
  return outcome;
}

Result<std::string> readLogPiece(int jobsFd, const JobId& id, LogStream stream,
                                 std::uint64_t offset, std::size_t bytesMax) {
  std::string out(bytesMax, '\0');
  BELAY_ASSIGN(const auto got, readAt(jobsFd, logFile(id, stream), offset, out.data(), bytesMax));
  if (!got) {
    BELAY_ASSIGN(const std::string held, heldLog(jobsFd, id, stream));
    return std::string(piece(held, offset, bytesMax));
  }
  out.resize(*got);
  return out;
}

std::string readLastProgress(int jobsFd, const JobId& id) {
  const UniqueFd fd = openForReading(jobsFd, logFile(id, LogStream::kProgress));
  std::array<char, kCallTextMax + 2> tail;
  const off_t size = fd.valid() ? ::lseek(fd.get(), 0, SEEK_END) : 0;
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(tail.size()));
  const ssize_t got = size > 0 ? ::pread(fd.get(), tail.data(), tail.size(), from) : 0;
  std::string_view text(tail.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  text = text.substr(0, text.rfind('\n'));
  const std::size_t before = text.rfind('\n');
  return std::string(before == std::string_view::npos ? text : text.substr(before + 1));
}

Result<UniqueFd> openLogFile(int jobsFd, const JobId& id, LogStream stream) {
  const std::string name = logFile(id, stream);
  UniqueFd fd = openForReading(jobsFd, name);
  if (!fd.valid() && errno == ENOENT) {
    BELAY_ASSIGN(const std::string held, heldLog(jobsFd, id, stream));
    return sealedMemory(held);
  }
  if (!fd.valid()) return base::errnoError(errno, "open " + name);
  return fd;
}

Result<std::vector<LogSpan>> readOrder(int jobsFd, const JobId& id, std::size_t skip,
                                       std::size_t spansMax) {
  std::vector<OrderRow> rows(std::min<std::size_t>(spansMax, OrderFile::kRowsMax));
  BELAY_ASSIGN(
      const auto got,
      readAt(jobsFd, jobFile(id.str(), kOrderSuffix), std::uint64_t{skip} * sizeof(OrderRow),
             reinterpret_cast<char*>(rows.data()), rows.size() * sizeof(OrderRow)));
  if (!got) return plainOrder(jobsFd, id, skip, spansMax);
  rows.resize(*got / sizeof(OrderRow));
  std::vector<LogSpan> spans;
  spans.reserve(rows.size());
  for (const OrderRow& row : rows) {
    if (row.stream < 1 || row.stream > kLogStreams) {
      return Error{ErrorCode::kJobSpec,
                   "the order of the output of job " + id.str() + " is damaged"};
    }
    const auto stream = static_cast<LogStream>(row.stream - 1);
    spans.push_back({static_cast<std::int64_t>(row.bootMs), stream, row.offset, row.length});
  }
  return spans;
}

Result<UniqueFd> openKeptFile(int jobsFd, const JobId& id, std::size_t number) {
  const std::string name = keptFileName(id.str(), number);
  UniqueFd fd = openForReading(jobsFd, name);
  if (!fd.valid()) return base::errnoError(errno, "open " + name);
  return fd;
}

Status removeFiles(int jobsFd, const JobId& id) {
  const auto remove = [&](const std::string& name) -> Result<bool> {
    if (::unlinkat(jobsFd, name.c_str(), 0) == 0) return true;
    if (errno == ENOENT) return false;
    return base::errnoError(errno, "remove " + name);
  };
  const std::string list = jobFile(id.str(), kFilesSuffix);
  if (::faccessat(jobsFd, list.c_str(), F_OK, 0) == 0) {
    for (std::size_t number = 0; number < KeptFiles::kFilesMax; ++number) {
      BELAY_TRY(remove(keptFileName(id.str(), number)));
    }
  }
  // Its supervisor has removed it, unless that took too long.
  const std::string folder = jobFile(id.str(), kFolderSuffix);
  const bool gone = ::unlinkat(jobsFd, folder.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
  if (!gone && errno == ENOTDIR)
    BELAY_TRY(remove(folder));
  else if (!gone)
    BELAY_TRY(base::removeTree("/proc/self/fd/" + std::to_string(jobsFd) + "/" + folder));
  for (const std::string_view suffix : {kFilesSuffix, kStdoutSuffix, kStderrSuffix, kProgressSuffix,
                                        kOrderSuffix, kResultSuffix, kScriptSuffix, kRecordSuffix}) {
    BELAY_TRY(remove(jobFile(id.str(), suffix)));
  }
  return {};
}

}  // namespace belay::jobs
