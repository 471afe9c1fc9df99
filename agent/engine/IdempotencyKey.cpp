#include "agent/engine/Engine.h"
#include "common/crypto/Sha256.h"

namespace belay::engine {

std::string idempotencyKey(std::string_view epoch, const base::RunId& run, const StepKey& key) {
  // Lengths in front, so that no two different parts give the same bytes.
  std::string bytes = "belay/idempotency/v1";
  for (const std::string_view part :
       {epoch, std::string_view(run.str()), std::string_view(key.path)}) {
    bytes += ':' + std::to_string(part.size()) + ':';
    bytes += part;
  }
  bytes += ":" + std::to_string(key.visit);
  return crypto::sha256(bytes).hex().substr(0, 32);
}

}  // namespace belay::engine
