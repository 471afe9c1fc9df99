#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/JobSpec.h"
#include "common/base/Result.h"

namespace belay::jobs {

// What goes through the socket between the daemon and its spawner, one SOCK_SEQPACKET message each.
// Both ends are the same binary, so the layout has no version.

/// In front of each request. Its descriptors come in this order: the standard input if `hasStdin`,
/// a memfd with the payload if `payloadInFile`.
struct RequestHeader {
  std::uint64_t ticket;  ///< Chosen by the daemon; comes back in the reply.
  std::uint32_t payloadBytes;
  std::uint8_t hasStdin;
  std::uint8_t payloadInFile;
  std::uint16_t unused;
};

/// The answer: the supervisor's pid with its pidfd, or the errno that kept it from being forked.
struct SpawnerReply {
  std::uint64_t ticket;
  std::int32_t pid;
  std::int32_t error;
};

/// Longer payloads travel in a memfd.
inline constexpr std::size_t kInlinePayloadMax = 16 * 1024;
inline constexpr std::size_t kPayloadMax = 8u << 20;

/// A job as the supervisor sees it. All pointers lead into the payload, which must outlive it.
struct JobRequest {
  const char* id = "";
  const char* workFolder = "";
  const char* cgroup = "";      ///< A folder to make for the job, or empty.
  std::string_view script;      ///< To be written to the file `script`, or empty.
  std::vector<char*> programs;  ///< Paths to try in this order. Each list ends with a null pointer.
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::int64_t deadlineBootMs = -1;  ///< -1 = none, as below.
  std::int64_t graceMs = 0;
  std::uint64_t logBytesMax = 0;
  std::uint64_t resultBytesMax = 0;
  std::int64_t user = -1;
  std::int64_t group = -1;
  std::int64_t addressSpaceBytes = -1;
  std::int64_t processes = -1;
  std::int64_t openFiles = -1;
  std::int64_t fileBytes = -1;
  std::int64_t cpuSeconds = -1;
};

/// The payload for a spec that checkJobSpec() accepted. `folder` is the absolute path of the job's
/// folder.
std::string encodeRequest(const JobSpec& spec, const std::string& scriptPath,
                          const std::string& cgroup);

/// Reads a payload; nothing outside of it is touched, whatever it holds.
/// Errors: kJobSpec.
base::Result<JobRequest> parseRequest(std::span<char> payload);

}  // namespace belay::jobs
