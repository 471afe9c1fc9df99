#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "common/crypto/Digest.h"

namespace belay::crypto {

/// SHA-256 of bytes that come in pieces.
///
/// Threads: owner. Copies go on from the same point, apart from each other.
/// Errors:  none.
class Sha256 {
 public:
  Sha256();

  void update(std::string_view bytes);
  /// The digest of all that was given; the object then starts anew.
  Digest finish();

 private:
  // Holds an mbedtls_sha256_context, or our own state where the processor has instructions for
  // SHA-256; both are plain bytes in this build; the source asserts size and kind.
  alignas(8) std::array<std::byte, 128> state_{};
};

Digest sha256(std::string_view bytes);

}  // namespace belay::crypto
