#include "common/tls/TlsSession.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include <mbedtls/net_sockets.h>
#include <mbedtls/oid.h>

#include "common/crypto/Sha256.h"
#include "common/tls/MbedParts.h"

namespace belay::tls {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

int sendBytes(void* context, const unsigned char* bytes, std::size_t length) noexcept {
  const ssize_t sent =
      ::send(*static_cast<int*>(context), bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<int>(sent);
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return later ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_NET_CONN_RESET;
}

int receiveBytes(void* context, unsigned char* into, std::size_t length) noexcept {
  const ssize_t got = ::recv(*static_cast<int*>(context), into, length, MSG_DONTWAIT);
  if (got >= 0) return static_cast<int>(got);
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return later ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_NET_CONN_RESET;
}

struct Reason {
  std::uint32_t flag;
  std::string_view text;
  std::string_view action;
};

// There are no revocation lists here, so their flags are free for what the library does not know.
// Most telling first: what a person reads is the first action.
constexpr std::uint32_t kNotPinned = MBEDTLS_X509_BADCRL_NOT_TRUSTED;
constexpr std::array<Reason, 12> kReasons{{
    {MBEDTLS_X509_BADCERT_CN_MISMATCH, "it is for another name",
     "use the name that the certificate carries, or ask for a certificate with this name"},
    {MBEDTLS_X509_BADCERT_OTHER, "it names its server in the common name only",
     "renew it with the name as a subject alternative name"},
    {kNotPinned, "its key is none of those that are pinned",
     "if the server has a new key, pin that one (link.pin)"},
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "it is not signed by an authority that this host believes",
     "if the authority is your own, name its PEM bundle as ca_file"},
    {MBEDTLS_X509_BADCERT_EXPIRED, "it has expired",
     "renew the certificate, or check this host's clock (date)"},
    {MBEDTLS_X509_BADCERT_FUTURE, "it is not valid yet", "check this host's clock (date)"},
    {MBEDTLS_X509_BADCERT_REVOKED, "it was revoked", "renew the certificate"},
    {MBEDTLS_X509_BADCERT_MISSING, "there is none", "give the server a certificate"},
    {MBEDTLS_X509_BADCERT_BAD_MD, "it is signed with a weak hash",
     "renew the certificate with SHA-256"},
    {MBEDTLS_X509_BADCERT_BAD_PK, "its kind of key is not accepted",
     "renew it with an EC or RSA key"},
    {MBEDTLS_X509_BADCERT_BAD_KEY, "its key is too weak",
     "renew it with P-256, or RSA of 2,048 bits or more"},
    {MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE |
         MBEDTLS_X509_BADCERT_NS_CERT_TYPE,
     "it is not meant for servers", "renew it with the extended key usage serverAuth"},
}};

constexpr std::uint32_t kDates = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE;

Error certificateError(const std::string& peer, std::uint32_t flags) {
  Error error{ErrorCode::kTlsCertificate, "the certificate of " + peer + " is refused"};
  std::string_view separator = ": ";
  for (const Reason& reason : kReasons) {
    if ((flags & reason.flag) == 0) continue;
    error.message.append(separator).append(reason.text);
    error.actions.emplace_back(reason.action);
    separator = ", ";
  }
  return error;
}

bool isBrokenConnection(int code) {
  return code == MBEDTLS_ERR_NET_CONN_RESET || code == MBEDTLS_ERR_SSL_CONN_EOF || code == 0;
}

}  // namespace

namespace {

/// The bytes of an IPv4 or IPv6 address; empty for a name.
std::string addressBytes(const std::string& host) {
  std::array<char, sizeof(in6_addr)> bytes{};
  if (::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return {bytes.data(), 4};
  if (::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) return {bytes.data(), bytes.size()};
  return {};
}

/// What the library asks about each certificate of a chain, from its root down.
struct Verification {
  std::string address;  ///< That the certificate must carry; empty: the peer is a name.
  const TlsClientConfig::Parts* config = nullptr;
  bool asked = false;  ///< A session that is resumed looks at no certificate.
  std::uint32_t overlooked = 0;
};

bool isPinned(const TlsClientConfig::Parts& config, const mbedtls_x509_crt& certificate) {
  const auto* bytes = reinterpret_cast<const char*>(certificate.pk_raw.p);
  const std::string key = crypto::sha256(std::string_view(bytes, certificate.pk_raw.len)).hex();
  return std::find(config.pins.begin(), config.pins.end(), key) != config.pins.end();
}

/// Names count where names belong (RFC 9525). The library would believe the common name of a
/// certificate without alternative names, and an address that is written as a name.
void checkNames(const std::string& address, const mbedtls_x509_crt* certificate,
                std::uint32_t* flags) {
  const bool named =
      mbedtls_x509_crt_has_ext_type(certificate, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME) != 0;
  if (!named) *flags |= MBEDTLS_X509_BADCERT_OTHER;
  if (!named || address.empty()) return;
  for (const auto* each = &certificate->subject_alt_names; each; each = each->next) {
    const bool isAddress =
        (each->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_IP_ADDRESS;
    if (isAddress && each->buf.len == address.size() &&
        std::memcmp(each->buf.p, address.data(), address.size()) == 0) {
      return;
    }
  }
  *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
}

int verify(void* context, mbedtls_x509_crt* certificate, int depth, std::uint32_t* flags) noexcept {
  auto& self = *static_cast<Verification*>(context);
  const TlsClientConfig::Parts& config = *self.config;
  self.asked = true;
  if (depth == 0) checkNames(self.address, certificate, flags);
  if (depth == 0 && !config.pins.empty() && !isPinned(config, *certificate)) *flags |= kNotPinned;
  // A pin says whose the key is, so it does not matter who else does, and how.
  if (config.pinsAlone) {
    *flags &= depth == 0 ? ~(MBEDTLS_X509_BADCERT_NOT_TRUSTED | MBEDTLS_X509_BADCERT_BAD_MD) : 0u;
  }
  if (config.dates) {
    self.overlooked |= *flags & kDates;
    *flags &= ~kDates;
  }
  return 0;
}

}  // namespace

struct TlsSession::Parts {
  Parts() noexcept { mbedtls_ssl_init(&ssl); }
  ~Parts() { mbedtls_ssl_free(&ssl); }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  base::Status setUp(const mbedtls_ssl_config* config) {
    const int failed = mbedtls_ssl_setup(&ssl, config);
    if (failed != 0)
      return Error{ErrorCode::kTls, "set up TLS with " + peer + ": " + mbedText(failed)};
    mbedtls_ssl_set_bio(&ssl, &fd, sendBytes, receiveBytes, nullptr);
    return {};
  }

  /// Starts from the ticket of an earlier session; without one, or with one that cannot be read,
  /// from nothing.
  void resume() {
    const auto saved = clientConfig->parts().tickets.take(origin);
    if (!saved) return;
    SslSession session;
    const auto* bytes = reinterpret_cast<const unsigned char*>(saved->data());
    if (mbedtls_ssl_session_load(session.get(), bytes, saved->size()) != 0) return;
    static_cast<void>(mbedtls_ssl_set_session(&ssl, session.get()));
  }

  /// Keeps what the next session with this peer can start from. That there is nothing is no
  /// failure.
  void keepTicket() {
    if (!clientConfig) return;
    SslSession session;
    if (mbedtls_ssl_get_session(&ssl, session.get()) != 0) return;
    std::size_t length = 0;
    static_cast<void>(mbedtls_ssl_session_save(session.get(), nullptr, 0, &length));
    std::string saved(length, '\0');
    auto* bytes = reinterpret_cast<unsigned char*>(saved.data());
    if (mbedtls_ssl_session_save(session.get(), bytes, saved.size(), &length) != 0) return;
    clientConfig->parts().tickets.put(origin, std::move(saved));
  }

  void sayWhatWasOverlooked() const {
    if (!verification.asked || !clientConfig->parts().dates) return;
    std::string text;
    for (const Reason& reason : kReasons) {
      if ((verification.overlooked & reason.flag) == 0) continue;
      text +=
          (text.empty() ? "the certificate of " + peer + ": " : ", ") + std::string(reason.text);
    }
    clientConfig->parts().dates->set(std::move(text));
  }

  Error handshakeError(int code) const {
    const std::uint32_t flags = mbedtls_ssl_get_verify_result(&ssl);
    const bool refused =
        code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED && flags != 0 && flags != UINT32_MAX;
    if (refused) return certificateError(peer, flags | verification.overlooked);
    if (isBrokenConnection(code)) {
      return Error{ErrorCode::kTls,
                   peer + " closed the connection during the TLS handshake",
                   {"check that the port speaks TLS, and that no proxy stands in between"}};
    }
    return Error{
        ErrorCode::kTls,
        "TLS handshake with " + peer + ": " + mbedText(code),
        {"the peer must speak TLS 1.2 or 1.3 with ECDHE and AES-GCM or ChaCha20-Poly1305"}};
  }

  Error transferError(int code) const {
    if (isBrokenConnection(code)) return Error{ErrorCode::kConnect, peer + " broke the connection"};
    return Error{ErrorCode::kConnect, "TLS with " + peer + ": " + mbedText(code)};
  }

  int fd = -1;
  std::string peer;    // For messages.
  std::string origin;  // Names the ticket.
  Verification verification;
  // Shared with all sessions of its kind; must outlive ssl, which points into it.
  std::shared_ptr<TlsClientConfig> clientConfig;
  std::shared_ptr<TlsServerConfig> serverConfig;
  mbedtls_ssl_context ssl;
  bool established = false;
  // Mbed TLS has taken a record of this length and still owes its bytes to the socket.
  std::size_t pendingWrite = 0;
};

TlsSession::TlsSession(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsSession::~TlsSession() = default;

Result<std::unique_ptr<TlsSession>> TlsSession::client(std::shared_ptr<TlsClientConfig> config,
                                                       const std::string& host, std::uint16_t port,
                                                       int fd) {
  if (host.empty()) return Error{ErrorCode::kTls, "TLS needs the name of the peer"};
  auto parts = std::make_unique<Parts>();
  parts->fd = fd;
  parts->peer = host;
  parts->origin = host + ":" + std::to_string(port);
  parts->clientConfig = std::move(config);
  BELAY_TRY(parts->setUp(parts->clientConfig->parts().config.get()));
  const int failed = mbedtls_ssl_set_hostname(&parts->ssl, host.c_str());
  if (failed != 0) return Error{ErrorCode::kTls, "TLS with " + host + ": " + mbedText(failed)};
  parts->verification.address = addressBytes(host);
  parts->verification.config = &parts->clientConfig->parts();
  mbedtls_ssl_set_verify(&parts->ssl, verify, &parts->verification);
  parts->resume();
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(parts)));
}

Result<std::unique_ptr<TlsSession>> TlsSession::server(std::shared_ptr<TlsServerConfig> config,
                                                       int fd) {
  auto parts = std::make_unique<Parts>();
  parts->fd = fd;
  parts->peer = "the client";
  parts->serverConfig = std::move(config);
  BELAY_TRY(parts->setUp(parts->serverConfig->parts().config.get()));
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(parts)));
}

Result<TlsSession::Progress> TlsSession::handshake() {
  while (!parts_->established) {
    const int result = mbedtls_ssl_handshake(&parts_->ssl);
    if (result == MBEDTLS_ERR_SSL_WANT_READ) return Progress::kWantRead;
    if (result == MBEDTLS_ERR_SSL_WANT_WRITE) return Progress::kWantWrite;
    if (result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
      parts_->keepTicket();
      continue;
    }
    // Here 0 is success, and an end of the stream has a code of its own.
    if (result != 0) return parts_->handshakeError(result);
    parts_->established = true;
    parts_->sayWhatWasOverlooked();
    // TLS 1.3 sends its tickets later; read() meets them.
    if (mbedtls_ssl_get_version_number(&parts_->ssl) == MBEDTLS_SSL_VERSION_TLS1_2)
      parts_->keepTicket();
  }
  return Progress::kDone;
}

Result<TlsSession::Moved> TlsSession::read(std::span<char> into) {
  while (true) {
    const int result =
        mbedtls_ssl_read(&parts_->ssl, reinterpret_cast<unsigned char*>(into.data()), into.size());
    if (result > 0) return Moved{Progress::kDone, static_cast<std::size_t>(result)};
    switch (result) {
      case MBEDTLS_ERR_SSL_WANT_READ:
        // A ticket may share its record with more: no event of the socket would tell.
        if (hasBuffered()) continue;
        return Moved{Progress::kWantRead, 0};
      case MBEDTLS_ERR_SSL_WANT_WRITE:
        return Moved{Progress::kWantWrite, 0};
      case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
        return Moved{Progress::kClosed, 0};
      case MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET:
        parts_->keepTicket();
        continue;
      default:
        return parts_->transferError(result);
    }
  }
}

Result<TlsSession::Moved> TlsSession::write(std::string_view bytes) {
  // A record that waits in Mbed TLS counts with the length it was made with, not with what is
  // offered now.
  const std::size_t offered = parts_->pendingWrite != 0 ? parts_->pendingWrite : bytes.size();
  const auto* raw = reinterpret_cast<const unsigned char*>(bytes.data());
  const int result = mbedtls_ssl_write(&parts_->ssl, raw, offered);
  if (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE) {
    parts_->pendingWrite = offered;
    return Moved{result == MBEDTLS_ERR_SSL_WANT_READ ? Progress::kWantRead : Progress::kWantWrite,
                 0};
  }
  parts_->pendingWrite = 0;
  if (result < 0) return parts_->transferError(result);
  return Moved{Progress::kDone, static_cast<std::size_t>(result)};
}

void TlsSession::closeNotify() noexcept {
  if (parts_->established) static_cast<void>(mbedtls_ssl_close_notify(&parts_->ssl));
}

bool TlsSession::hasBuffered() const { return mbedtls_ssl_check_pending(&parts_->ssl) != 0; }

std::string TlsSession::describe() const {
  if (!parts_->established) return "no TLS yet";
  return std::string(mbedtls_ssl_get_version(&parts_->ssl)) + " " +
         mbedtls_ssl_get_ciphersuite(&parts_->ssl);
}

}  // namespace belay::tls
