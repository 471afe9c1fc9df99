#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Environment.h"
#include "common/base/Mutex.h"
#include "common/base/Result.h"

namespace belay::tls {

/// What was overlooked in the certificates of a peer, at the last handshake that looked at them.
///
/// Threads: any.
class CertificateAlarm {
 public:
  /// `changed` is called with each new text, by the thread of the session.
  explicit CertificateAlarm(std::function<void(const std::string&)> changed)
      : changed_(std::move(changed)) {}

  /// Empty: nothing.
  std::string text() const;
  void set(std::string text);

 private:
  // Constant after construction.
  const std::function<void(const std::string&)> changed_;

  mutable base::Mutex mutex_;
  std::string text_ BELAY_GUARDED_BY(mutex_);
};

struct TlsClientOptions {
  /// A PEM bundle of the authorities to believe, instead of the system's.
  std::string caFile;
  /// For SSL_CERT_FILE and SSL_CERT_DIR, which come before the system's bundle; empty: neither is
  /// looked at.
  base::EnvironmentLookup environment;
  /// TLS 1.2 with records of 1,024 bytes, so that a parked connection costs the server little. A
  /// server that does not offer this refuses the handshake or ignores it.
  bool smallRecords = false;
  /// A certificate and its key as PEM, for servers that want to know who asks; empty: none.
  std::string_view chainPem;
  std::string_view keyPem;
  /// SHA-256 of the public keys (SubjectPublicKeyInfo) that the peer may have, in hex; empty: any.
  /// Without `caFile` the certificate of such a key is believed whoever has signed it: no bundle is
  /// looked at. Its name must be right all the same.
  std::vector<std::string> pins;
  /// Where nothing but the dates of certificates is wrong the session goes on, and this says so.
  /// Only for peers that are believed by `caFile` or `pins`. Null: it is refused.
  std::shared_ptr<CertificateAlarm> dates;
};

/// What every TLS client of one kind shares: authorities, TLS 1.2 or 1.3 with ephemeral keys and
/// AEAD suites only, and the tickets of earlier sessions. There is no way to switch verification
/// off.
///
/// Threads:   any.
/// Ownership: shared by all sessions that were made with it.
/// Errors:    kTlsCertificate when no authorities can be had, naming the file and what to do;
///            for a certificate or key that cannot be used.
class TlsClientConfig {
 public:
  static base::Result<std::shared_ptr<TlsClientConfig>> create(const TlsClientOptions& options);
  ~TlsClientConfig();
  TlsClientConfig(const TlsClientConfig&) = delete;
  TlsClientConfig& operator=(const TlsClientConfig&) = delete;

  /// Where the authorities came from.
  const std::string& source() const;

  struct Parts;  // Mbed TLS's side, for TlsSession only.
  Parts& parts() { return *parts_; }

 private:
  explicit TlsClientConfig(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace belay::tls
