#include "common/crypto/Hmac.h"

#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>

#include "common/base/Check.h"

namespace belay::crypto {

namespace {

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

const mbedtls_md_info_t* sha256Info() { return mbedtls_md_info_from_type(MBEDTLS_MD_SHA256); }

}  // namespace

Digest hmacSha256(std::string_view key, std::string_view message) {
  Digest out;
  const int failed = mbedtls_md_hmac(sha256Info(), raw(key), key.size(), raw(message),
                                     message.size(), out.bytes.data());
  BELAY_CHECK(failed == 0);
  return out;
}

std::string hkdfSha256(std::string_view key, std::string_view salt, std::string_view info,
                       std::size_t length) {
  BELAY_CHECK(length <= 255 * 32);
  std::string out(length, '\0');
  const int failed =
      mbedtls_hkdf(sha256Info(), raw(salt), salt.size(), raw(key), key.size(), raw(info),
                   info.size(), reinterpret_cast<unsigned char*>(out.data()), out.size());
  BELAY_CHECK(failed == 0);
  return out;
}

}  // namespace belay::crypto
