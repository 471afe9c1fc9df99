#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/Random.h"

namespace belay::crypto {

// The arithmetic of Standard Webhooks: HMAC-SHA-256 over "id.timestamp.body". Threads: any. Secrets
// that come out are the caller's to wipe.

/// A fresh signing secret: "whsec_" and 32 random bytes in base64.
std::string makeWebhookSecret(base::Random& random);
/// The bytes of a secret; nothing unless it is "whsec_" and 24 to 64 bytes in base64.
std::optional<std::string> webhookKey(std::string_view secret);
/// Printable, without dots and spaces.
bool isWebhookId(std::string_view id);
/// "v1,<base64>".
std::string webhookMac(std::string_view key, std::string_view id, std::string_view timestamp,
                       std::string_view body);

}  // namespace belay::crypto
