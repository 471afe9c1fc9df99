#include "agent/scrub/FileScrub.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/Files.h"

namespace belay::scrub {

using base::Result;
using base::Status;

namespace {

constexpr std::size_t kWindowBytes = 1u << 20;
constexpr std::size_t kDigestBytes = 64;

}  // namespace

Status writeAt(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return base::errnoError(errno, "overwrite a value");
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
    offset += static_cast<std::uint64_t>(wrote);
  }
  return {};
}

Result<std::string_view> MaskedReader::next() {
  buffer_.erase(0, piece_);
  offset_ += piece_;
  // Two forms: one that begins in the piece, and another that lies over its end.
  const std::size_t margin = 2 * std::max(values_.longest(), kDigestBytes);
  while (!atEnd_ && buffer_.size() < kWindowBytes + margin) {
    const std::size_t had = buffer_.size();
    buffer_.resize(kWindowBytes + margin);
    const ssize_t got = ::pread(fd_, buffer_.data() + had, buffer_.size() - had,
                                static_cast<off_t>(offset_ + had));
    buffer_.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0 && errno != EINTR) return base::errnoError(errno, "read a file to be scrubbed");
    atEnd_ = got == 0;
  }
  piece_ = atEnd_ ? buffer_.size() : buffer_.size() - margin;
  const std::size_t found = values_.overwrite({buffer_.data(), buffer_.size()}, piece_);
  changed_ = found > 0;
  found_ += found;
  if (names_)
    renamed_ += journal::renameContents(*names_, {buffer_.data(), buffer_.size()}, piece_);
  return std::string_view(buffer_).substr(0, piece_);
}

Result<std::uint64_t> countIn(int fd, const redaction::Redactor& values) {
  MaskedReader reader(fd, values);
  while (true) {
    BELAY_ASSIGN(const std::string_view piece, reader.next());
    if (piece.empty()) return reader.found();
  }
}

Result<std::uint64_t> overwriteIn(int fd, const redaction::Redactor& values) {
  MaskedReader reader(fd, values);
  while (true) {
    BELAY_ASSIGN(const std::string_view piece, reader.next());
    if (reader.changed()) BELAY_TRY(writeAt(fd, reader.known(), reader.offset()));
    if (piece.empty()) break;
  }
  if (reader.found() > 0 && ::fsync(fd) != 0) return base::errnoError(errno, "sync a scrubbed file");
  return reader.found();
}

}  // namespace belay::scrub
