#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/crypto/P256.h"

namespace belay::crypto {

/// The content of a key file: a private key of P-256 that a passphrase seals, and its public part
/// in the clear. docs/format/statements.md has it byte by byte.
///
/// The key of AES-256-GCM comes from the passphrase by PBKDF2 with HMAC-SHA-256 and a salt of 16
/// random bytes. All else in the file is bound to the sealed part, so that nobody can put another
/// public key beside it, or ask for less work.
///
/// Threads: any. Errors: kKeyFile, kKeyPassphrase.
class KeyFile {
 public:
  static constexpr std::int64_t kIterations = 600'000;
  static constexpr std::int64_t kIterationsLeast = 10'000;
  static constexpr std::int64_t kIterationsMost = 10'000'000;
  static constexpr std::size_t kPassphraseBytesLeast = 8;
  static constexpr std::size_t kFileBytesMax = 4096;

  /// The text of a file. Errors: kInvalidArgument for a passphrase that is too short, and for
  /// iterations out of range.
  static base::Result<std::string> seal(const P256PrivateKey& key, std::string_view passphrase,
                                        base::Random& random,
                                        std::int64_t iterations = kIterations);
  /// Reads all but the sealed part.
  static base::Result<KeyFile> parse(std::string_view text);

  /// What the file says its public key is; unseal() proves it.
  const P256PublicKey& publicKey() const { return public_; }
  /// Takes a good part of a second of work.
  base::Result<P256PrivateKey> unseal(std::string_view passphrase) const;

 private:
  explicit KeyFile(P256PublicKey key) : public_(std::move(key)) {}
  P256PublicKey public_;
  std::int64_t iterations_ = 0;
  std::string salt_;
  std::string sealed_;
};

/// A public key as a file of its own: the JWK. Errors: kKeyFile.
base::Result<P256PublicKey> parsePublicKeyFile(std::string_view text);

}  // namespace belay::crypto
