#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/jobs/JobRunner.h"

namespace belay::jobs {

/// What a pipe of a job gives, up to a bound; what does not fit is counted, so that the job neither
/// waits nor dies for its output.
///
/// A short output is held in memory, and becomes part of the exit record when the job ends soon:
/// then no file is made and synced for it. spill() moves it to its file, and everything after it
/// goes there.
///
/// Threads:    the only thread of the supervisor.
/// Errors:     after the first failed write the kept bytes stay as they are, a true beginning;
/// error() says why. Durability: sync().
class BoundedFile {
 public:
  static constexpr std::size_t kHeldMax = 4096;

  BoundedFile(int folderFd, std::string name, std::uint64_t bytesMax)
      : folderFd_(folderFd), name_(std::move(name)), bytesMax_(bytesMax) {}

  /// Returns how many bytes were kept.
  std::size_t append(const char* bytes, std::size_t count);
  void spill();
  void sync();

  /// All that was kept, if it is not in the file.
  const std::string& held() const { return held_; }
  std::uint64_t kept() const { return kept_; }
  std::uint64_t dropped() const { return dropped_; }
  int error() const { return error_; }

 private:
  std::size_t write(const char* bytes, std::size_t count);

  const int folderFd_;
  const std::string name_;
  const std::uint64_t bytesMax_;
  int fd_ = -1;  // Open until the supervisor ends.
  bool spilled_ = false;
  std::string held_;
  std::uint64_t kept_ = 0;
  std::uint64_t dropped_ = 0;
  int error_ = 0;
};

/// One row of the file `order`, in the byte order of the host.
struct OrderRow {
  std::uint64_t bootMs;
  std::uint64_t offset;
  std::uint32_t length;
  std::uint32_t stream;  ///< 1 = stdout, 2 = stderr, 3 = progress
};
static_assert(sizeof(OrderRow) == 24);

/// Writes in which order the logs grew. Rows are only ever appended, so that whoever follows a
/// running job has seen a row for good. After kRowsMax rows the order is not recorded any more;
/// finish() then covers the rest of each log.
///
/// Rows are held in memory until spill(). A job that ends before, and wrote to one stream only,
/// gets no file: its order is plain.
class OrderFile {
 public:
  static constexpr std::uint64_t kRowsMax = 1u << 18;

  OrderFile(int folderFd, std::string name) : folderFd_(folderFd), name_(std::move(name)) {}

  /// `length` bytes were added to the stream's log.
  void add(LogStream stream, std::uint64_t bootMs, std::size_t length);
  void spill();
  void finish(std::uint64_t bootMs);

 private:
  void cover(std::uint32_t index, std::uint64_t bootMs);

  const int folderFd_;
  const std::string name_;
  int fd_ = -1;
  bool spilled_ = false;
  std::vector<OrderRow> held_;  // Not yet in the file.
  std::uint64_t rows_ = 0;
  std::array<std::uint64_t, kLogStreams> length_{};   // Of each log.
  std::array<std::uint64_t, kLogStreams> covered_{};  // By rows.
};

}  // namespace belay::jobs
