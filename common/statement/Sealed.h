#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/crypto/P256.h"

namespace belay::statement {

/// The most people that one text is sealed for.
constexpr std::size_t kRecipientsMax = 512;

// Sealing: JWE in the general JSON serialization (RFC 7516 §7.2.1), because one text is for several
// people: ECDH-ES+A256KW with one ephemeral key of P-256 gives each the key of A256GCM. The
// protected header has `alg`, `enc`, `epk` and `typ`, and nothing else.
//
// It keeps a secret; who has sealed it, it does not say: what is inside is a statement, or is
// checked by a digest of one. Threads: any.

/// `typ` is "belay-…+jwe". At least one recipient, at most kRecipientsMax (checked).
std::string seal(std::string_view plain, std::string_view typ,
                 std::span<const crypto::P256PublicKey> recipients, base::Random& random);
/// Errors: kSealed when it is malformed, of another kind, for others, or was changed.
base::Result<std::string> unseal(std::string_view text, std::string_view typ,
                                 const crypto::P256PrivateKey& key);

/// What is sealed of a request, its artifacts, and a start.
inline constexpr std::string_view kSealedRequest = "belay-request+jwe";
inline constexpr std::string_view kSealedArtifact = "belay-artifact+jwe";
inline constexpr std::string_view kSealedStart = "belay-start+jwe";

}  // namespace belay::statement
