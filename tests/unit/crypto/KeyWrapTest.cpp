// The vectors of the RFCs, then one bit at a time changed.

#include "common/base/Random.h"
#include "common/base/Text.h"
#include "common/crypto/KeyWrap.h"
#include "common/crypto/P256.h"

#include <CppUTest/TestHarness.h>

using belay::base::toBase64Url;
using namespace belay::crypto;

namespace {

std::string fromHex(std::string_view hex) {
  const auto bytes = *belay::base::fromHex(hex);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_GROUP(KeyWrap){};

TEST(KeyWrap, isTheOneOfRfc3394) {
  // §4.6: 256 bits of key data with a 256-bit key.
  const std::string wrapping =
      fromHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const std::string key =
      fromHex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
  const std::string wrapped =
      fromHex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
  CHECK(wrapKey(wrapping, key) == wrapped);
  const auto opened = unwrapKey(wrapping, wrapped);
  CHECK(opened.ok());
  CHECK(*opened == key);
}

TEST(KeyWrap, whatWasChangedDoesNotOpen) {
  const std::string wrapping(32, 'w');
  const std::string wrapped = wrapKey(wrapping, std::string(32, 'k'));
  for (std::size_t bit = 0; bit < wrapped.size() * 8; ++bit) {
    std::string other = wrapped;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    CHECK(!unwrapKey(wrapping, other).ok());
  }
  CHECK(!unwrapKey(std::string(32, 'x'), wrapped).ok());
  for (const std::size_t size : {0u, 8u, 16u, 39u}) {
    CHECK(!unwrapKey(wrapping, wrapped.substr(0, size)).ok());
  }
}

TEST(KeyWrap, theAgreedKeyIsTheOneOfRfc7518) {
  // Appendix C: the ephemeral key of Alice, the static one of Bob.
  const auto alice = P256PrivateKey::fromJwk(
      R"({"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",)"
      R"("y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",)"
      R"("d":"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"})");
  const auto bob = P256PrivateKey::fromJwk(
      R"({"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",)"
      R"("y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",)"
      R"("d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"})");
  CHECK(alice.ok() && bob.ok());
  const std::string secret = alice->agree(bob->publicKey());
  CHECK(secret == bob->agree(alice->publicKey()));
  STRCMP_EQUAL("VqqN6vgjbSBcIijNcacQGg",
               toBase64Url(deriveAgreedKey(secret, "A128GCM", "Alice", "Bob", 16)).c_str());
}
