#include "common/crypto/KeyFile.h"

#include <array>

#include <mbedtls/pkcs5.h>

#include "common/base/Text.h"
#include "common/crypto/SealKey.h"
#include "common/crypto/Wipe.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"

namespace belay::crypto {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::string_view kKdf = "pbkdf2-hmac-sha256";
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kMembers = 6;

Error invalid(const std::string& why) {
  return Error{ErrorCode::kKeyFile, "this is no key file of Belay: " + why};
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Result<SealKey> sealKeyOf(std::string_view passphrase, std::string_view salt,
                          std::int64_t iterations) {
  std::array<unsigned char, SealKey::kBytes> key{};
  const int failed = mbedtls_pkcs5_pbkdf2_hmac_ext(
      MBEDTLS_MD_SHA256, raw(passphrase), passphrase.size(), raw(salt), salt.size(),
      static_cast<unsigned>(iterations), key.size(), key.data());
  BELAY_CHECK(failed == 0);
  auto out = SealKey::fromBytes({reinterpret_cast<const char*>(key.data()), key.size()});
  wipe(key.data(), key.size());
  return out;
}

/// What the seal covers besides the key.
std::string contextOf(std::int64_t iterations, std::string_view salt, const P256PublicKey& key) {
  return "belay-key/1\n" + std::string(kKdf) + "\n" + std::to_string(iterations) + "\n" +
         base::toBase64Url(salt) + "\n" + key.jwk();
}

}  // namespace

Result<std::string> KeyFile::seal(const P256PrivateKey& key, std::string_view passphrase,
                                  base::Random& random, std::int64_t iterations) {
  if (passphrase.size() < kPassphraseBytesLeast) {
    return Error{ErrorCode::kInvalidArgument,
                 "a passphrase has at least " + std::to_string(kPassphraseBytesLeast) + " bytes"};
  }
  if (iterations < kIterationsLeast || iterations > kIterationsMost) {
    return Error{ErrorCode::kInvalidArgument, "a passphrase is hashed from " +
                                                  std::to_string(kIterationsLeast) + " to " +
                                                  std::to_string(kIterationsMost) + " times"};
  }
  std::string salt(kSaltBytes, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(salt.data()), salt.size()});
  BELAY_ASSIGN(const SealKey sealKey, sealKeyOf(passphrase, salt, iterations));
  std::string jwk = key.toJwk();
  const std::string sealed =
      sealKey.seal(jwk, contextOf(iterations, salt, key.publicKey()), random);
  wipe(jwk);
  std::string out;
  json::Writer(out)
      .beginObject()
      .member("belay_key", kVersion)
      .member("kdf", kKdf)
      .member("iterations", iterations)
      .member("salt", base::toBase64Url(salt))
      .rawMember("public", key.publicKey().jwk())
      .member("sealed", base::toBase64Url(sealed))
      .endObject();
  return out + "\n";
}

Result<KeyFile> KeyFile::parse(std::string_view text) {
  const auto parsed = json::parse(text, {.bytesMax = kFileBytesMax, .depthMax = 2});
  if (!parsed.ok() || !parsed->isObject()) return invalid("it is not the JSON of one");
  const json::Value& file = *parsed;
  const json::Value* publicKey = file.find("public");
  if (file.asObject().size() != kMembers || !publicKey || !file.find("belay_key")) {
    return invalid("it has other members");
  }
  if (file.integer("belay_key") != kVersion || file.text("kdf") != kKdf) {
    return invalid("it has a version or a kdf that is not known here");
  }
  const auto key = P256PublicKey::fromJwk(*publicKey);
  if (!key.ok()) return invalid(key.error().message);
  KeyFile out(*key);
  out.iterations_ = file.integer("iterations");
  if (out.iterations_ < kIterationsLeast || out.iterations_ > kIterationsMost) {
    return invalid("iterations are out of range");
  }
  const auto salt = base::fromBase64Url(file.text("salt"));
  const auto sealed = base::fromBase64Url(file.text("sealed"));
  if (!salt || salt->size() != kSaltBytes || !sealed || sealed->size() < SealKey::kOverhead) {
    return invalid("its salt or its sealed part is damaged");
  }
  out.salt_ = *salt;
  out.sealed_ = *sealed;
  return out;
}

Result<P256PrivateKey> KeyFile::unseal(std::string_view passphrase) const {
  BELAY_ASSIGN(const SealKey sealKey, sealKeyOf(passphrase, salt_, iterations_));
  auto jwk = sealKey.open(sealed_, contextOf(iterations_, salt_, public_));
  if (!jwk.ok()) {
    return Error{ErrorCode::kKeyPassphrase,
                 "the passphrase does not open the key, or the file was changed"};
  }
  auto key = P256PrivateKey::fromJwk(*jwk);
  wipe(*jwk);
  if (!key.ok()) return invalid("what is sealed in it is no key");
  if (!(key->publicKey() == public_)) return invalid("its public part is of another key");
  return key;
}

Result<P256PublicKey> parsePublicKeyFile(std::string_view text) {
  const auto parsed = json::parse(text, {.bytesMax = KeyFile::kFileBytesMax, .depthMax = 2});
  if (!parsed.ok() || !parsed->isObject()) {
    return Error{ErrorCode::kKeyFile, "this is no public key: it is not a JWK"};
  }
  if (parsed->find("belay_key")) {
    return Error{ErrorCode::kKeyFile, "this is a private key file; give its public part, FILE.pub"};
  }
  auto key = P256PublicKey::fromJwk(*parsed);
  if (!key.ok()) return Error{ErrorCode::kKeyFile, "this is no public key: " + key.error().message};
  return key;
}

}  // namespace belay::crypto
