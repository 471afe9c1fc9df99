#include "agent/jobs/JobLog.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace belay::jobs {

namespace {

constexpr std::size_t kHeldRowsMax = 64;

int createIn(int folderFd, const std::string& name) {
  return ::openat(folderFd, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  0600);
}

}  // namespace

std::size_t BoundedFile::append(const char* bytes, std::size_t count) {
  const std::size_t wanted = std::min<std::uint64_t>(count, bytesMax_ - kept_);
  std::size_t done = 0;
  if (!spilled_ && held_.size() + wanted > kHeldMax) spill();
  if (error_ == 0) {
    if (spilled_) {
      done = write(bytes, wanted);
    } else {
      held_.append(bytes, wanted);
      done = wanted;
    }
  }
  kept_ += done;
  dropped_ += count - done;
  return done;
}

void BoundedFile::spill() {
  if (spilled_) return;
  spilled_ = true;
  if (held_.empty()) return;
  if (write(held_.data(), held_.size()) == held_.size()) {
    held_.clear();
  } else if (fd_ >= 0) {
    // Readers look for the file first: half of it must not hide what the record will hold.
    ::unlinkat(folderFd_, name_.c_str(), 0);
  }
}

std::size_t BoundedFile::write(const char* bytes, std::size_t count) {
  std::size_t done = 0;
  if (count > 0 && fd_ < 0) {
    fd_ = createIn(folderFd_, name_);
    if (fd_ < 0) error_ = errno;
  }
  while (done < count && error_ == 0) {
    const ssize_t wrote = ::write(fd_, bytes + done, count - done);
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
    if (wrote < 0 && errno != EINTR) error_ = errno;
  }
  return done;
}

void BoundedFile::sync() {
  if (fd_ >= 0 && ::fdatasync(fd_) != 0 && error_ == 0) error_ = errno;
}

void OrderFile::add(LogStream stream, std::uint64_t bootMs, std::size_t length) {
  if (length == 0) return;
  const auto index = static_cast<std::uint32_t>(stream);
  length_[index] += length;
  if (rows_ < kRowsMax) cover(index, bootMs);
  if (spilled_ || held_.size() >= kHeldRowsMax) spill();
}

void OrderFile::spill() {
  spilled_ = true;
  if (held_.empty()) return;
  if (fd_ < 0) fd_ = createIn(folderFd_, name_);
  const std::size_t bytes = held_.size() * sizeof(OrderRow);
  // Only a help for reading: without the rest of it the two logs are still complete.
  if (fd_ < 0 || ::write(fd_, held_.data(), bytes) != static_cast<ssize_t>(bytes)) rows_ = kRowsMax;
  held_.clear();
}

void OrderFile::finish(std::uint64_t bootMs) {
  for (std::uint32_t index = 0; index < kLogStreams; ++index) cover(index, bootMs);
  if (spilled_ || (length_[0] > 0 && length_[1] > 0)) spill();
}

void OrderFile::cover(std::uint32_t index, std::uint64_t bootMs) {
  // A row's length has 32 bits; a log can be longer.
  while (covered_[index] < length_[index]) {
    const std::uint64_t length =
        std::min<std::uint64_t>(length_[index] - covered_[index], 1u << 30);
    held_.push_back({bootMs, covered_[index], static_cast<std::uint32_t>(length), index + 1});
    covered_[index] += length;
    ++rows_;
  }
}

}  // namespace belay::jobs
