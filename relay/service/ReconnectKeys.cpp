#include "relay/service/ReconnectKeys.h"

#include "common/base/Text.h"
#include "common/crypto/Hmac.h"
#include "common/wire/ReconnectProof.h"

namespace belay::service {

namespace {

constexpr std::size_t kKeyBytes = 32;

}  // namespace

ReconnectKeys::ReconnectKeys(std::string_view secret)
    : secret_(crypto::hkdfSha256(secret, {}, "belay reconnect", kKeyBytes)) {}

std::string ReconnectKeys::keyOf(std::string_view host) const {
  return base::toBase64Url(crypto::hmacSha256(secret_, host).view());
}

bool ReconnectKeys::proves(std::string_view host, std::string_view statement,
                           std::string_view proof) const {
  return base::equalsInConstantTime(wire::reconnectProof(keyOf(host), statement), proof);
}

}  // namespace belay::service
