#pragma once

#include <cstdint>
#include <string>

#include "common/base/Result.h"

namespace belay::journal {

/// Disk space that is kept for the day when there is none: a file of allocated blocks beside the
/// journal. Given up on a full disk, so that cancel, approve and prune still commit.
///
/// Threads: owner.
/// Durability: none needed; a reserve that a crash has lost is taken again at the next start.
class Reserve {
 public:
  /// Nothing is done yet. `bytes` 0: there is no reserve, take() and release() do nothing.
  Reserve(std::string path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {}

  /// Makes sure that the reserve is there. Errors: kDiskFull (the file is then removed), kIo.
  base::Status take();
  /// Gives the space back; for the process, never an error: a full disk stays full.
  void release() noexcept;
  /// True when the disk has room for the reserve and as much again.
  bool hasRoom() const;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  const std::uint64_t bytes_;
};

}  // namespace belay::journal
