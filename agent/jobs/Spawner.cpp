#include "agent/jobs/Spawner.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "agent/jobs/Confinement.h"
#include "agent/jobs/Descriptors.h"
#include "agent/jobs/JobCgroup.h"
#include "agent/jobs/JobRecord.h"
#include "agent/jobs/JobRequest.h"
#include "agent/jobs/Pidfd.h"
#include "agent/jobs/ProcessTree.h"
#include "agent/jobs/Supervisor.h"
#include "common/base/Clock.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

using base::UniqueFd;

namespace {

constexpr int kDescriptorsMax = 2;

using Packet = std::array<char, sizeof(RequestHeader) + kInlinePayloadMax>;

/// One request with its descriptors; an inline payload follows the header in `packet`.
struct Received {
  explicit Received(Packet& buffer) : packet(buffer) {}
  Packet& packet;
  RequestHeader header{};
  std::array<UniqueFd, kDescriptorsMax> descriptors;
};

/// The descriptors of a spawner. 0 to 6 are /dev/null, so that no pipe of a supervisor can take the
/// numbers that a job has.
struct Descriptors {
  UniqueFd devNull;
  UniqueFd socket;
  UniqueFd lock;  ///< The folder of jobs; whoever has it open keeps the lock.
  UniqueFd jobs;  ///< The same folder, opened anew: without the lock.
};

bool moveUp(int from, UniqueFd& to) {
  to.reset(::fcntl(from, F_DUPFD_CLOEXEC, 10));
  return to.valid();
}

/// False at the end of the socket, or when something came that is no request. `folder`: one
/// descriptor comes by itself.
bool receive(int socket, Received& out, bool folder) {
  iovec io{out.packet.data(), out.packet.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kDescriptorsMax)> control;
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  std::size_t count = 0;
  for (cmsghdr* part = got < 0 ? nullptr : CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t inPart = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < inPart && count < kDescriptorsMax; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      out.descriptors[count++].reset(fd);
    }
  }
  if (got < static_cast<ssize_t>(sizeof out.header)) return false;
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return false;
  std::memcpy(&out.header, out.packet.data(), sizeof out.header);
  const std::size_t inlineBytes = static_cast<std::size_t>(got) - sizeof out.header;
  const std::size_t wanted = out.header.payloadInFile != 0 ? 0 : out.header.payloadBytes;
  const auto descriptors = std::size_t{folder} + std::size_t{out.header.hasStdin != 0} +
                           std::size_t{out.header.payloadInFile != 0};
  return inlineBytes == wanted && count == descriptors && out.header.payloadBytes <= kPayloadMax;
}

/// The folder of jobs as the first message of a connection brings it; invalid when it is not its
/// sender's own.
UniqueFd receiveFolder(int socket) {
  Packet packet;
  Received first(packet);
  ucred sender{};
  socklen_t size = sizeof sender;
  struct stat info {};
  if (!receive(socket, first, true) ||
      ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &sender, &size) != 0 ||
      ::fstat(first.descriptors[0].get(), &info) != 0) {
    return {};
  }
  const bool own = S_ISDIR(info.st_mode) && info.st_uid == sender.uid && (info.st_mode & 022) == 0;
  return own ? std::move(first.descriptors[0]) : UniqueFd();
}

bool prepareDescriptors(int socketFd, bool accepted, Descriptors& out) {
  const UniqueFd received(accepted ? receiveFolder(socketFd) : UniqueFd());
  const int folder = accepted ? received.get() : socketFd + 1;
  if (!moveUp(socketFd, out.socket) || !moveUp(folder, out.lock)) return false;
  const UniqueFd jobs(::openat(out.lock.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd devNull(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!jobs.valid() || !devNull.valid()) return false;
  if (!moveUp(jobs.get(), out.jobs) || !moveUp(devNull.get(), out.devNull)) return false;
  return true;
}

/// Closes everything but `own`, whatever was inherited.
bool closeOthers(const Descriptors& own) {
  for (int fd = 0; fd < kJobFds; ++fd) {
    if (::dup2(own.devNull.get(), fd) < 0) return false;
  }
  std::array<int, 4> kept = {own.devNull.get(), own.socket.get(), own.lock.get(), own.jobs.get()};
  std::sort(kept.begin(), kept.end());
  unsigned from = kJobFds;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > from) ::syscall(SYS_close_range, from, number - 1, 0u);
    from = number + 1;
  }
  return ::syscall(SYS_close_range, from, ~0u, 0u) == 0;
}

/// All to their default, also the two that glibc keeps for itself: posix_spawn leaves them ignored,
/// signal() refuses them, and every job would inherit it.
void resetSignals() {
  struct KernelAction {
    unsigned long handler, flags, restorer, mask;
  };
  constexpr KernelAction kDefault{};
  for (int signal = 1; signal < NSIG; ++signal) {
    ::syscall(SYS_rt_sigaction, signal, &kDefault, nullptr, sizeof kDefault.mask);
  }
}

/// What all supervisors and jobs inherit.
bool prepareProcess() {
  resetSignals();
  ::setsid();
  // The kernel reaps the supervisors: whoever waits for one has its pidfd.
  ::signal(SIGCHLD, SIG_IGN);
  // Blocked for good: a supervisor must not miss a SIGTERM that comes before it is ready, and a
  // spawner ends with its socket.
  sigset_t all;
  ::sigfillset(&all);
  if (::sigprocmask(SIG_SETMASK, &all, nullptr) != 0) return false;
  const rlimit noCore{0, 0};
  if (::setrlimit(RLIMIT_CORE, &noCore) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return false;
  }
  // A job of the same uid can neither trace a supervisor nor open its descriptors through /proc.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return false;
  ::prctl(PR_SET_NAME, "belay-spawner");
  ::umask(022);
  return ::chdir("/") == 0;
}

/// Ends what a job left, in a process of its own, so that the spawner waits for nobody. The
/// payload: the id of the job, and in the next line its claim.
[[noreturn]] void sweep(std::string_view payload) {
  const std::size_t end = payload.find('\n');
  const auto claim =
      parseClaimRecord(end == std::string_view::npos ? payload : payload.substr(end + 1));
  if (!claim.ok()) ::_exit(1);
  const OrphanTraces traces{std::string(payload.substr(0, end)), claim->cgroup, claim->user};
  killOrphans(traces, kOrphanBound);
  ::_exit(0);
}

[[noreturn]] void becomeSupervisor(Received& received, Descriptors& own,
                                   const std::string& bootId) {
  own.socket.reset();
  std::span<char> payload(received.packet.data() + sizeof(RequestHeader),
                          received.header.payloadBytes);
  if (received.header.kind == RequestKind::kSweep) sweep({payload.data(), payload.size()});
  std::size_t next = 0;
  const int stdinFd = received.header.hasStdin != 0 ? received.descriptors[next++].get() : -1;
  if (received.header.payloadInFile != 0) {
    void* mapped = ::mmap(nullptr, received.header.payloadBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE, received.descriptors[next].get(), 0);
    if (mapped == MAP_FAILED) ::_exit(1);
    payload = {static_cast<char*>(mapped), received.header.payloadBytes};
  }
  superviseJob({payload, own.jobs.get(), own.lock.release(), stdinFd, own.devNull.get(), bootId});
}

void reply(int socket, const SpawnerReply& answer, int pidfd) {
  iovec io{const_cast<SpawnerReply*>(&answer), sizeof answer};
  // When the daemon is gone nobody needs the answer; the next receive() sees the end.
  static_cast<void>(sendWithDescriptors(socket, {&io, 1}, {&pidfd, pidfd >= 0 ? 1u : 0u}));
}

/// What it takes to start jobs as others, to make their folders theirs, and to end them.
bool mayBecomeOthers() {
  constexpr std::uint32_t kNeeded =
      1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_KILL | 1u << CAP_CHOWN;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  return ::syscall(SYS_capget, &header, data) == 0 && (data[0].effective & kNeeded) == kNeeded;
}

void sayHello(int socket, std::string_view cgroup) {
  const SpawnerHello hello{SpawnerHello::kMagic, kRequestLayout, mayBecomeOthers() ? 1u : 0u, 0};
  std::string message(reinterpret_cast<const char*>(&hello), sizeof hello);
  if (cgroup.size() <= kCgroupBytesMax) message += cgroup;
  // When the daemon is gone already, the next receive() sees it.
  static_cast<void>(::send(socket, message.data(), message.size(), MSG_NOSIGNAL) > 0);
}

}  // namespace

int runSpawner(int socketFd, bool accepted) {
  Descriptors own;
  if (!prepareDescriptors(socketFd, accepted, own) || !closeOthers(own) || !prepareProcess())
    return 1;
  // A unit of its own for each connection: nothing else is in its cgroup.
  sayHello(own.socket.get(), accepted ? prepareCgroup(findDelegatedCgroup(), true) : "");
  const base::PosixClock clock;
  Packet packet;
  while (true) {
    Received received(packet);
    if (!receive(own.socket.get(), received, false)) return 0;
    const pid_t pid = ::fork();
    if (pid == 0) becomeSupervisor(received, own, clock.bootId());
    // The next supervisor shall not inherit what this one's job must keep secret.
    ::explicit_bzero(packet.data(), packet.size());
    SpawnerReply answer{received.header.ticket, pid, pid < 0 ? errno : 0};
    const UniqueFd pidfd = pid > 0 ? openPidfd(pid) : UniqueFd();
    if (pid > 0 && !pidfd.valid() && errno != ESRCH) {
      // Nobody could watch it, so it shall not run.
      answer.error = errno;
      ::kill(pid, SIGKILL);
    }
    reply(own.socket.get(), answer, pidfd.get());
  }
}

}  // namespace belay::jobs
