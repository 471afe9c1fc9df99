#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::crypto {

// What sealing for several people needs besides AES-GCM. Threads: any.

/// AES-256 key wrap (RFC 3394). `key`: whole blocks of 8 bytes, at least two; `wrapping`: 32 bytes
/// (checked: invariants of the caller).
std::string wrapKey(std::string_view wrapping, std::string_view key);
/// Errors: kCrypto when the wrapping key is another, or any bit has changed.
base::Result<std::string> unwrapKey(std::string_view wrapping, std::string_view wrapped);

/// The key that two parties have who agreed on `secret` (RFC 7518 §4.6.2: Concat KDF with SHA-256,
/// one round). `bytes`: at most 32 (checked).
std::string deriveAgreedKey(std::string_view secret, std::string_view algorithm,
                            std::string_view partyU, std::string_view partyV, std::size_t bytes);

}  // namespace belay::crypto
