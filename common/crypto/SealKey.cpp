#include "common/crypto/SealKey.h"

#include <algorithm>

#include <mbedtls/gcm.h>

#include "common/base/Check.h"
#include "common/crypto/Hmac.h"
#include "common/crypto/Wipe.h"

namespace belay::crypto {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
static_assert(kNonceBytes + kTagBytes == SealKey::kOverhead);

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

/// A context holds the state of one call, so each call has its own; setting the key up takes about
/// a microsecond.
class Gcm {
 public:
  explicit Gcm(const std::array<std::uint8_t, SealKey::kBytes>& key) {
    mbedtls_gcm_init(&raw_);
    BELAY_CHECK(mbedtls_gcm_setkey(&raw_, MBEDTLS_CIPHER_ID_AES, key.data(), SealKey::kBytes * 8) ==
                0);
  }
  ~Gcm() { mbedtls_gcm_free(&raw_); }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;
  mbedtls_gcm_context* get() { return &raw_; }

 private:
  mbedtls_gcm_context raw_;
};

}  // namespace

Result<SealKey> SealKey::fromBytes(std::string_view key) {
  if (key.size() != kBytes) {
    return Error{ErrorCode::kCrypto,
                 "a sealing key has 32 bytes, not " + std::to_string(key.size())};
  }
  SealKey out;
  std::copy(key.begin(), key.end(), out.key_.begin());
  return out;
}

SealKey::~SealKey() { wipe(key_.data(), key_.size()); }

SealKey::SealKey(SealKey&& other) noexcept : key_(other.key_) {
  wipe(other.key_.data(), other.key_.size());
}

SealKey& SealKey::operator=(SealKey&& other) noexcept {
  if (this != &other) {
    key_ = other.key_;
    wipe(other.key_.data(), other.key_.size());
  }
  return *this;
}

std::string SealKey::seal(std::string_view plain, std::string_view context,
                          base::Random& random) const {
  std::string sealed(kNonceBytes + plain.size() + kTagBytes, '\0');
  unsigned char* const nonce = raw(sealed);
  unsigned char* const body = nonce + kNonceBytes;
  random.fill({nonce, kNonceBytes});
  Gcm gcm(key_);
  const int failed = mbedtls_gcm_crypt_and_tag(gcm.get(), MBEDTLS_GCM_ENCRYPT, plain.size(), nonce,
                                               kNonceBytes, raw(context), context.size(),
                                               raw(plain), body, kTagBytes, body + plain.size());
  BELAY_CHECK(failed == 0);
  return sealed;
}

Result<std::string> SealKey::open(std::string_view sealed, std::string_view context) const {
  if (sealed.size() < kOverhead) return Error{ErrorCode::kCrypto, "sealed data is too short"};
  const unsigned char* const nonce = raw(sealed);
  const unsigned char* const body = nonce + kNonceBytes;
  const std::size_t size = sealed.size() - kOverhead;
  std::string plain(size, '\0');
  Gcm gcm(key_);
  // On a wrong tag the library overwrites the output before it returns.
  if (mbedtls_gcm_auth_decrypt(gcm.get(), size, nonce, kNonceBytes, raw(context), context.size(),
                               body + size, kTagBytes, body, raw(plain)) != 0) {
    return Error{ErrorCode::kCrypto,
                 "sealed data does not open: another key or context, or it was changed"};
  }
  return plain;
}

SealKey SealKey::derive(std::string_view label) const {
  const std::string_view mine(reinterpret_cast<const char*>(key_.data()), key_.size());
  std::string bytes = hkdfSha256(mine, {}, "belay seal " + std::string(label), kBytes);
  SealKey out;
  std::copy(bytes.begin(), bytes.end(), out.key_.begin());
  wipe(bytes);
  return out;
}

std::string SealKey::deriveMacKey(std::string_view label) const {
  const std::string_view mine(reinterpret_cast<const char*>(key_.data()), key_.size());
  return hkdfSha256(mine, {}, "belay mac " + std::string(label), 32);
}

}  // namespace belay::crypto
