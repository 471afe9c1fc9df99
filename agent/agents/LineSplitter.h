#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace belay::agents {

/// Cuts a stream into lines. A line over the bound is dropped whole, so that one process cannot
/// make another one hold what it likes.
///
/// Threads: owner.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t lineBytesMax) : lineBytesMax_(lineBytesMax) {}

  void add(std::string_view bytes);
  /// The next whole line without its end, valid until the next call; false: there is none yet.
  bool next(std::string_view& line);
  /// The stream has ended: what stands without an end is a line, too.
  void finish();
  /// Lines that were dropped.
  std::int64_t dropped() const { return dropped_; }

 private:
  const std::size_t lineBytesMax_;
  std::string buffer_;
  std::size_t at_ = 0;       // Where the next line begins.
  std::size_t scanned_ = 0;  // No line ends before here.
  bool dropping_ = false;
  std::int64_t dropped_ = 0;
};

}  // namespace belay::agents
