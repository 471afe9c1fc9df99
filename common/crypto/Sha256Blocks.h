#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace belay::crypto {

using Sha256State = std::array<std::uint32_t, 8>;

/// The constants of FIPS 180-4 §4.2.2.
extern const std::array<std::uint32_t, 64> kSha256Constants;

/// Takes `blocks` blocks of 64 bytes into the state. Threads: any.
void sha256BlocksPortable(Sha256State& state, const std::uint8_t* data, std::size_t blocks);
/// The same by the instructions of the processor; only where hasSha256Instructions().
void sha256BlocksNative(Sha256State& state, const std::uint8_t* data, std::size_t blocks);
bool hasSha256Instructions();

}  // namespace belay::crypto
