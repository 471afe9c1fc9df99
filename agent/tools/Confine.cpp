#include "agent/tools/Confine.h"

#include <cerrno>
#include <span>

#include "agent/jobs/Landlock.h"
#include "agent/jobs/SyscallFilter.h"
#include "common/base/Files.h"

namespace belay::tools {

base::Status confine(const std::string& folder) {
  const char* const writable = folder.c_str();
  const base::UniqueFd rules = jobs::makeLandlock(
      {}, folder.empty() ? std::span<const char* const>() : std::span(&writable, 1));
  // A kernel without seccomp has nothing to give up.
  if (!jobs::forbidExecution() && errno != EINVAL && errno != ENOSYS)
    return base::errnoError(errno, "give up to execute programs");
  if (rules.valid() && !jobs::enterLandlock(rules.get()))
    return base::errnoError(errno, "give up files");
  return {};
}

}  // namespace belay::tools
