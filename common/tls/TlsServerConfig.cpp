#include "common/tls/TlsServerConfig.h"

#include "common/tls/MbedParts.h"

namespace belay::tls {

namespace {

constexpr std::uint32_t kTicketSeconds = 86'400;

using base::Error;
using base::ErrorCode;

int parseTicket(void* context, mbedtls_ssl_session* session, unsigned char* ticket,
                std::size_t length) noexcept {
  auto* parts = static_cast<TlsServerConfig::Parts*>(context);
  const int result = mbedtls_ssl_ticket_parse(parts->tickets.get(), session, ticket, length);
  if (result == 0) parts->resumptions.fetch_add(1, std::memory_order_relaxed);
  return result;
}

int writeTicket(void* context, const mbedtls_ssl_session* session, unsigned char* start,
                const unsigned char* end, std::size_t* length, std::uint32_t* lifetime) noexcept {
  auto* parts = static_cast<TlsServerConfig::Parts*>(context);
  return mbedtls_ssl_ticket_write(parts->tickets.get(), session, start, end, length, lifetime);
}

/// It becomes the active one; the random one before it has sealed nothing yet.
base::Status useTicketKey(std::string_view ticketKey, TlsServerConfig::Parts& parts) {
  if (ticketKey.empty()) return {};
  constexpr std::size_t kNameBytes = MBEDTLS_SSL_TICKET_KEY_NAME_BYTES;
  if (ticketKey.size() != TlsServerConfig::kTicketKeyBytes) {
    return Error{ErrorCode::kTls, "a key of tickets has another length"};
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(ticketKey.data());
  const int failed =
      mbedtls_ssl_ticket_rotate(parts.tickets.get(), bytes, kNameBytes, bytes + kNameBytes,
                                ticketKey.size() - kNameBytes, kTicketSeconds);
  if (failed != 0) return Error{ErrorCode::kTls, "set up session tickets: " + mbedText(failed)};
  return {};
}

}  // namespace

TlsServerConfig::TlsServerConfig(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsServerConfig::~TlsServerConfig() = default;

std::uint64_t TlsServerConfig::resumptions() const {
  return parts_->resumptions.load(std::memory_order_relaxed);
}

base::Result<std::shared_ptr<TlsServerConfig>> TlsServerConfig::create(std::string_view chainPem,
                                                                       std::string_view keyPem,
                                                                       std::string_view ticketKey) {
  auto parts = std::make_unique<Parts>();
  BELAY_TRY(parts->config.setUp(MBEDTLS_SSL_IS_SERVER));
  BELAY_TRY(loadIdentity(chainPem, keyPem, parts->chain, parts->key, parts->random));
  mbedtls_ssl_config* config = parts->config.get();
  int failed = mbedtls_ssl_conf_own_cert(config, parts->chain.get(), parts->key.get());
  if (failed != 0)
    return Error{ErrorCode::kTlsCertificate, "use the certificate: " + mbedText(failed)};
  failed = mbedtls_ssl_ticket_setup(parts->tickets.get(), fillRandom, &parts->random,
                                    MBEDTLS_CIPHER_AES_256_GCM, kTicketSeconds);
  if (failed != 0) return Error{ErrorCode::kTls, "set up session tickets: " + mbedText(failed)};
  BELAY_TRY(useTicketKey(ticketKey, *parts));
  mbedtls_ssl_conf_session_tickets_cb(config, writeTicket, parseTicket, parts.get());
  return std::shared_ptr<TlsServerConfig>(new TlsServerConfig(std::move(parts)));
}

}  // namespace belay::tls
