#include "agent/jobs/JobLog.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace belay::jobs {

namespace {

int createIn(int folderFd, const std::string& name) {
  return ::openat(folderFd, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  0600);
}

}  // namespace

std::size_t BoundedFile::append(const char* bytes, std::size_t count) {
  std::size_t done = 0;
  const std::size_t wanted = std::min<std::uint64_t>(count, bytesMax_ - kept_);
  if (wanted > 0 && error_ == 0 && fd_ < 0) {
    fd_ = createIn(folderFd_, name_);
    if (fd_ < 0) error_ = errno;
  }
  while (done < wanted && error_ == 0) {
    const ssize_t wrote = ::write(fd_, bytes + done, wanted - done);
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
    if (wrote < 0 && errno != EINTR) error_ = errno;
  }
  kept_ += done;
  dropped_ += count - done;
  return done;
}

void BoundedFile::sync() {
  if (fd_ >= 0 && ::fdatasync(fd_) != 0 && error_ == 0) error_ = errno;
}

void OrderFile::add(LogStream stream, std::uint64_t bootMs, std::size_t length) {
  const std::uint32_t index = stream == LogStream::kStdout ? 0 : 1;
  length_[index] += length;
  if (rows_ < kRowsMax) write(index, bootMs);
}

void OrderFile::finish(std::uint64_t bootMs) {
  for (std::uint32_t index = 0; index < 2; ++index) write(index, bootMs);
}

void OrderFile::write(std::uint32_t index, std::uint64_t bootMs) {
  // A row's length has 32 bits; a log can be longer.
  while (covered_[index] < length_[index] && !failed_) {
    const std::uint64_t length =
        std::min<std::uint64_t>(length_[index] - covered_[index], 1u << 30);
    const OrderRow row{bootMs, covered_[index], static_cast<std::uint32_t>(length), index + 1};
    if (fd_ < 0) fd_ = createIn(folderFd_, name_);
    // Only a help for reading: without the rest of it the two logs are still complete.
    failed_ = fd_ < 0 || ::write(fd_, &row, sizeof row) != sizeof row;
    covered_[index] += length;
    ++rows_;
  }
}

}  // namespace belay::jobs
