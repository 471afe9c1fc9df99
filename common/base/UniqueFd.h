#pragma once

#include <utility>

namespace belay::base {

/// Owns one file descriptor and closes it.
///
/// Threads:   owner.
/// Ownership: move only; -1 means none.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  ~UniqueFd() noexcept { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

/// Lets this process have as many descriptors as its hard limit allows; the usual soft one is 1,024.
/// What it starts later inherits that. Where it may not be changed, it stays.
void raiseDescriptorLimit() noexcept;

}  // namespace belay::base
