#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/flow/Triggers.h"
#include "agent/vault/SecretSource.h"
#include "common/base/Result.h"

namespace belay::triggers {

/// What came to a webhook, verbatim.
struct Delivery {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  /// Null pointer when there is no such field. Names compare without regard to case.
  const std::string* header(std::string_view name) const;
  /// How often a field of that name stands.
  std::size_t count(std::string_view name) const;
};

/// What a delivery has proven.
struct Proof {
  std::string words;  ///< "hmac-sha256", "bearer", …; "none".
  /// What makes it the same delivery again: what the MAC covers; of a token, which covers nothing,
  /// the header Idempotency-Key or else the body.
  std::string key;
  std::vector<std::string> covered;  ///< Header fields that the MAC covers, in lower case.
};

/// Verifies a delivery against the secret of its webhook, comparing in constant time.
/// Errors: kWebhookRefused, which never says what would be right; kConnectionInvalid for a secret
/// that is none of Standard Webhooks.
base::Result<Proof> verifyDelivery(const flow::WebhookAuth& auth, const vault::SecretValue& secret,
                                   const Delivery& delivery, std::int64_t nowMs);
/// Of a webhook without authentication.
Proof unproven(const Delivery& delivery);

}  // namespace belay::triggers
