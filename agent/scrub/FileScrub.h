#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/journal/JournalScrub.h"
#include "common/base/Result.h"
#include "common/redaction/Redactor.h"

namespace belay::scrub {

/// Reads a file from its beginning, with what stands there of some values masked by as many bytes.
///
/// Threads:   owner.
/// Ownership: both must outlive it.
/// Errors:    kIo.
class MaskedReader {
 public:
  /// With `names`, references to other contents follow those.
  MaskedReader(int fd, const redaction::Redactor& values,
               const journal::ContentNames* names = nullptr)
      : fd_(fd), values_(values), names_(names) {}

  /// The next piece, valid until the next call; empty: the end.
  base::Result<std::string_view> next();
  std::uint64_t found() const { return found_; }
  std::uint64_t renamed() const { return renamed_; }

  /// Where the last piece stands in the file, whether something was masked in it, and it with what
  /// is known of the bytes behind it.
  std::uint64_t offset() const { return offset_; }
  bool changed() const { return changed_; }
  std::string_view known() const { return buffer_; }

 private:
  const int fd_;
  const redaction::Redactor& values_;
  const journal::ContentNames* const names_;
  std::string buffer_;
  std::size_t piece_ = 0;  ///< Bytes of the last piece, at the front of buffer_.
  std::uint64_t offset_ = 0;
  std::uint64_t found_ = 0;
  std::uint64_t renamed_ = 0;
  bool changed_ = false;
  bool atEnd_ = false;
};

/// Writes all of it at `offset`. Errors: kIo.
base::Status writeAt(int fd, std::string_view bytes, std::uint64_t offset);

/// How often the values are in a file.
base::Result<std::uint64_t> countIn(int fd, const redaction::Redactor& values);
/// Masks them where they stand: what is written behind that meanwhile is left alone.
/// Durability: on disk on success.
base::Result<std::uint64_t> overwriteIn(int fd, const redaction::Redactor& values);

}  // namespace belay::scrub
