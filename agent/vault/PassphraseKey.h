#pragma once

#include <string>
#include <string_view>

#include "agent/vault/SecretValue.h"
#include "common/base/Random.h"
#include "common/base/Result.h"

namespace belay::vault {

// A key that a passphrase protects: sealed with AES-256-GCM under PBKDF2-HMAC-SHA-256 of the
// passphrase. Threads: any; each call takes a good part of a second on purpose.

inline constexpr std::size_t kPassphraseLeast = 12;  ///< Bytes.

/// The text of a key file. Errors: kMasterKey for a passphrase that is too short.
base::Result<std::string> protectKey(const SecretValue& key, const SecretValue& passphrase,
                                     base::Random& random);
/// Errors: kMasterKey for another passphrase, and for what is no such file.
base::Result<SecretValue> unprotectKey(std::string_view text, const SecretValue& passphrase);

/// PBKDF2 with HMAC-SHA-256 (RFC 8018), 32 bytes.
std::string pbkdf2(std::string_view passphrase, std::string_view salt, std::uint32_t iterations);

}  // namespace belay::vault
