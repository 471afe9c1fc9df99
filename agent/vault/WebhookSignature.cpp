#include "agent/vault/WebhookSignature.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/crypto/Hmac.h"
#include "common/crypto/Wipe.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::string_view kSignaturePrefix = "v1,";

Result<SecretValue> keyOf(const SecretValue& secret) {
  std::string_view text = secret.reveal();
  const bool prefixed = text.starts_with(kSecretPrefix);
  if (prefixed) text.remove_prefix(kSecretPrefix.size());
  auto bytes = prefixed ? base::fromBase64(text) : std::nullopt;
  if (!bytes || bytes->size() < 24 || bytes->size() > 64) {
    if (bytes) crypto::wipe(*bytes);
    return Error{ErrorCode::kConnectionInvalid,
                 "a signing secret must be whsec_ and 24 to 64 bytes in base64",
                 {"belay secret set NAME --generate webhook"}};
  }
  return SecretValue::take(std::move(*bytes));
}

bool isId(std::string_view id) {
  return !id.empty() && id.size() <= 256 &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F && c != '.'; });
}

std::string signatureOf(const SecretValue& key, std::string_view id, std::string_view timestamp,
                        std::string_view body) {
  std::string text;
  text.reserve(id.size() + timestamp.size() + body.size() + 2);
  text.append(id).append(".").append(timestamp).append(".").append(body);
  return std::string(kSignaturePrefix) +
         base::toBase64(crypto::hmacSha256(key.reveal(), text).view());
}

}  // namespace

std::vector<std::pair<std::string, std::string>> WebhookHeaders::fields() const {
  return {{"webhook-id", id}, {"webhook-timestamp", timestamp}, {"webhook-signature", signature}};
}

SecretValue makeWebhookSecret(base::Random& random) {
  std::string bytes(32, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  std::string text = std::string(kSecretPrefix) + base::toBase64(bytes);
  crypto::wipe(bytes);
  return SecretValue::take(std::move(text));
}

Result<WebhookHeaders> signWebhook(const SecretValue& secret, std::string_view id,
                                   std::int64_t timestampS, std::string_view body) {
  if (!isId(id)) {
    return Error{ErrorCode::kConnectionInvalid,
                 "the id of a webhook must be printable, without dots and spaces"};
  }
  BELAY_ASSIGN(const SecretValue key, keyOf(secret));
  WebhookHeaders headers{std::string(id), std::to_string(timestampS), {}};
  headers.signature = signatureOf(key, id, headers.timestamp, body);
  return headers;
}

Status verifyWebhook(const SecretValue& secret, const WebhookHeaders& headers,
                     std::string_view body, std::int64_t nowS, std::chrono::seconds tolerance) {
  const auto refused = [](const char* why) {
    return Error{ErrorCode::kCallbackToken, std::string("the webhook is refused: ") + why};
  };
  BELAY_ASSIGN(const SecretValue key, keyOf(secret));
  const auto timestamp = base::parseUnsigned(headers.timestamp);
  if (!isId(headers.id) || !timestamp || *timestamp > (1ull << 40)) {
    return refused("its id or timestamp is malformed");
  }
  const std::string expected = signatureOf(key, headers.id, headers.timestamp, body);
  bool matches = false;
  for (const std::string_view given : base::split(headers.signature, ' ')) {
    if (base::equalsInConstantTime(given, expected)) matches = true;
  }
  if (!matches) return refused("its signature does not match");
  const std::int64_t age = nowS - static_cast<std::int64_t>(*timestamp);
  if (age > tolerance.count() || age < -tolerance.count())
    return refused("it is too old or too new");
  return {};
}

}  // namespace belay::vault
