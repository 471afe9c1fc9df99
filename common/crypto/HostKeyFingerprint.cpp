#include "common/crypto/HostKeyFingerprint.h"

#include "common/base/Text.h"
#include "common/crypto/Sha256.h"

namespace belay::crypto {

std::string hostKeyFingerprint(std::string_view hostKey) {
  const auto words = base::split(hostKey, ' ');
  const auto blob = words.size() < 2 ? std::nullopt : base::fromBase64(words[1]);
  if (!blob) return {};
  std::string text = base::toBase64(sha256(*blob).view());
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

}  // namespace belay::crypto
