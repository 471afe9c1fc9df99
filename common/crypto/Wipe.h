#pragma once

#include <cstddef>
#include <string>

namespace belay::crypto {

/// Overwrites memory that held a secret, in a way that the compiler keeps.
void wipe(void* bytes, std::size_t size) noexcept;
/// Also empties the text. Only its present buffer is reached, not those that it grew out of.
void wipe(std::string& text) noexcept;

}  // namespace belay::crypto
