#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "agent/jobs/JobRunner.h"

namespace belay::jobs {

/// A file of a job that grows with what a pipe gives, up to a bound. What does not fit
/// is counted, so that the job neither waits nor dies for its output. The file is made with the
/// first byte.
///
/// Threads:    the only thread of the supervisor.
/// Errors:     after the first failed write the file stays as it is, a true beginning of the
/// output; error() says why. Durability: sync().
class BoundedFile {
 public:
  BoundedFile(int folderFd, std::string name, std::uint64_t bytesMax)
      : folderFd_(folderFd), name_(std::move(name)), bytesMax_(bytesMax) {}

  /// Returns how many bytes were kept.
  std::size_t append(const char* bytes, std::size_t count);
  void sync();

  std::uint64_t kept() const { return kept_; }
  std::uint64_t dropped() const { return dropped_; }
  int error() const { return error_; }

 private:
  const int folderFd_;
  const std::string name_;
  const std::uint64_t bytesMax_;
  int fd_ = -1;  // Open until the supervisor ends.
  std::uint64_t kept_ = 0;
  std::uint64_t dropped_ = 0;
  int error_ = 0;
};

/// One row of the file `order`, in the byte order of the host.
struct OrderRow {
  std::uint64_t bootMs;
  std::uint64_t offset;
  std::uint32_t length;
  std::uint32_t stream;  ///< 1 = stdout, 2 = stderr
};
static_assert(sizeof(OrderRow) == 24);

/// Writes in which order the two logs grew. Rows are only ever appended, so that whoever follows a
/// running job has seen a row for good. After kRowsMax rows the order is not recorded any more;
/// finish() then covers the rest of each log.
class OrderFile {
 public:
  static constexpr std::uint64_t kRowsMax = 1u << 18;

  OrderFile(int folderFd, std::string name) : folderFd_(folderFd), name_(std::move(name)) {}

  /// `length` bytes were added to the stream's log.
  void add(LogStream stream, std::uint64_t bootMs, std::size_t length);
  void finish(std::uint64_t bootMs);

 private:
  void write(std::uint32_t index, std::uint64_t bootMs);

  const int folderFd_;
  const std::string name_;
  int fd_ = -1;
  bool failed_ = false;
  std::uint64_t rows_ = 0;
  std::array<std::uint64_t, 2> length_{};   // Of each log.
  std::array<std::uint64_t, 2> covered_{};  // By rows.
};

}  // namespace belay::jobs
