#include "agent/vault/PassphraseKey.h"

#include "common/base/Text.h"
#include "common/crypto/Hmac.h"
#include "common/crypto/SealKey.h"
#include "common/crypto/Wipe.h"
#include "common/json/Json.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::uint32_t kIterations = 600'000;
constexpr std::uint32_t kIterationsMax = 50'000'000;
constexpr std::size_t kSaltBytes = 16;
constexpr std::string_view kFormat = "belay-protected-key";
constexpr std::string_view kContext = "belay vault key";

Result<crypto::SealKey> keyOf(const SecretValue& passphrase, std::string_view salt,
                              std::uint32_t iterations) {
  std::string bytes = pbkdf2(passphrase.reveal(), salt, iterations);
  auto key = crypto::SealKey::fromBytes(bytes);
  crypto::wipe(bytes);
  return key;
}

}  // namespace

std::string pbkdf2(std::string_view passphrase, std::string_view salt, std::uint32_t iterations) {
  std::string block(salt);
  block.append("\0\0\0\1", 4);  // One block is all that 32 bytes need.
  crypto::Digest last = crypto::hmacSha256(passphrase, block);
  std::string out(last.view());
  for (std::uint32_t i = 1; i < iterations; ++i) {
    last = crypto::hmacSha256(passphrase, last.view());
    const std::string_view bytes = last.view();
    for (std::size_t at = 0; at < out.size(); ++at)
      out[at] = static_cast<char>(static_cast<unsigned char>(out[at]) ^
                                  static_cast<unsigned char>(bytes[at]));
  }
  return out;
}

Result<std::string> protectKey(const SecretValue& key, const SecretValue& passphrase,
                               base::Random& random) {
  if (passphrase.size() < kPassphraseLeast) {
    return Error{ErrorCode::kMasterKey,
                 "a passphrase has at least " + std::to_string(kPassphraseLeast) + " bytes",
                 {"five words that nobody would put together"}};
  }
  std::string salt(kSaltBytes, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(salt.data()), salt.size()});
  BELAY_ASSIGN(const crypto::SealKey wrapping, keyOf(passphrase, salt, kIterations));
  json::Value out;
  out.set("format", kFormat).set("v", 1).set("iterations", static_cast<std::int64_t>(kIterations));
  out.set("salt", base::toBase64(salt));
  out.set("sealed", base::toBase64(wrapping.seal(key.reveal(), kContext, random)));
  return json::print(out) + "\n";
}

Result<SecretValue> unprotectKey(std::string_view text, const SecretValue& passphrase) {
  const auto file = json::parse(text);
  const auto salt = file ? base::fromBase64(file->text("salt")) : std::nullopt;
  const auto sealed = file ? base::fromBase64(file->text("sealed")) : std::nullopt;
  const std::int64_t iterations = file ? file->integer("iterations") : 0;
  if (!salt || !sealed || file->text("format") != kFormat || file->integer("v") != 1 ||
      iterations < 1 || iterations > kIterationsMax) {
    return Error{ErrorCode::kMasterKey, "it is no key that a passphrase protects"};
  }
  BELAY_ASSIGN(const crypto::SealKey wrapping,
               keyOf(passphrase, *salt, static_cast<std::uint32_t>(iterations)));
  auto key = wrapping.open(*sealed, kContext);
  if (!key) return Error{ErrorCode::kMasterKey, "the passphrase is another one"};
  return SecretValue::take(std::move(*key));
}

}  // namespace belay::vault
