#include "agent/jobs/JobCalls.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/jobs/JobRecord.h"
#include "common/base/Files.h"

namespace belay::jobs {

using base::UniqueFd;

namespace {

/// Deeper than any process can be.
constexpr int kDepthMax = 70'000;

struct Message {
  CallHeader header{};
  std::array<char, kCallTextMax + 1> text{};
  std::size_t textBytes = 0;
  pid_t sender = 0;
  std::array<UniqueFd, 2> descriptors;
  bool whole = false;
};

void takeControl(msghdr& from, Message& out) {
  std::size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&from); part != nullptr; part = CMSG_NXTHDR(&from, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(part), sizeof sender);
      out.sender = sender.pid;
    }
    if (part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t inPart = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < inPart; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      UniqueFd owned(fd);
      if (count < out.descriptors.size()) out.descriptors[count++] = std::move(owned);
    }
  }
}

/// False when there is none.
bool receive(int socket, Message& out) {
  std::array<iovec, 2> parts{
      {{&out.header, sizeof out.header}, {out.text.data(), out.text.size()}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int) * 2)>
      control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return false;
  takeControl(message, out);
  const bool cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  out.whole = !cut && got >= static_cast<ssize_t>(sizeof out.header) &&
              out.header.magic == CallHeader::kMagic;
  if (out.whole) out.textBytes = static_cast<std::size_t>(got) - sizeof out.header;
  return true;
}

/// Made by the caller itself: nothing of this process is ever said to anybody else.
bool isOwnPair(int socket, pid_t sender) {
  int domain = 0;
  int type = 0;
  ucred maker{};
  socklen_t size = sizeof domain;
  if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
  size = sizeof type;
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  size = sizeof maker;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &maker, &size) != 0) return false;
  return domain == AF_UNIX && type == SOCK_SEQPACKET && maker.pid == sender;
}

}  // namespace

bool JobCalls::open(std::string cgroup) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  socket_.reset(ends[0]);
  jobEnd_.reset(ends[1]);
  cgroup_ = std::move(cgroup);
  const int on = 1;
  return ::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0;
}

bool JobCalls::isOfJob(pid_t sender) const {
  pid_t at = sender;
  for (int depth = 0; at > 1 && at != ::getpid(); ++depth) {
    const auto stat = readProcessStat(std::to_string(at).c_str());
    if (!stat || depth > kDepthMax) return false;
    at = stat->parent;
  }
  if (at != ::getpid() || sender == ::getpid()) return false;
  if (cgroup_.empty()) return true;
  const auto groups = base::readFile("/proc/" + std::to_string(sender) + "/cgroup", 64 * 1024);
  const std::string name = cgroup_.substr(cgroup_.rfind('/'));
  const std::size_t found = groups.ok() ? groups->find(name) : std::string::npos;
  if (found == std::string::npos) return false;
  const char behind = (*groups)[found + name.size()];
  return behind == '\n' || behind == '/';
}

std::optional<JobCalls::Call> JobCalls::next() {
  Message message;
  if (!receive(socket_.get(), message)) return std::nullopt;
  Call call;
  if (!message.descriptors[0].valid() ||
      !isOwnPair(message.descriptors[0].get(), message.sender)) {
    return std::nullopt;
  }
  call.answer = std::move(message.descriptors[0]);
  const bool ours = isOfJob(message.sender);
  if (!ours || !message.whole) {
    answer(call, ours ? CallAnswer::kNoSuch : CallAnswer::kNotOurs);
    return std::nullopt;
  }
  call.kind = message.header.kind;
  call.text.assign(message.text.data(), message.textBytes);
  call.file = std::move(message.descriptors[1]);
  return call;
}

void JobCalls::answer(const Call& call, CallAnswer answer) {
  // Who has gone meanwhile needs none.
  static_cast<void>(
      ::send(call.answer.get(), &answer, sizeof answer, MSG_NOSIGNAL | MSG_DONTWAIT) > 0);
}

}  // namespace belay::jobs
