#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/http/Resolver.h"

namespace belay::trust {

/// An address in 16 bytes; IPv4 stands in its mapped form (::ffff:a.b.c.d), so that one comparison
/// does for both.
using AddressBytes = std::array<std::uint8_t, 16>;

/// A block of addresses, as "10.0.0.0/8", "fe80::/10" or a single address name it.
struct AddressBlock {
  AddressBytes bytes{};
  unsigned bits = 0;  ///< Of 128.

  /// Nothing unless it is a block whose bits after the prefix are zero.
  static std::optional<AddressBlock> parse(std::string_view text);
  bool contains(const AddressBytes& address) const;
};

/// The address, and the IPv4 addresses that a gateway might read out of it (NAT64, 6to4,
/// IPv4-compatible).
std::vector<AddressBytes> addressesWithin(const http::Address& address);

}  // namespace belay::trust
