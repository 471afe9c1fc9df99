#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/vault/SecretValue.h"
#include "common/base/Random.h"
#include "common/base/Result.h"

namespace belay::vault {

// Standard Webhooks: HMAC-SHA-256 over "id.timestamp.body". Threads: any.

/// What travels with a webhook.
struct WebhookHeaders {
  std::string id;         ///< webhook-id: the same over retries.
  std::string timestamp;  ///< webhook-timestamp: seconds since 1970.
  std::string signature;  ///< webhook-signature: "v1,<base64>", several with a space between.

  /// Names and values as they go into a request.
  std::vector<std::pair<std::string, std::string>> fields() const;
};

/// A fresh signing secret: "whsec_" and 32 random bytes in base64.
SecretValue makeWebhookSecret(base::Random& random);

/// Errors: kConnectionInvalid when `secret` is not "whsec_" and 24 to 64 bytes in base64, or `id`
/// is empty or has a dot, space or control character.
base::Result<WebhookHeaders> signWebhook(const SecretValue& secret, std::string_view id,
                                         std::int64_t timestampS, std::string_view body);

/// Succeeds when one of the signatures matches and the timestamp is within `tolerance` of `nowS`.
/// Errors: kCallbackToken; kConnectionInvalid for the secret.
base::Status verifyWebhook(const SecretValue& secret, const WebhookHeaders& headers,
                           std::string_view body, std::int64_t nowS,
                           std::chrono::seconds tolerance = std::chrono::seconds{300});

}  // namespace belay::vault
