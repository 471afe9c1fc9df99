#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/jobs/JobLog.h"
#include "agent/jobs/JobRequest.h"
#include "common/redaction/Redactor.h"

namespace belay::jobs {

/// Finds the secrets that a job was given; null where there are none.
/// Sharers: all that a supervisor writes.
std::shared_ptr<const redaction::Redactor> makeRedactor(const JobRequest& request);

/// What a pipe of a job gives, with the secrets of the job masked before a byte is kept.
///
/// What may be the beginning of a secret waits for what follows. Of a pipe that has been quiet for
/// kQuietMs, a few bytes of that are let go (RedactingStream::release), so that a prompt is seen.
///
/// Threads: the only thread of the supervisor.
/// Units:   milliseconds of the boot clock.
class MaskedFile {
 public:
  static constexpr std::int64_t kQuietMs = 300;

  MaskedFile(int folderFd, std::string name, std::uint64_t bytesMax,
             const std::shared_ptr<const redaction::Redactor>& redactor);

  // Each returns how many bytes were kept by it.
  std::size_t append(const char* bytes, std::size_t count, std::int64_t nowMs);
  std::size_t releaseWhenDue(std::int64_t nowMs);
  std::size_t finish();

  /// When releaseWhenDue() wants to be called; -1: not.
  std::int64_t releaseAtMs() const { return releaseAtMs_; }
  /// Whether anything has come.
  bool given() const { return given_; }
  BoundedFile& file() { return file_; }

 private:
  std::size_t keep(const std::string& text) { return file_.append(text.data(), text.size()); }

  BoundedFile file_;
  std::optional<redaction::RedactingStream> stream_;  // None: nothing is to be masked.
  std::int64_t releaseAtMs_ = -1;
  bool given_ = false;
};

}  // namespace belay::jobs
