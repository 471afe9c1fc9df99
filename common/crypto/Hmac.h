#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/crypto/Digest.h"

namespace belay::crypto {

// Keyed hashes. Threads: any. Errors: none; compare results with base::equalsInConstantTime.

/// HMAC-SHA-256 (RFC 2104), keys of any length.
Digest hmacSha256(std::string_view key, std::string_view message);

/// HKDF-SHA-256 (RFC 5869): `length` bytes, at most 255 * 32, from a key and a label that says what
/// they are for.
std::string hkdfSha256(std::string_view key, std::string_view salt, std::string_view info,
                       std::size_t length);

}  // namespace belay::crypto
