#include "common/crypto/Hmac.h"

#include <algorithm>
#include <array>

#include "common/base/Check.h"
#include "common/crypto/Sha256.h"
#include "common/crypto/Wipe.h"

namespace belay::crypto {

namespace {

constexpr std::size_t kBlockBytes = 64;

}  // namespace

Digest hmacSha256(std::string_view key, std::string_view message) {
  std::array<char, kBlockBytes> pad{};
  if (key.size() > pad.size()) {
    const Digest shorter = sha256(key);
    std::copy_n(shorter.view().begin(), shorter.view().size(), pad.begin());
  } else {
    std::copy_n(key.begin(), key.size(), pad.begin());
  }
  for (char& c : pad) c = static_cast<char>(c ^ 0x36);
  Sha256 hash;
  hash.update({pad.data(), pad.size()});
  hash.update(message);
  const Digest inner = hash.finish();
  for (char& c : pad) c = static_cast<char>(c ^ 0x36 ^ 0x5c);
  hash.update({pad.data(), pad.size()});
  hash.update(inner.view());
  wipe(pad.data(), pad.size());
  return hash.finish();
}

std::string hkdfSha256(std::string_view key, std::string_view salt, std::string_view info,
                       std::size_t length) {
  BELAY_CHECK(length <= 255 * 32);
  Digest extracted = hmacSha256(salt, key);
  std::string out;
  std::string block;
  for (char counter = 1; out.size() < length; ++counter) {
    block.append(info).push_back(counter);
    const Digest next = hmacSha256(extracted.view(), block);
    wipe(block);
    block = next.view();
    out += block;
  }
  wipe(extracted.bytes.data(), extracted.bytes.size());
  wipe(block);
  out.resize(length);
  return out;
}

}  // namespace belay::crypto
