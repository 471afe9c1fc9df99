#include "agent/trust/AddressBlock.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "common/base/Text.h"

namespace belay::trust {

namespace {

constexpr std::size_t kMappedAt = 12;

AddressBytes mapped(const std::uint8_t* fourBytes) {
  AddressBytes out{};
  out[10] = out[11] = 0xFF;
  std::copy_n(fourBytes, 4, out.begin() + kMappedAt);
  return out;
}

std::optional<AddressBytes> bytesOf(const http::Address& address) {
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return mapped(bytes.data());
  }
  if (address.storage.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof v6);
  AddressBytes out{};
  std::memcpy(out.data(), &v6.sin6_addr, out.size());
  return out;
}

struct Embedding {
  AddressBlock block;
  std::size_t at;  ///< Where the four bytes of IPv4 stand.
};

std::vector<Embedding> embeddings() {
  std::vector<Embedding> out;
  const auto add = [&](std::string_view text, std::size_t at) {
    if (const auto block = AddressBlock::parse(text)) out.push_back({*block, at});
  };
  add("64:ff9b::/96", 12);  // NAT64
  add("64:ff9b:1::/48", 12);
  add("2002::/16", 2);  // 6to4
  add("::/96", 12);     // IPv4-compatible
  return out;
}

}  // namespace

std::optional<AddressBlock> AddressBlock::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  http::Address address;
  if (!http::parseAddress(host, 0, address)) return std::nullopt;
  const auto bytes = bytesOf(address);
  if (!bytes) return std::nullopt;
  const unsigned width = address.storage.ss_family == AF_INET ? 32 : 128;
  AddressBlock out{*bytes, 128};
  if (slash != std::string_view::npos) {
    const auto prefix = base::parseUnsigned(text.substr(slash + 1));
    if (!prefix || *prefix > width) return std::nullopt;
    out.bits = 128 - width + static_cast<unsigned>(*prefix);
  }
  AddressBytes kept = out.bytes;
  for (unsigned bit = out.bits; bit < 128; ++bit) {
    kept.at(bit / 8) = static_cast<std::uint8_t>(kept.at(bit / 8) & ~(0x80u >> (bit % 8)));
  }
  if (kept != out.bytes) return std::nullopt;
  return out;
}

bool AddressBlock::contains(const AddressBytes& address) const {
  const unsigned whole = bits / 8;
  if (!std::equal(bytes.begin(), bytes.begin() + whole, address.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF00u >> (bits % 8));
  return (bytes.at(whole) & mask) == (address.at(whole) & mask);
}

std::vector<AddressBytes> addressesWithin(const http::Address& address) {
  std::vector<AddressBytes> out;
  const auto bytes = bytesOf(address);
  if (!bytes) return out;
  out.push_back(*bytes);
  for (const Embedding& embedding : embeddings()) {
    const std::uint8_t* const four = bytes->data() + embedding.at;
    // ::1 and :: are addresses of their own, not 0.0.0.1 and 0.0.0.0.
    if (embedding.block.contains(*bytes) && four[0] != 0) out.push_back(mapped(four));
  }
  return out;
}

}  // namespace belay::trust
