#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace belay::crypto {

/// A SHA-256 value. It names public content; compare secrets with base::equalsInConstantTime
/// instead.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  /// The 32 bytes as text; valid as long as this object.
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  /// 64 lower-case digits.
  std::string hex() const;
  /// Nothing unless `hex` is exactly 64 lower-case digits: one digest has one spelling.
  static std::optional<Digest> fromHex(std::string_view hex);

  auto operator<=>(const Digest&) const = default;
};

}  // namespace belay::crypto
