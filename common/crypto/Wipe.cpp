#include "common/crypto/Wipe.h"

#include <mbedtls/platform_util.h>

namespace belay::crypto {

void wipe(void* bytes, std::size_t size) noexcept { mbedtls_platform_zeroize(bytes, size); }

void wipe(std::string& text) noexcept {
  wipe(text.data(), text.size());
  text.clear();
}

}  // namespace belay::crypto
