#include "agent/jobs/SpawnerLink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/jobs/Descriptors.h"
#include "agent/jobs/SpawnerNursery.h"
#include "common/base/Files.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;

namespace {

constexpr int kSendWaitMs = 2000;
constexpr int kHelloWaitMs = 10'000;

Error sendError(int error) {
  if (error == EAGAIN) return Error{ErrorCode::kBusy, "the spawner does not take more requests"};
  return base::errnoError(error, "send a request to the spawner");
}

}  // namespace

Result<UniqueFd> sealedMemory(std::string_view content) {
  UniqueFd fd(::memfd_create("belay", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return base::errnoError(errno, "create memory for a job");
  BELAY_TRY(base::writeAll(fd.get(), content, "memory for a job"));
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (::lseek(fd.get(), 0, SEEK_SET) != 0 || ::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) {
    return base::errnoError(errno, "seal memory for a job");
  }
  return fd;
}

Result<std::unique_ptr<SpawnerLink>> SpawnerLink::start(const std::vector<std::string>& command,
                                                        int lockedFolder) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return base::errnoError(errno, "make a socket for the spawner");
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  BELAY_ASSIGN(const pid_t pid, startProgram(command, theirs.get(), lockedFolder));
  std::unique_ptr<SpawnerLink> link(new SpawnerLink(std::move(ours), pid));
  BELAY_TRY(link->takeHello());
  return link;
}

Result<std::unique_ptr<SpawnerLink>> SpawnerLink::adopt(UniqueFd socket) {
  std::unique_ptr<SpawnerLink> link(new SpawnerLink(std::move(socket), -1));
  BELAY_TRY(link->takeHello());
  return link;
}

Result<std::unique_ptr<SpawnerLink>> SpawnerLink::connect(const std::string& socketPath,
                                                          int lockedFolder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socketPath.size() >= sizeof address.sun_path)
    return Error{ErrorCode::kJobSpawn, "the path of the spawner's socket is too long"};
  socketPath.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (!socket.valid() || ::connect(socket.get(), raw, sizeof address) != 0) {
    return Error{ErrorCode::kJobSpawn,
                 "reach the spawner at " + socketPath + ": " + std::strerror(errno),
                 {"systemctl enable --now belay-spawner.socket"}};
  }
  std::unique_ptr<SpawnerLink> link(new SpawnerLink(std::move(socket), -1));
  RequestHeader header{};
  std::array<iovec, 1> parts{{{&header, sizeof header}}};
  BELAY_TRY(link->sendParts(parts, {&lockedFolder, 1}));
  BELAY_TRY(link->takeHello());
  return link;
}

Status SpawnerLink::takeHello() {
  SpawnerHello hello{};
  std::array<char, sizeof hello + kCgroupBytesMax> message;
  pollfd polled{socket_.get(), POLLIN, 0};
  ssize_t got = -1;
  if (::poll(&polled, 1, kHelloWaitMs) > 0)
    got = ::recv(socket_.get(), message.data(), message.size(), 0);
  if (got >= static_cast<ssize_t>(sizeof hello)) {
    std::memcpy(&hello, message.data(), sizeof hello);
    cgroupFolder_.assign(message.data() + sizeof hello,
                         static_cast<std::size_t>(got) - sizeof hello);
  }
  if (hello.magic != SpawnerHello::kMagic)
    return Error{ErrorCode::kJobSpawn, "the spawner ended before it was ready"};
  if (hello.layout != kRequestLayout) {
    return Error{ErrorCode::kJobSpawn,
                 "the spawner is of another version than the daemon",
                 {"restart the daemon, so that both are of the same version"}};
  }
  mayBecomeOthers_ = hello.mayBecome != 0;
  return {};
}

SpawnerLink::~SpawnerLink() {
  socket_.reset();
  if (pid_ < 0) return;
  // It ends as soon as it has read what is in the socket.
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Status SpawnerLink::send(std::uint64_t ticket, std::string_view payload, int stdinFd,
                         RequestKind kind) {
  const bool inFile = payload.size() > kInlinePayloadMax;
  if (payload.size() > kPayloadMax)
    return Error{ErrorCode::kLimit, "the request for a job is too long"};
  UniqueFd file;
  if (inFile) {
    BELAY_ASSIGN(file, sealedMemory(payload));
  }
  RequestHeader header{};
  header.ticket = ticket;
  header.payloadBytes = static_cast<std::uint32_t>(payload.size());
  header.hasStdin = stdinFd >= 0;
  header.payloadInFile = inFile;
  header.kind = kind;
  std::array<iovec, 2> parts{
      {{&header, sizeof header}, {const_cast<char*>(payload.data()), inFile ? 0 : payload.size()}}};
  std::array<int, 2> descriptors{-1, -1};
  std::size_t count = 0;
  if (stdinFd >= 0) descriptors[count++] = stdinFd;
  if (inFile) descriptors[count++] = file.get();

  return sendParts(parts, {descriptors.data(), count});
}

Status SpawnerLink::sendParts(std::span<iovec> parts, std::span<const int> descriptors) {
  for (bool waited = false;; waited = true) {
    if (sendWithDescriptors(socket_.get(), parts, descriptors, MSG_DONTWAIT) >= 0) return {};
    if (errno != EAGAIN || waited) break;
    pollfd polled{socket_.get(), POLLOUT, 0};
    static_cast<void>(::poll(&polled, 1, kSendWaitMs));
  }
  if (errno == EPIPE || errno == ECONNRESET) broken_ = true;
  return sendError(errno);
}

std::optional<ReceivedReply> SpawnerLink::receive() {
  ReceivedReply out;
  iovec io{&out.reply, sizeof out.reply};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return std::nullopt;
  if (const cmsghdr* part = got < 0 ? nullptr : CMSG_FIRSTHDR(&message);
      part != nullptr && part->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    out.pidfd.reset(fd);
  }
  if (got == static_cast<ssize_t>(sizeof out.reply)) return out;
  broken_ = true;
  return std::nullopt;
}

}  // namespace belay::jobs
