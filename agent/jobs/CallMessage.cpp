#include "agent/jobs/CallMessage.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/jobs/Descriptors.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Status;
using base::UniqueFd;

namespace {

constexpr int kAnswerWaitMs = 30'000;

Error noJob(const std::string& why) {
  return Error{ErrorCode::kJobToken, "this is no call from within a job: " + why,
               {"run it in the job itself, with the descriptor BELAY_JOB_FD open"}};
}

Status send(int socket, CallKind kind, std::string_view text, int answer, int file) {
  CallHeader header;
  header.kind = kind;
  std::array<iovec, 2> parts{
      {{&header, sizeof header}, {const_cast<char*>(text.data()), text.size()}}};
  const std::array<int, 2> descriptors{answer, file};
  const ssize_t sent =
      sendWithDescriptors(socket, parts, {descriptors.data(), file < 0 ? 1u : 2u});
  return sent >= 0 ? Status{} : Status{noJob(std::strerror(errno))};
}

Status meaningOf(CallAnswer answer) {
  switch (answer) {
    case CallAnswer::kDone:
      return {};
    case CallAnswer::kNotOurs:
      return noJob("the process belongs to no job, or to another one");
    case CallAnswer::kNoSuch:
      return Error{ErrorCode::kInvalidArgument, "the supervisor of the job does not take this call"};
    case CallAnswer::kNoFile:
      return Error{ErrorCode::kInvalidArgument, "only a regular file on a disk can be attached"};
    case CallAnswer::kTooMany:
      return Error{ErrorCode::kLimit, "the job has attached as many files as it may"};
    case CallAnswer::kTooLarge:
      return Error{ErrorCode::kLimit, "this is larger than a job may give"};
    case CallAnswer::kTwice:
      return Error{ErrorCode::kJobResultTwice, "the job has given a result before",
                   {"give one result, by one of the ways that there are"}};
  }
  return Error{ErrorCode::kIo, "the supervisor of the job gave an answer that is none"};
}

}  // namespace

bool isFileName(std::string_view name) {
  if (name.empty() || name.size() > kFileNameMax || !base::isUtf8(name)) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  for (const std::string_view part : base::split(name, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

Status callSupervisor(int socket, CallKind kind, std::string_view text, int file) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET)
    return noJob("its descriptor is not open");
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return base::errnoError(errno, "make a socket for the answer");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  BELAY_TRY(send(socket, kind, text, theirs.get(), file));
  // The end of a supervisor that does not answer is the end of this socket then.
  theirs.reset();
  pollfd polled{ours.get(), POLLIN, 0};
  auto answer = CallAnswer::kDone;
  if (::poll(&polled, 1, kAnswerWaitMs) <= 0 ||
      ::recv(ours.get(), &answer, sizeof answer, 0) != sizeof answer) {
    return noJob("its supervisor does not answer");
  }
  return meaningOf(answer);
}

}  // namespace belay::jobs
