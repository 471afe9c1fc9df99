#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Random.h"
#include "common/base/Result.h"

namespace belay::crypto {

/// A key that keeps bytes secret and unchanged: AES-256-GCM with a fresh random nonce of 96 bits
/// each time.
///
/// Sealed form: nonce (12 bytes), ciphertext, tag (16 bytes). Random nonces are safe for 2^32 seals
/// of one key.
///
/// Threads:   any, at once.
/// Ownership: move only; the key is overwritten when the object goes.
class SealKey {
 public:
  static constexpr std::size_t kBytes = 32;
  static constexpr std::size_t kOverhead = 28;

  /// Errors: kCrypto unless `key` is 32 bytes.
  static base::Result<SealKey> fromBytes(std::string_view key);
  ~SealKey();
  SealKey(SealKey&& other) noexcept;
  SealKey& operator=(SealKey&& other) noexcept;
  SealKey(const SealKey&) = delete;
  SealKey& operator=(const SealKey&) = delete;

  /// `context` is not kept in the sealed form: open() needs the very same bytes.
  std::string seal(std::string_view plain, std::string_view context, base::Random& random) const;

  /// Errors: kCrypto when the key or the context is another, or any bit has changed. Nothing of the
  /// content is given out then.
  base::Result<std::string> open(std::string_view sealed, std::string_view context) const;

  /// Another key for another purpose: HKDF with `label`.
  SealKey derive(std::string_view label) const;
  /// HMAC-SHA-256 key bytes for `label`, apart from every key of derive().
  std::string deriveMacKey(std::string_view label) const;

 private:
  SealKey() = default;
  std::array<std::uint8_t, kBytes> key_{};
};

}  // namespace belay::crypto
