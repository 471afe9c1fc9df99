#include "agent/jobs/Landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace belay::jobs {

namespace {

// Same on all architectures.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr std::uint32_t kAskVersion = 1;
constexpr int kPathBeneath = 1;

struct RulesetAttributes {
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scoped;
};
struct [[gnu::packed]] PathRule {
  std::uint64_t allowed;
  std::int32_t parent;
};

constexpr std::uint64_t kExecute = 1u << 0;
constexpr std::uint64_t kWriteFile = 1u << 1;
constexpr std::uint64_t kReadFile = 1u << 2;
constexpr std::uint64_t kReadFolder = 1u << 3;
constexpr std::uint64_t kTruncate = 1u << 14;
constexpr std::uint64_t kDeviceControl = 1u << 15;
constexpr std::uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kDeviceControl;
/// All rights that a version knows: the bits below this one.
constexpr std::array<unsigned, 6> kRightsOfVersion = {0, 13, 14, 15, 15, 16};
constexpr std::uint64_t kScopeAbstractSockets = 1u << 0;
constexpr std::uint64_t kScopeSignals = 1u << 1;

std::uint64_t rightsOf(int version) {
  const auto index = static_cast<std::size_t>(version);
  return (1ull << kRightsOfVersion[index < kRightsOfVersion.size() ? index : 5]) - 1;
}

bool allow(int ruleset, const char* path, std::uint64_t rights) {
  const base::UniqueFd parent(::open(path, O_PATH | O_CLOEXEC));
  struct stat info {};
  if (!parent.valid()) return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
  if (::fstat(parent.get(), &info) != 0) return false;
  const PathRule rule{S_ISDIR(info.st_mode) ? rights : rights & kOfFiles, parent.get()};
  return ::syscall(kAddRule, ruleset, kPathBeneath, &rule, 0u) == 0;
}

}  // namespace

int landlockVersion() {
  const long version = ::syscall(kCreateRuleset, nullptr, std::size_t{0}, kAskVersion);
  return version < 0 ? 0 : static_cast<int>(version);
}

base::UniqueFd makeLandlock(std::span<const char* const> readable,
                            std::span<const char* const> writable) {
  const int version = landlockVersion();
  if (version == 0) return {};
  RulesetAttributes attributes{};
  attributes.files = rightsOf(version);
  if (version >= 6) attributes.scoped = kScopeAbstractSockets | kScopeSignals;
  base::UniqueFd ruleset(
      static_cast<int>(::syscall(kCreateRuleset, &attributes, sizeof attributes, 0u)));
  if (!ruleset.valid()) return {};
  const std::uint64_t reading = kExecute | kReadFile | kReadFolder;
  for (const char* path : readable) {
    if (!allow(ruleset.get(), path, reading)) return {};
  }
  for (const char* path : writable) {
    if (!allow(ruleset.get(), path, attributes.files)) return {};
  }
  return ruleset;
}

bool enterLandlock(int ruleset) { return ::syscall(kRestrictSelf, ruleset, 0u) == 0; }

}  // namespace belay::jobs
