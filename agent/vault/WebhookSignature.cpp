#include "agent/vault/WebhookSignature.h"

#include "common/base/Text.h"
#include "common/crypto/WebhookMac.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Result<SecretValue> keyOf(const SecretValue& secret) {
  auto bytes = crypto::webhookKey(secret.reveal());
  if (bytes) return SecretValue::take(std::move(*bytes));
  return Error{ErrorCode::kConnectionInvalid,
               "a signing secret must be whsec_ and 24 to 64 bytes in base64",
               {"belay secret generate NAME --as webhook"}};
}

}  // namespace

std::vector<std::pair<std::string, std::string>> WebhookHeaders::fields() const {
  return {{"webhook-id", id}, {"webhook-timestamp", timestamp}, {"webhook-signature", signature}};
}

SecretValue makeWebhookSecret(base::Random& random) {
  return SecretValue::take(crypto::makeWebhookSecret(random));
}

Result<WebhookHeaders> signWebhook(const SecretValue& secret, std::string_view id,
                                   std::int64_t timestampS, std::string_view body) {
  if (!crypto::isWebhookId(id)) {
    return Error{ErrorCode::kConnectionInvalid,
                 "the id of a webhook must be printable, without dots and spaces"};
  }
  BELAY_ASSIGN(const SecretValue key, keyOf(secret));
  WebhookHeaders headers{std::string(id), std::to_string(timestampS), {}};
  headers.signature = crypto::webhookMac(key.reveal(), id, headers.timestamp, body);
  return headers;
}

Status verifyWebhook(const SecretValue& secret, const WebhookHeaders& headers,
                     std::string_view body, std::int64_t nowS, std::chrono::seconds tolerance) {
  const auto refused = [](const char* why) {
    return Error{ErrorCode::kCallbackToken, std::string("the webhook is refused: ") + why};
  };
  BELAY_ASSIGN(const SecretValue key, keyOf(secret));
  const auto timestamp = base::parseUnsigned(headers.timestamp);
  if (!crypto::isWebhookId(headers.id) || !timestamp || *timestamp > (1ull << 40)) {
    return refused("its id or timestamp is malformed");
  }
  const std::string expected =
      crypto::webhookMac(key.reveal(), headers.id, headers.timestamp, body);
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
