#include "common/wire/CallbackProof.h"

#include "common/base/Text.h"
#include "common/crypto/Hmac.h"
#include "common/crypto/Sha256.h"

namespace belay::wire {

namespace {

constexpr std::string_view kVersion = "v1=";
/// 192 bits.
constexpr std::size_t kRoutingBytes = 24;

}  // namespace

std::string signCallback(std::string_view token, std::string_view wait, std::string_view timestamp,
                         std::string_view body) {
  std::string text;
  text.reserve(wait.size() + timestamp.size() + body.size() + 2);
  text.append(wait).append(1, '.').append(timestamp).append(1, '.').append(body);
  return std::string(kVersion) + crypto::hmacSha256(token, text).hex();
}

base::Status verifyCallback(std::string_view token, std::string_view wait,
                            std::string_view timestamp, std::string_view body,
                            std::string_view signature) {
  // A dot would let the end of the time be the beginning of the body.
  const bool number = base::parseUnsigned(timestamp).has_value();
  const std::string wanted = signCallback(token, wait, timestamp, body);
  if (number && base::equalsInConstantTime(signature, wanted)) return {};
  return base::Error{
      base::ErrorCode::kCallbackSignature,
      "the callback for wait " + std::string(wait) +
          (number ? " is not signed with its token"
                  : " has no time in Belay-Timestamp, which are seconds since 1970")};
}

std::string routingId(std::string_view key, std::string_view wait) {
  return base::toBase64Url(
      crypto::hkdfSha256(key, "", "callback route " + std::string(wait), kRoutingBytes));
}

std::string digestOf(std::string_view secret) { return crypto::sha256(secret).hex(); }

}  // namespace belay::wire
