#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/jobs/JobSpec.h"
#include "common/base/Result.h"

namespace belay::jobs {

// What goes through the socket between the daemon and its spawner, one SOCK_SEQPACKET message each.
// Both ends are the same binary; the spawner's first message lets the daemon see that.

/// What the spawner says first. Behind it stands the cgroup folder in which jobs get theirs, where
/// it is the one who has been given one.
struct SpawnerHello {
  static constexpr std::uint32_t kMagic = 0x424C5931;
  std::uint32_t magic;
  std::uint32_t layout;     ///< kRequestLayout
  std::uint32_t mayBecome;  ///< 1: it may run jobs as other users.
  std::uint32_t unused;
};
inline constexpr std::size_t kCgroupBytesMax = 1024;

/// To be raised with each change of what is sent.
inline constexpr std::uint32_t kRequestLayout = 4;

enum class RequestKind : std::uint16_t {
  kJob,
  kSweep,  ///< Kill what a job left whose supervisor was killed.
};

/// In front of each request. Its descriptors come in this order: the standard input if `hasStdin`,
/// a memfd with the payload if `payloadInFile`.
struct RequestHeader {
  std::uint64_t ticket;  ///< Chosen by the daemon; comes back in the reply.
  std::uint32_t payloadBytes;
  std::uint8_t hasStdin;
  std::uint8_t payloadInFile;
  RequestKind kind;
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
  std::int64_t treeMemoryBytes = -1;
  std::int64_t treeProcesses = -1;
  JobProfile profile = JobProfile::kBare;
  bool ownsUser = false;
  const char* folder = "";  ///< Of the flow; above kBare.
  std::vector<char*> collect;      ///< Below collectFolder.
  const char* collectFolder = "";
  const char* jobFolder = "";      ///< To be made for the job, or empty.
  std::string_view payload;
  std::string_view context;
  std::uint64_t filesBytesMax = 0;
  std::vector<char*> readPaths;
  std::vector<char*> writePaths;
  /// Names and values of what is to be masked.
  std::vector<std::pair<std::string_view, std::string_view>> secrets;
};

/// The payload for a spec that checkJobSpec() accepted.
/// `jobsFolder`: of all jobs, where files of profile kBare are.
std::string encodeRequest(const JobSpec& spec, const std::string& jobsFolder,
                          const std::string& cgroup);

/// Reads a payload; nothing outside of it is touched, whatever it holds.
/// Errors: kJobSpec.
base::Result<JobRequest> parseRequest(std::span<char> payload);

}  // namespace belay::jobs
