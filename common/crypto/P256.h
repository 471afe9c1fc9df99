#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::crypto {

/// r and s of an ECDSA signature, 32 bytes each, big-endian (RFC 7518 §3.4); never DER.
using Signature = std::array<std::uint8_t, 64>;

/// A point of P-256 that was checked to be on the curve, and not at infinity.
///
/// Threads: any, at once.
class P256PublicKey {
 public:
  /// Errors: kCrypto unless it is {"kty":"EC","crv":"P-256","x","y"} with 32 canonical bytes each,
  /// on the curve. A "d" is refused: who hands out a private key should hear of it. Other members
  /// are left alone.
  static base::Result<P256PublicKey> fromJwk(const json::Value& jwk);
  /// SEC 1, uncompressed: 0x04, x, y. Errors: kCrypto.
  static base::Result<P256PublicKey> fromPoint(std::string_view point);

  /// {"crv":"P-256","kty":"EC","x":…,"y":…}: the very bytes that the thumbprint covers.
  std::string jwk() const;
  /// RFC 7638 with SHA-256, base64url: the `kid` of statements.
  const std::string& thumbprint() const { return thumbprint_; }
  std::string_view point() const {
    return {reinterpret_cast<const char*>(point_.data()), point_.size()};
  }

  /// True when `signature` is this key's over SHA-256 of `message`, with 1 <= r, s < n.
  bool verify(std::string_view message, const Signature& signature) const;

  bool operator==(const P256PublicKey& other) const { return point_ == other.point_; }

 private:
  explicit P256PublicKey(std::string_view point);
  std::array<std::uint8_t, 65> point_{};
  std::string thumbprint_;
};

/// A private key of P-256.
///
/// Threads:   any, at once.
/// Ownership: move only; the scalar is overwritten when the object goes.
class P256PrivateKey {
 public:
  static P256PrivateKey generate(base::Random& random);
  /// The JWK of toJwk(). Errors: kCrypto, also when x and y do not belong to d.
  static base::Result<P256PrivateKey> fromJwk(std::string_view text);
  ~P256PrivateKey();
  P256PrivateKey(P256PrivateKey&& other) noexcept;
  P256PrivateKey& operator=(P256PrivateKey&& other) noexcept;
  P256PrivateKey(const P256PrivateKey&) = delete;
  P256PrivateKey& operator=(const P256PrivateKey&) = delete;

  /// The whole key as JSON; the caller wipes the text.
  std::string toJwk() const;
  const P256PublicKey& publicKey() const { return public_; }

  /// ECDSA with SHA-256 and the nonce of RFC 6979: the same message gives the same signature.
  Signature sign(std::string_view message) const;

  /// The secret that this key and the other have in common: the x of their product, 32 bytes
  /// (ECDH). The caller wipes it.
  std::string agree(const P256PublicKey& other) const;

 private:
  P256PrivateKey(std::string_view scalar, P256PublicKey publicKey);
  std::array<std::uint8_t, 32> scalar_{};
  P256PublicKey public_;
};

}  // namespace belay::crypto
