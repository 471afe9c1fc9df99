#include "agent/agents/OwnMemory.h"

#include <unistd.h>

#include <string>

#include "agent/jobs/ProcessTree.h"
#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::agents {

namespace {

/// proc(5): statm is size, resident, shared, …, in pages.
std::uint64_t pagesOf(pid_t pid) {
  const auto text = base::readFile("/proc/" + std::to_string(pid) + "/statm", 512);
  if (!text) return 0;
  const auto words = base::split(*text, ' ');
  if (words.size() < 3) return 0;
  const std::uint64_t resident = base::parseUnsigned(words[1]).value_or(0);
  const std::uint64_t shared = base::parseUnsigned(words[2]).value_or(0);
  return resident > shared ? resident - shared : 0;
}

}  // namespace

std::uint64_t ownMemory() {
  std::uint64_t pages = pagesOf(::getpid());
  for (const jobs::SeenProcess& process : jobs::descendantsNow(::getpid()))
    pages += pagesOf(process.pid);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace belay::agents
