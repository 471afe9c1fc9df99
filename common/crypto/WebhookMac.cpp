#include "common/crypto/WebhookMac.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/crypto/Hmac.h"
#include "common/crypto/Wipe.h"

namespace belay::crypto {

namespace {

constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kKeyBytesLeast = 24;
constexpr std::size_t kKeyBytesMost = 64;
constexpr std::size_t kIdBytesMax = 256;

}  // namespace

std::string makeWebhookSecret(base::Random& random) {
  std::string bytes(kSecretBytes, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  std::string text = std::string(kSecretPrefix) + base::toBase64(bytes);
  wipe(bytes);
  return text;
}

std::optional<std::string> webhookKey(std::string_view secret) {
  if (!secret.starts_with(kSecretPrefix)) return std::nullopt;
  auto bytes = base::fromBase64(secret.substr(kSecretPrefix.size()));
  if (bytes && (bytes->size() < kKeyBytesLeast || bytes->size() > kKeyBytesMost)) {
    wipe(*bytes);
    return std::nullopt;
  }
  return bytes;
}

bool isWebhookId(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F && c != '.'; });
}

std::string webhookMac(std::string_view key, std::string_view id, std::string_view timestamp,
                       std::string_view body) {
  std::string text;
  text.reserve(id.size() + timestamp.size() + body.size() + 2);
  text.append(id).append(".").append(timestamp).append(".").append(body);
  return "v1," + base::toBase64(hmacSha256(key, text).view());
}

}  // namespace belay::crypto
