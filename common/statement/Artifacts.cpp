#include "common/statement/Artifacts.h"

#include <algorithm>
#include <vector>

#include "common/crypto/Hmac.h"
#include "common/crypto/Sha256.h"

namespace belay::statement {

namespace {

constexpr auto kPart = static_cast<std::int64_t>(kArtifactPartBytes);

}  // namespace

std::int64_t artifactParts(std::int64_t size) {
  return std::max<std::int64_t>(1, size / kPart + (size % kPart != 0 ? 1 : 0));
}

std::size_t artifactPartBytes(std::int64_t size, std::int64_t part) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(size - part * kPart, 0, kPart));
}

std::string artifactName(const Request& request, const crypto::Digest& artifact) {
  return crypto::hmacSha256(request.nonce, "artifact " + artifact.hex()).hex();
}

std::string recipientsDigest(std::span<const crypto::P256PublicKey> recipients) {
  std::vector<std::string> names;
  for (const crypto::P256PublicKey& each : recipients) names.push_back(each.thumbprint());
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += name + "\n";
  return crypto::sha256(all).hex();
}

}  // namespace belay::statement
