#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>

#include "common/base/Mutex.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/tls/TlsClientConfig.h"
#include "common/tls/TlsServerConfig.h"

namespace belay::tls {

// The room's own side of Mbed TLS: included by the sources of common/tls only.

/// Not movable: sessions keep a pointer to it.
class SslConfig {
 public:
  SslConfig() noexcept { mbedtls_ssl_config_init(&raw_); }
  ~SslConfig() { mbedtls_ssl_config_free(&raw_); }
  SslConfig(const SslConfig&) = delete;
  SslConfig& operator=(const SslConfig&) = delete;

  mbedtls_ssl_config* get() { return &raw_; }
  const mbedtls_ssl_config* get() const { return &raw_; }
  /// Versions, suites and the source of randomness, for either side. Errors: kTls.
  base::Status setUp(int endpoint);

 private:
  base::OsRandom random_;
  mbedtls_ssl_config raw_;
};

/// Owns a chain of certificates, empty at first.
class CertificateChain {
 public:
  CertificateChain() noexcept { mbedtls_x509_crt_init(&raw_); }
  ~CertificateChain() { mbedtls_x509_crt_free(&raw_); }
  CertificateChain(const CertificateChain&) = delete;
  CertificateChain& operator=(const CertificateChain&) = delete;

  mbedtls_x509_crt* get() { return &raw_; }
  bool empty() const { return raw_.version == 0; }

 private:
  mbedtls_x509_crt raw_;
};

/// Owns a private key, empty at first.
class PrivateKey {
 public:
  PrivateKey() noexcept { mbedtls_pk_init(&raw_); }
  ~PrivateKey() { mbedtls_pk_free(&raw_); }
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;

  mbedtls_pk_context* get() { return &raw_; }

 private:
  mbedtls_pk_context raw_;
};

/// Owns the keys that seal session tickets.
class TicketKeys {
 public:
  TicketKeys() noexcept { mbedtls_ssl_ticket_init(&raw_); }
  ~TicketKeys() { mbedtls_ssl_ticket_free(&raw_); }
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  mbedtls_ssl_ticket_context* get() { return &raw_; }

 private:
  mbedtls_ssl_ticket_context raw_;
};

/// Owns a session that can be resumed.
class SslSession {
 public:
  SslSession() noexcept { mbedtls_ssl_session_init(&raw_); }
  ~SslSession() { mbedtls_ssl_session_free(&raw_); }
  SslSession(const SslSession&) = delete;
  SslSession& operator=(const SslSession&) = delete;

  mbedtls_ssl_session* get() { return &raw_; }

 private:
  mbedtls_ssl_session raw_;
};

/// Tickets by "host:port", serialised. Each is given out once; a full cache forgets all.
///
/// Threads: any.
class TicketCache {
 public:
  void put(const std::string& origin, std::string session);
  std::optional<std::string> take(const std::string& origin);

 private:
  base::Mutex mutex_;
  std::map<std::string, std::string> sessions_ BELAY_GUARDED_BY(mutex_);
};

struct TlsClientConfig::Parts {
  // Constant after construction.
  std::vector<std::string> pins;
  bool pinsAlone = false;  ///< No authority must have signed.
  std::shared_ptr<CertificateAlarm> dates;
  std::string source;
  base::OsRandom random;
  CertificateChain authorities;
  CertificateChain own;  ///< What the client shows of itself, when it has something.
  PrivateKey key;
  SslConfig config;
  // Self-synchronised.
  TicketCache tickets;
};

struct TlsServerConfig::Parts {
  // Constant after construction.
  base::OsRandom random;  // Before what keeps a pointer to it.
  CertificateChain chain;
  PrivateKey key;
  SslConfig config;
  // Self-synchronised.
  TicketKeys tickets;
  std::atomic<std::uint64_t> resumptions{0};
};

/// Reads a certificate with the key that belongs to it, as PEM. Errors: kTlsCertificate.
base::Status loadIdentity(std::string_view chainPem, std::string_view keyPem,
                          CertificateChain& certificates, PrivateKey& key, base::Random& random);
/// getrandom(2) as Mbed TLS wants it; the context is a base::Random.
int fillRandom(void* context, unsigned char* out, std::size_t length) noexcept;
/// What Mbed TLS says about one of its codes.
std::string mbedText(int code);

}  // namespace belay::tls
