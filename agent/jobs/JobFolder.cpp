#include "agent/jobs/JobFolder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "agent/jobs/BootClock.h"
#include "agent/jobs/Confinement.h"
#include "agent/jobs/Descriptors.h"
#include "agent/jobs/Landlock.h"
#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::jobs {

using base::UniqueFd;

namespace {

constexpr std::int64_t kOpenBoundMs = 20'000;
constexpr std::int64_t kRemoveBoundMs = 60'000;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr int kFileFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

bool writeFile(int folder, const char* name, std::string_view text) {
  const int fd = ::openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  bool good = true;
  while (good && !text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote > 0) text.remove_prefix(static_cast<std::size_t>(wrote));
    good = wrote > 0 || (wrote < 0 && errno == EINTR);
  }
  ::close(fd);
  return good;
}

/// What the child that opens says of each file; the descriptor comes with it.
struct Opened {
  std::uint32_t index = 0;  ///< Of request.collect; behind its end: the result.
  std::int32_t error = 0;
};

bool tell(int socket, const Opened& opened, int file) {
  iovec io{const_cast<Opened*>(&opened), sizeof opened};
  return sendWithDescriptors(socket, {&io, 1}, {&file, file >= 0 ? 1u : 0u}) ==
         static_cast<ssize_t>(sizeof opened);
}

/// One answer; false at the end, and when the time is over.
bool hear(int socket, std::int64_t untilMs, Opened& out, UniqueFd& file) {
  pollfd polled{socket, POLLIN, 0};
  const std::int64_t left = untilMs - bootMs();
  if (left <= 0 || ::poll(&polled, 1, static_cast<int>(left)) <= 0) return false;
  iovec io{&out, sizeof out};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != static_cast<ssize_t>(sizeof out))
    return false;
  if (const cmsghdr* part = CMSG_FIRSTHDR(&message); part && part->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    file.reset(fd);
  }
  return true;
}

/// A file below `root`; no link is followed on the way.
UniqueFd openBelow(const char* root, const std::string& path) {
  UniqueFd folder(::open(root, kFolderFlags));
  std::string_view rest = path;
  while (folder.valid()) {
    const std::size_t slash = rest.find('/');
    const std::string part(rest.substr(0, slash));
    if (slash == std::string_view::npos)
      return UniqueFd(::openat(folder.get(), part.c_str(), kFileFlags));
    folder.reset(::openat(folder.get(), part.c_str(), kFolderFlags | O_NOFOLLOW));
    rest.remove_prefix(slash + 1);
  }
  return {};
}

/// In a process of its own, which has no right of its supervisor any more.
[[noreturn]] void openAll(const JobRequest& request, int ruleset, int socket) {
  const bool confined = request.profile == JobProfile::kBare || ruleset < 0 || enterLandlock(ruleset);
  const std::size_t count = request.collect.size() - 1;
  for (std::size_t i = 0; i < count; ++i) {
    const UniqueFd file(confined ? openBelow(request.collectFolder, request.collect[i]) : UniqueFd());
    tell(socket, {static_cast<std::uint32_t>(i), file.valid() ? 0 : errno}, file.get());
  }
  if (request.jobFolder[0] == '\0' || !confined) ::_exit(0);
  const UniqueFd result(openBelow(request.jobFolder, "result.json"));
  if (result.valid()) tell(socket, {static_cast<std::uint32_t>(count), 0}, result.get());
  // Its end says that all was opened; what follows may take long.
  ::shutdown(socket, SHUT_WR);
  ::_exit(base::removeTree(request.jobFolder).ok() ? 0 : 1);
}

void waitOrKill(pid_t pid, std::int64_t untilMs) {
  while (::waitpid(pid, nullptr, WNOHANG) == 0) {
    if (bootMs() >= untilMs) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      return;
    }
    static_cast<void>(::poll(nullptr, 0, 1));
  }
}

}  // namespace

bool makeJobFolder(const JobRequest& request) {
  if (request.jobFolder[0] == '\0') return true;
  if (::mkdir(request.jobFolder, 0700) != 0) return false;
  const int folder = ::open(request.jobFolder, kFolderFlags | O_NOFOLLOW);
  if (folder < 0) return false;
  const bool made = writeFile(folder, "payload.json", request.payload) &&
                    writeFile(folder, "context.json", request.context);
  ::close(folder);
  return made;
}

void openLeftFiles(const JobRequest& request, int ruleset, const TakeFile& take) {
  const std::size_t count = request.collect.empty() ? 0 : request.collect.size() - 1;
  if (count == 0 && request.jobFolder[0] == '\0') return;
  std::size_t next = 0;
  int ends[2];
  pid_t pid = -1;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0) {
    const UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    pid = ::fork();
    if (pid == 0) {
      errno = EPERM;
      if (becomeJobUser(request) != nullptr || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) ::_exit(1);
      openAll(request, ruleset, theirs.get());
    }
    theirs.reset();
    const std::int64_t until = bootMs() + kOpenBoundMs;
    while (pid > 0) {
      Opened opened;
      UniqueFd file;
      if (!hear(ours.get(), until, opened, file) || opened.index > count) break;
      const bool isResult = opened.index == count;
      take(isResult ? kResultName : request.collect[opened.index], std::move(file), opened.error);
      if (!isResult) next = opened.index + 1;
    }
    if (pid > 0) waitOrKill(pid, bootMs() + kRemoveBoundMs);
  }
  for (; next < count; ++next) take(request.collect[next], UniqueFd(), ETIMEDOUT);
}

}  // namespace belay::jobs
