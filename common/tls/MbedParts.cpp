#include "common/tls/MbedParts.h"

#include <array>
#include <span>

#include <mbedtls/error.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <psa/crypto.h>

#include "common/crypto/Wipe.h"

namespace belay::tls {

namespace {

constexpr std::size_t kTicketsMax = 64;

// Ephemeral keys and authenticated encryption only. Mbed TLS keeps pointers into these.
constexpr std::array<int, 10> kSuites{
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};
// X25519 first: with the library's verified code for it (config/cmake/deps/mbedtls-config.h) the
// exchange costs a fifth of what it costs over P-256.
constexpr std::array<std::uint16_t, 4> kGroups{
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

}  // namespace

int fillRandom(void* context, unsigned char* out, std::size_t length) noexcept {
  static_cast<base::Random*>(context)->fill(std::span<std::uint8_t>(out, length));
  return 0;
}

std::string mbedText(int code) {
  std::array<char, 160> text{};
  mbedtls_strerror(code, text.data(), text.size());
  return text.data();
}

base::Status SslConfig::setUp(int endpoint) {
  // TLS 1.3 makes its keys through PSA; repeating this is harmless, and it is safe from several
  // threads.
  if (psa_crypto_init() != PSA_SUCCESS) {
    return base::Error{base::ErrorCode::kTls, "the cryptographic library does not start"};
  }
  const int failed = mbedtls_ssl_config_defaults(&raw_, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT);
  if (failed != 0) return base::Error{base::ErrorCode::kTls, "set up TLS: " + mbedText(failed)};
  mbedtls_ssl_conf_rng(&raw_, fillRandom, &random_);
  mbedtls_ssl_conf_min_tls_version(&raw_, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_ciphersuites(&raw_, kSuites.data());
  mbedtls_ssl_conf_groups(&raw_, kGroups.data());
  return {};
}

void TicketCache::put(const std::string& origin, std::string session) {
  base::MutexLock lock(mutex_);
  if (sessions_.size() >= kTicketsMax) sessions_.clear();
  sessions_[origin] = std::move(session);
}

std::optional<std::string> TicketCache::take(const std::string& origin) {
  base::MutexLock lock(mutex_);
  auto node = sessions_.extract(origin);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

base::Status loadIdentity(std::string_view chainPem, std::string_view keyPem,
                          CertificateChain& certificates, PrivateKey& key, base::Random& random) {
  const std::string chain(chainPem);
  std::string keyText(keyPem);
  const auto* chainBytes = reinterpret_cast<const unsigned char*>(chain.c_str());
  const auto* keyBytes = reinterpret_cast<const unsigned char*>(keyText.c_str());
  // PEM must end with a NUL that counts.
  int failed = mbedtls_x509_crt_parse(certificates.get(), chainBytes, chain.size() + 1);
  if (failed != 0) {
    return base::Error{base::ErrorCode::kTlsCertificate,
                 "the certificate chain cannot be read: " +
                     (failed < 0 ? mbedText(failed) : "a part is not a certificate")};
  }
  failed = mbedtls_pk_parse_key(key.get(), keyBytes, keyText.size() + 1, nullptr, 0, fillRandom,
                                &random);
  crypto::wipe(keyText);
  if (failed != 0)
    return base::Error{base::ErrorCode::kTlsCertificate, "the private key cannot be read: " + mbedText(failed)};
  failed =
      mbedtls_pk_check_pair(&certificates.get()->pk, key.get(), fillRandom, &random);
  if (failed != 0) {
    return base::Error{base::ErrorCode::kTlsCertificate,
                 "the private key does not belong to the first certificate of the chain"};
  }
  return {};
}

}  // namespace belay::tls
