#include "common/crypto/Sha256.h"

#include <mbedtls/sha256.h>

#include <algorithm>
#include <type_traits>

#include "common/base/Check.h"
#include "common/base/Text.h"

namespace belay::crypto {

namespace {

using Context = mbedtls_sha256_context;
static_assert(sizeof(Context) <= 128 && alignof(Context) <= 8 &&
              std::is_trivially_copyable_v<Context>);

Context* context(std::array<std::byte, 128>& state) {
  return reinterpret_cast<Context*>(state.data());
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::string Digest::hex() const { return base::toHex(bytes); }

std::optional<Digest> Digest::fromHex(std::string_view hex) {
  if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::nullopt;
  const auto decoded = base::fromHex(hex);
  if (!decoded) return std::nullopt;
  Digest digest;
  std::copy(decoded->begin(), decoded->end(), digest.bytes.begin());
  return digest;
}

// The software implementation cannot fail: its results are checked as invariants.

Sha256::Sha256() {
  mbedtls_sha256_init(context(state_));
  BELAY_CHECK(mbedtls_sha256_starts(context(state_), 0) == 0);
}

void Sha256::update(std::string_view bytes) {
  BELAY_CHECK(mbedtls_sha256_update(context(state_), raw(bytes), bytes.size()) == 0);
}

Digest Sha256::finish() {
  Digest digest;
  BELAY_CHECK(mbedtls_sha256_finish(context(state_), digest.bytes.data()) == 0);
  BELAY_CHECK(mbedtls_sha256_starts(context(state_), 0) == 0);
  return digest;
}

Digest sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace belay::crypto
