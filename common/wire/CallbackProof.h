#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::wire {

// How whoever answers a callback shows that it was given its token, without sending it: an HMAC
// over wait, time and body. `openssl dgst -sha256 -hmac TOKEN` makes it too. Threads: any.

inline constexpr std::string_view kTimestampHeader = "Belay-Timestamp";
inline constexpr std::string_view kSignatureHeader = "Belay-Signature";

/// "v1=" and 64 lower-case hex digits: HMAC-SHA-256 with the token's text as key over
/// `WAIT.TIMESTAMP.BODY`.
std::string signCallback(std::string_view token, std::string_view wait, std::string_view timestamp,
                         std::string_view body);
/// Compares in constant time. Errors: kCallbackSignature.
base::Status verifyCallback(std::string_view token, std::string_view wait,
                            std::string_view timestamp, std::string_view body,
                            std::string_view signature);

/// What stands in the URL of a wait's callback: nobody can guess it, and a relay keeps only its
/// digest. `key` never leaves the host.
std::string routingId(std::string_view key, std::string_view wait);
/// SHA-256 as hex, of a text that is a secret with enough randomness.
std::string digestOf(std::string_view secret);

}  // namespace belay::wire
