#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/crypto/Digest.h"

namespace belay::crypto {

/// SHA-256 of bytes that come in pieces; by the processor's own instructions where it has them.
///
/// Threads: owner. Copies go on from the same point, apart from each other.
/// Errors:  none.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = default;
  Sha256& operator=(const Sha256&) = default;

  void update(std::string_view bytes);
  /// The digest of all that was given; the object then starts anew.
  Digest finish();

 private:
  void reset();

  std::array<std::uint32_t, 8> state_{};
  std::array<std::uint8_t, 64> block_{};  ///< What does not fill a block yet.
  std::uint64_t bytes_ = 0;               ///< Given so far.
};

Digest sha256(std::string_view bytes);

}  // namespace belay::crypto
