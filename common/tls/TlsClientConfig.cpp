#include "common/tls/TlsClientConfig.h"

#include <array>

#include "common/base/Files.h"
#include "common/tls/MbedParts.h"

namespace belay::tls {

namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

constexpr std::uint64_t kBundleBytesMax = 16u << 20;

// In this order; the first that can be read is taken.
constexpr std::array<const char*, 6> kSystemBundles{
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Gentoo, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem",                             // openSUSE
    "/etc/pki/tls/cacert.pem",                            // OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL 7 and later
    "/etc/ssl/cert.pem",                                  // Alpine, BSD
};
constexpr std::array<const char*, 2> kSystemFolders{"/etc/ssl/certs", "/etc/pki/tls/certs"};

Error noAuthorities(const std::string& what) {
  return Error{ErrorCode::kTlsCertificate,
               what,
               {"install your distribution's package of CA certificates (ca-certificates)",
                "or name a PEM bundle: ca_file in the settings, or SSL_CERT_FILE"}};
}

Status loadFile(const std::string& path, CertificateChain& into) {
  auto text = base::readFile(path, kBundleBytesMax);
  if (!text.ok()) return noAuthorities("CA bundle: " + text.error().message);
  // PEM must end with a NUL that counts; std::string has one behind its end.
  const auto* bytes = reinterpret_cast<const unsigned char*>(text->c_str());
  const int result = mbedtls_x509_crt_parse(into.get(), bytes, text->size() + 1);
  // A positive result counts certificates that this library cannot read; the others are in.
  if (result < 0 || into.empty()) {
    return noAuthorities("CA bundle " + path + " holds no certificate that can be read" +
                         (result < 0 ? ": " + mbedText(result) : ""));
  }
  return {};
}

/// Every file of a folder that holds certificates; the others do not matter.
Status loadFolder(const std::string& path, CertificateChain& into) {
  auto names = base::listFolder(path);
  if (!names.ok()) return noAuthorities("CA folder: " + names.error().message);
  for (const std::string& name : *names) static_cast<void>(loadFile(path + "/" + name, into).ok());
  if (into.empty()) return noAuthorities("CA folder " + path + " holds no certificate");
  return {};
}

Status loadSystem(TlsClientConfig::Parts& parts) {
  for (const char* path : kSystemBundles) {
    if (!loadFile(path, parts.authorities).ok()) continue;
    parts.source = path;
    return {};
  }
  for (const char* path : kSystemFolders) {
    if (!loadFolder(path, parts.authorities).ok()) continue;
    parts.source = path;
    return {};
  }
  return noAuthorities("this host has no bundle of CA certificates at any of the usual places");
}

Status loadAuthorities(const TlsClientOptions& options, TlsClientConfig::Parts& parts) {
  const auto lookUp = [&](const char* name) {
    return options.environment ? options.environment(name).value_or("") : std::string();
  };
  parts.source = options.caFile.empty() ? lookUp("SSL_CERT_FILE") : options.caFile;
  if (!parts.source.empty()) return loadFile(parts.source, parts.authorities);
  parts.source = lookUp("SSL_CERT_DIR");
  if (!parts.source.empty()) return loadFolder(parts.source, parts.authorities);
  return loadSystem(parts);
}

}  // namespace

std::string CertificateAlarm::text() const {
  base::MutexLock lock(mutex_);
  return text_;
}

void CertificateAlarm::set(std::string text) {
  {
    base::MutexLock lock(mutex_);
    if (text == text_) return;
    text_ = text;
  }
  if (changed_) changed_(text);
}

TlsClientConfig::TlsClientConfig(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsClientConfig::~TlsClientConfig() = default;

const std::string& TlsClientConfig::source() const { return parts_->source; }

base::Result<std::shared_ptr<TlsClientConfig>> TlsClientConfig::create(
    const TlsClientOptions& options) {
  auto parts = std::make_unique<Parts>();
  BELAY_TRY(parts->config.setUp(MBEDTLS_SSL_IS_CLIENT));
  parts->pins = options.pins;
  parts->pinsAlone = !options.pins.empty() && options.caFile.empty();
  parts->dates = options.dates;
  if (parts->pinsAlone) {
    parts->source = "the pinned keys";
  } else {
    BELAY_TRY(loadAuthorities(options, *parts));
  }
  mbedtls_ssl_config* config = parts->config.get();
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(config, parts->authorities.get(), nullptr);
  if (!options.chainPem.empty()) {
    BELAY_TRY(
        loadIdentity(options.chainPem, options.keyPem, parts->own, parts->key, parts->random));
    BELAY_CHECK(mbedtls_ssl_conf_own_cert(config, parts->own.get(), parts->key.get()) == 0);
  }
  mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
  mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
      config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
  if (options.smallRecords) {
    // Mbed TLS has no fragment length in TLS 1.3.
    mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    BELAY_CHECK(mbedtls_ssl_conf_max_frag_len(config, MBEDTLS_SSL_MAX_FRAG_LEN_1024) == 0);
  }
  return std::shared_ptr<TlsClientConfig>(new TlsClientConfig(std::move(parts)));
}

}  // namespace belay::tls
