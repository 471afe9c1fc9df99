#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace belay::test {

/// What this program asks of the disk, in order: "sync NAME" and "rename NAME", with the last part
/// of the path. The functions of the C library below are replaced in the whole program by ones that
/// note the call, while a test wants it, and make it. For one source file of a test program.
///
/// Threads: one.
class SyncLog {
 public:
  SyncLog() { active() = this; }
  ~SyncLog() { active() = nullptr; }
  SyncLog(const SyncLog&) = delete;
  SyncLog& operator=(const SyncLog&) = delete;

  const std::vector<std::string>& lines() const { return lines_; }

  static SyncLog*& active() {
    static SyncLog* active = nullptr;
    return active;
  }
  void note(std::string_view what, std::string_view path) {
    lines_.push_back(std::string(what) + " " + std::string(path.substr(path.rfind('/') + 1)));
  }
  void noteSync(int fd) {
    std::array<char, 4096> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
    note("sync", {path.data(), length > 0 ? static_cast<std::size_t>(length) : 0});
  }

 private:
  std::vector<std::string> lines_;
};

}  // namespace belay::test

extern "C" int fsync(int fd) {
  if (auto* log = belay::test::SyncLog::active()) log->noteSync(fd);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int rename(const char* from, const char* to) noexcept {
  if (auto* log = belay::test::SyncLog::active()) log->note("rename", to);
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
