#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::jobs {

// How a job calls back: by one message through the socket that it inherits as descriptor
// BELAY_JOB_FD, whose other end its supervisor has. The descriptor is all the right there is: it
// belongs to one attempt, leads to nobody else, and ends with its supervisor. Both ends are the
// same binary.
//
// A message is a CallHeader and its text, with one or two descriptors: a socket for the answer,
// made by the caller with socketpair(2) (AF_UNIX, SOCK_SEQPACKET), and the file that is meant.
// The answer is one CallAnswer. Who does not wait for it is not heard.

enum class CallKind : std::uint32_t {
  kProgress = 1,  ///< The text is a line.
  kAttach = 2,    ///< The text is a name; the file is kept when the job has ended.
  kResult = 3,    ///< The file is memory that nobody can change any more (memfd, sealed).
};

struct CallHeader {
  static constexpr std::uint32_t kMagic = 0x424C594A;
  std::uint32_t magic = kMagic;
  CallKind kind = CallKind::kProgress;
};

enum class CallAnswer : std::uint32_t {
  kDone = 0,
  kNotOurs = 1,   ///< The caller is no process of the job.
  kNoSuch = 2,    ///< No such kind, no such text, or not these descriptors.
  kNoFile = 3,    ///< What was to be kept is no regular file of a disk.
  kTooMany = 4,   ///< More files than a job may hand over.
  kTooLarge = 5,  ///< More bytes than its bound.
  kTwice = 6,     ///< There is a result already.
};

inline constexpr std::size_t kCallTextMax = 1000;
inline constexpr std::size_t kFileNameMax = 500;

/// Whether a job may call a file so: UTF-8, one line, no slash at its beginning, no "." and ".."
/// in it.
bool isFileName(std::string_view name);

/// The callers' side, with `socket` as they inherit it; waits for the answer.
/// Errors: kJobToken where there is no supervisor at the other end, or it says that the caller is
/// none of its own; kInvalidArgument, kLimit, kJobResultTwice as the supervisor answers; kIo.
base::Status callSupervisor(int socket, CallKind kind, std::string_view text, int file);

}  // namespace belay::jobs
