#include "agent/jobs/SpawnerNursery.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/jobs/Descriptors.h"
#include "agent/jobs/Spawner.h"
#include "common/base/Files.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::UniqueFd;

namespace {

/// Owns the actions of a posix_spawn.
class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&raw_); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&raw_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &raw_; }

 private:
  posix_spawn_file_actions_t raw_;
};

struct Pair {
  UniqueFd socket;
  UniqueFd folder;
};

bool sendPair(int through, int socket, int folder) {
  char byte = 0;
  iovec io{&byte, 1};
  const std::array<int, 2> both = {socket, folder};
  return sendWithDescriptors(through, {&io, 1}, both) == 1;
}

/// Both invalid at the end of the socket.
Pair receivePair(int from) {
  char byte = 0;
  iovec io{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 2)> control{};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1) return {};
  const cmsghdr* part = CMSG_FIRSTHDR(&message);
  if (part == nullptr || part->cmsg_type != SCM_RIGHTS ||
      part->cmsg_len != CMSG_LEN(sizeof(int) * 2))
    return {};
  std::array<int, 2> both{};
  std::memcpy(both.data(), CMSG_DATA(part), sizeof both);
  return {UniqueFd(both[0]), UniqueFd(both[1])};
}

/// In a fork of the nursery: puts both where a started spawner has them.
[[noreturn]] void becomeSpawner(const Pair& pair) {
  const UniqueFd socket(::fcntl(pair.socket.get(), F_DUPFD, 10));
  const UniqueFd folder(::fcntl(pair.folder.get(), F_DUPFD, 10));
  const bool placed = ::dup2(socket.get(), kSpawnerSocketFd) >= 0 &&
                      ::dup2(folder.get(), kSpawnerSocketFd + 1) >= 0;
  ::_exit(placed ? runSpawner(kSpawnerSocketFd) : 1);
}

}  // namespace

Result<pid_t> startProgram(const std::vector<std::string>& command, int socket, int folder) {
  if (command.empty()) return Error{ErrorCode::kJobSpawn, "no spawner command is set"};
  // dup2 onto itself would keep CLOEXEC, so neither may have a number that it or the other one is
  // to get.
  const UniqueFd theirs(::fcntl(socket, F_DUPFD_CLOEXEC, kSpawnerSocketFd + 2));
  const UniqueFd lock(folder < 0 ? -1 : ::fcntl(folder, F_DUPFD_CLOEXEC, kSpawnerSocketFd + 2));
  SpawnActions actions;
  ::posix_spawn_file_actions_adddup2(actions.get(), theirs.get(), kSpawnerSocketFd);
  if (lock.valid())
    ::posix_spawn_file_actions_adddup2(actions.get(), lock.get(), kSpawnerSocketFd + 1);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  char* environment[] = {nullptr};
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, arguments[0], actions.get(), nullptr, arguments.data(), environment);
  if (error == 0) return pid;
  return Error{ErrorCode::kJobSpawn,
               "start the spawner " + command[0] + ": " + std::strerror(error)};
}

Result<std::unique_ptr<SpawnerNursery>> SpawnerNursery::start(
    const std::vector<std::string>& command) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return base::errnoError(errno, "make a socket for the spawner");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  BELAY_ASSIGN(const pid_t pid, startProgram(command, theirs.get(), -1));
  return std::unique_ptr<SpawnerNursery>(new SpawnerNursery(std::move(ours), pid));
}

SpawnerNursery::~SpawnerNursery() {
  socket_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<UniqueFd> SpawnerNursery::makeSpawner(int lockedFolder) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return base::errnoError(errno, "make a socket for the spawner");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  if (sendPair(socket_.get(), theirs.get(), lockedFolder)) return ours;
  return Error{ErrorCode::kJobSpawn,
               "the process that makes spawners has ended",
               {"restart the daemon; jobs that run go on"}};
}

int runNursery(int socketFd) {
  const UniqueFd socket(::fcntl(socketFd, F_DUPFD_CLOEXEC, 10));
  if (!socket.valid()) return 1;
  ::close(socketFd);
  ::signal(SIGCHLD, SIG_IGN);
  // Its spawners ignore the signals of a terminal as well; it ends with its socket.
  ::setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::prctl(PR_SET_NAME, "belay-nursery");
  while (true) {
    const Pair pair = receivePair(socket.get());
    if (!pair.socket.valid()) return 0;
    if (::fork() == 0) becomeSpawner(pair);
  }
}

}  // namespace belay::jobs
