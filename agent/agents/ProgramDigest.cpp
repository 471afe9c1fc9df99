#include "agent/agents/ProgramDigest.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/Files.h"
#include "common/crypto/Sha256.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;

Result<std::string> programDigest(const std::string& path) {
  auto file = base::openForReading(base::resolvePath(path));
  if (!file) return Error{ErrorCode::kAgentNotFound, file.error().message};
  crypto::Sha256 hash;
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const ssize_t count = ::read(file->get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::errnoError(errno, "read " + path);
    if (count == 0) return hash.finish().hex();
    hash.update({buffer.data(), static_cast<std::size_t>(count)});
  }
}

}  // namespace belay::agents
