#include "common/crypto/Sha256.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>

#include <mbedtls/sha256.h>

#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256Blocks.h"

namespace belay::crypto {

namespace {

using Context = mbedtls_sha256_context;
static_assert(sizeof(Context) <= 128 && alignof(Context) <= 8 &&
              std::is_trivially_copyable_v<Context>);

Context* context(std::array<std::byte, 128>& state) {
  return reinterpret_cast<Context*>(state.data());
}

/// The state where the processor has instructions of its own.
struct Words {
  Sha256Words chained{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::uint64_t bytes = 0;
  std::array<unsigned char, 64> block;  ///< Its first bytes % 64 are filled.
};
static_assert(sizeof(Words) <= 128 && alignof(Words) <= 8 && std::is_trivially_copyable_v<Words>);

Words& words(std::array<std::byte, 128>& state) {
  return *std::launder(reinterpret_cast<Words*>(state.data()));
}

const bool kByInstructions = hasSha256Instructions();

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::string Digest::hex() const { return base::toHex(bytes); }

std::optional<Digest> Digest::fromHex(std::string_view hex) {
  if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::nullopt;
  const auto decoded = base::fromHex(hex);
  if (!decoded) return std::nullopt;
  Digest digest;
  std::copy(decoded->begin(), decoded->end(), digest.bytes.begin());
  return digest;
}

namespace {

void add(Words& to, const unsigned char* bytes, std::size_t count) {
  const std::size_t filled = to.bytes % to.block.size();
  to.bytes += count;
  if (filled > 0) {
    const std::size_t taken = std::min(count, to.block.size() - filled);
    std::memcpy(to.block.data() + filled, bytes, taken);
    if (filled + taken < to.block.size()) return;
    sha256Blocks(to.chained, to.block.data(), 1);
    bytes += taken;
    count -= taken;
  }
  const std::size_t blocks = count / to.block.size();
  if (blocks > 0) sha256Blocks(to.chained, bytes, blocks);
  const std::size_t left = count % to.block.size();
  if (left > 0) std::memcpy(to.block.data(), bytes + blocks * to.block.size(), left);
}

void bigEndian(std::uint64_t value, std::size_t size, unsigned char* to) {
  for (; size > 0; --size, value >>= 8) to[size - 1] = static_cast<unsigned char>(value);
}

/// The digest, after the end mark, zeros and the length in bits.
Digest end(Words& of) {
  const std::uint64_t bits = of.bytes * 8;
  std::array<unsigned char, 72> padding{0x80};
  const std::size_t zeros = (55 + 64 - of.bytes % 64) % 64;
  bigEndian(bits, 8, padding.data() + 1 + zeros);
  add(of, padding.data(), 1 + zeros + 8);
  Digest digest;
  for (std::size_t i = 0; i < 8; ++i) bigEndian(of.chained[i], 4, digest.bytes.data() + 4 * i);
  return digest;
}

}  // namespace

// Mbed TLS's software implementation cannot fail: its results are checked as invariants.

Sha256::Sha256() {
  if (kByInstructions) {
    new (state_.data()) Words;
    return;
  }
  mbedtls_sha256_init(context(state_));
  BELAY_CHECK(mbedtls_sha256_starts(context(state_), 0) == 0);
}

void Sha256::update(std::string_view bytes) {
  if (bytes.empty()) return;
  if (kByInstructions) return add(words(state_), raw(bytes), bytes.size());
  BELAY_CHECK(mbedtls_sha256_update(context(state_), raw(bytes), bytes.size()) == 0);
}

Digest Sha256::finish() {
  Digest digest;
  if (kByInstructions) {
    digest = end(words(state_));
    new (state_.data()) Words;
    return digest;
  }
  BELAY_CHECK(mbedtls_sha256_finish(context(state_), digest.bytes.data()) == 0);
  BELAY_CHECK(mbedtls_sha256_starts(context(state_), 0) == 0);
  return digest;
}

Digest sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace belay::crypto
