#include "common/crypto/Sha256.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/crypto/Sha256Blocks.h"
#include "common/crypto/Wipe.h"

namespace belay::crypto {

namespace {

constexpr Sha256State kInitialState{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

const std::uint8_t* raw(std::string_view bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

void takeBlocks(Sha256State& state, const std::uint8_t* data, std::size_t blocks) {
  static const auto take = hasSha256Instructions() ? sha256BlocksNative : sha256BlocksPortable;
  take(state, data, blocks);
}

}  // namespace

std::string Digest::hex() const { return base::toHex(bytes); }

std::optional<Digest> Digest::fromHex(std::string_view hex) {
  if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::nullopt;
  }
  const auto decoded = base::fromHex(hex);
  if (!decoded) return std::nullopt;
  Digest digest;
  std::copy(decoded->begin(), decoded->end(), digest.bytes.begin());
  return digest;
}

Sha256::Sha256() { reset(); }

// What was hashed may have been a key.
Sha256::~Sha256() {
  wipe(state_.data(), sizeof state_);
  wipe(block_.data(), sizeof block_);
}

void Sha256::reset() {
  state_ = kInitialState;
  bytes_ = 0;
}

void Sha256::update(std::string_view bytes) {
  const std::size_t held = bytes_ % block_.size();
  bytes_ += bytes.size();
  if (held > 0) {
    const std::size_t taken = std::min(bytes.size(), block_.size() - held);
    std::copy_n(raw(bytes), taken, block_.begin() + static_cast<std::ptrdiff_t>(held));
    if (held + taken < block_.size()) return;
    takeBlocks(state_, block_.data(), 1);
    bytes.remove_prefix(taken);
  }
  takeBlocks(state_, raw(bytes), bytes.size() / block_.size());
  bytes.remove_prefix(bytes.size() / block_.size() * block_.size());
  std::copy_n(raw(bytes), bytes.size(), block_.begin());
}

Digest Sha256::finish() {
  const std::uint64_t bits = bytes_ * 8;
  // One bit, zeros, and the length in the last eight bytes of a block.
  std::array<std::uint8_t, 128> end{0x80};
  const std::size_t held = bytes_ % block_.size();
  const std::size_t size = (held < 56 ? 64 : 128) - held;
  for (std::size_t i = 0; i < 8; ++i) {
    end.at(size - 1 - i) = static_cast<std::uint8_t>(bits >> (i * 8));
  }
  update({reinterpret_cast<const char*>(end.data()), size});
  Digest digest;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    digest.bytes.at(i) = static_cast<std::uint8_t>(state_.at(i / 4) >> (24 - i % 4 * 8));
  }
  reset();
  return digest;
}

Digest sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace belay::crypto
