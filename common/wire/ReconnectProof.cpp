#include "common/wire/ReconnectProof.h"

#include "common/base/Text.h"
#include "common/crypto/Hmac.h"

namespace belay::wire {

std::string reconnectProof(std::string_view key, std::string_view statement) {
  return base::toBase64Url(crypto::hmacSha256(key, statement).view());
}

}  // namespace belay::wire
