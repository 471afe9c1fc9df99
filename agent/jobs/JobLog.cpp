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

void OrderFile::add(LogStream stream, std::uint64_t bootMs, std::uint64_t offset,
                    std::size_t length) {
  if (length == 0 || rows_ == kRowsMax) return;
  const std::uint32_t number = stream == LogStream::kStdout ? 1 : 2;
  const bool follows = rows_ > 0 && last_.stream == number && bootMs - last_.bootMs < kMergeMs &&
                       last_.offset + last_.length == offset && last_.length < (1u << 30);
  if (follows) {
    last_.length += static_cast<std::uint32_t>(length);
  } else {
    last_ = {bootMs, offset, static_cast<std::uint32_t>(length), number};
    ++rows_;
  }
  if (fd_ < 0) fd_ = createIn(folderFd_, name_);
  if (fd_ < 0) return;
  // Only a help for reading: without the rest of it the two logs are still complete.
  const auto at = static_cast<off_t>((rows_ - 1) * sizeof last_);
  if (::pwrite(fd_, &last_, sizeof last_, at) != sizeof last_) rows_ = kRowsMax;
}

}  // namespace belay::jobs
