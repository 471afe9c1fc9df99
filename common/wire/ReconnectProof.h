#pragma once

#include <string>
#include <string_view>

namespace belay::wire {

/// What a host that had a session shows with its next session statement, instead of having the
/// signature looked at again: HMAC-SHA-256 of the statement under the key that the relay gave it
/// with the session before, in base64url. It proves to the relay who comes; what the statement says
/// is for the host itself, which verifies it (docs/format/link.md).
///
/// Threads: any.
std::string reconnectProof(std::string_view key, std::string_view statement);

}  // namespace belay::wire
