#include "common/crypto/KeyWrap.h"

#include <array>
#include <cstdint>

#include <mbedtls/aes.h>

#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/crypto/Wipe.h"

namespace belay::crypto {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::size_t kHalf = 8;
constexpr std::size_t kKeyBytes = 32;
constexpr std::uint64_t kRounds = 6;
/// The initial value of RFC 3394, by which a wrong key shows.
constexpr std::string_view kMark = "\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6";

class Aes {
 public:
  Aes(std::string_view key, bool encrypts)
      : mode_(encrypts ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT) {
    BELAY_CHECK(key.size() == kKeyBytes);
    mbedtls_aes_init(&raw_);
    const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
    BELAY_CHECK((encrypts ? mbedtls_aes_setkey_enc(&raw_, bytes, kKeyBytes * 8)
                          : mbedtls_aes_setkey_dec(&raw_, bytes, kKeyBytes * 8)) == 0);
  }
  ~Aes() { mbedtls_aes_free(&raw_); }
  Aes(const Aes&) = delete;
  Aes& operator=(const Aes&) = delete;

  void block(std::string& bytes) {
    auto* at = reinterpret_cast<unsigned char*>(bytes.data());
    BELAY_CHECK(mbedtls_aes_crypt_ecb(&raw_, mode_, at, at) == 0);
  }

 private:
  mbedtls_aes_context raw_;
  const int mode_;
};

/// The counter of a step, into the first half.
void mix(std::string& block, std::uint64_t count) {
  for (std::size_t i = 0; i < kHalf; ++i) {
    const auto byte = static_cast<unsigned char>(count >> (8 * (kHalf - 1 - i)));
    block[i] = static_cast<char>(static_cast<unsigned char>(block[i]) ^ byte);
  }
}

void appendLength(std::string& out, std::uint32_t length) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift);
}

void appendField(std::string& out, std::string_view field) {
  appendLength(out, static_cast<std::uint32_t>(field.size()));
  out += field;
}

}  // namespace

std::string wrapKey(std::string_view wrapping, std::string_view key) {
  BELAY_CHECK(key.size() % kHalf == 0 && key.size() >= 2 * kHalf);
  const std::uint64_t count = key.size() / kHalf;
  std::string out(kMark);
  out += key;
  Aes aes(wrapping, true);
  for (std::uint64_t step = 0; step < kRounds * count; ++step) {
    const std::size_t at = kHalf * (1 + step % count);
    std::string block = out.substr(0, kHalf) + out.substr(at, kHalf);
    aes.block(block);
    mix(block, step + 1);
    out.replace(0, kHalf, block, 0, kHalf);
    out.replace(at, kHalf, block, kHalf, kHalf);
    wipe(block);
  }
  return out;
}

Result<std::string> unwrapKey(std::string_view wrapping, std::string_view wrapped) {
  const Error wrong{ErrorCode::kCrypto, "a wrapped key does not open"};
  if (wrapped.size() % kHalf != 0 || wrapped.size() < 3 * kHalf) return wrong;
  const std::uint64_t count = wrapped.size() / kHalf - 1;
  std::string out(wrapped);
  Aes aes(wrapping, false);
  for (std::uint64_t step = kRounds * count; step > 0; --step) {
    const std::size_t at = kHalf * (1 + (step - 1) % count);
    std::string block = out.substr(0, kHalf) + out.substr(at, kHalf);
    mix(block, step);
    aes.block(block);
    out.replace(0, kHalf, block, 0, kHalf);
    out.replace(at, kHalf, block, kHalf, kHalf);
    wipe(block);
  }
  const bool opens = base::equalsInConstantTime(std::string_view(out).substr(0, kHalf), kMark);
  std::string key = out.substr(kHalf);
  wipe(out);
  if (opens) return key;
  wipe(key);
  return wrong;
}

std::string deriveAgreedKey(std::string_view secret, std::string_view algorithm,
                            std::string_view partyU, std::string_view partyV, std::size_t bytes) {
  BELAY_CHECK(bytes <= kKeyBytes);
  std::string input;
  appendLength(input, 1);
  input += secret;
  appendField(input, algorithm);
  appendField(input, partyU);
  appendField(input, partyV);
  appendLength(input, static_cast<std::uint32_t>(bytes * 8));
  const Digest digest = sha256(input);
  wipe(input);
  return std::string(digest.view().substr(0, bytes));
}

}  // namespace belay::crypto
