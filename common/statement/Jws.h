#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/crypto/P256.h"

namespace belay::statement {

/// The longest statement that is read, as compact text.
constexpr std::size_t kJwsBytesMax = 1u << 20;

/// A signed statement that was read but not yet believed: compact JWS (RFC 7515), ES256, header
/// {alg, kid, typ} and nothing else.
///
/// Reading is strict: canonical base64url, no unknown or duplicate header member, 64 bytes of
/// signature with r and s in [1, n). s may be above n/2, as many signers make it: nothing is ever
/// keyed on the bytes of a signature. The payload is the verbatim bytes; nobody parses it as a fact
/// before verify() has said yes. What is needed to find the key and to refuse early (kid, typ, a
/// nonce in the payload) can be read before.
///
/// Threads: owner; const use from any.
/// Errors:  kStatementInvalid; verify(): kStatementKind, kStatementKey, kStatementSignature.
class Jws {
 public:
  static base::Result<Jws> parse(std::string_view compact);

  const std::string& typ() const { return typ_; }
  /// Thumbprint of the key that is said to have signed.
  const std::string& kid() const { return kid_; }
  const std::string& unverifiedPayload() const { return payload_; }
  /// All of it, as it came.
  const std::string& compact() const { return compact_; }

  /// The payload, when `key` signed these bytes as a statement of kind `typ`.
  base::Result<std::string> verify(const crypto::P256PublicKey& key, std::string_view typ) const;

 private:
  Jws() = default;
  std::string typ_;
  std::string kid_;
  std::string payload_;
  std::string compact_;
  std::size_t signedBytes_ = 0;  ///< Header and payload with the dot: the front of compact_.
  crypto::Signature signature_{};
};

/// Makes the compact form. `typ` is "belay-…+jws" (checked: an invariant of the caller).
std::string signJws(const crypto::P256PrivateKey& key, std::string_view typ,
                    std::string_view payload);

}  // namespace belay::statement
