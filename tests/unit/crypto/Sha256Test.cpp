// Compares with the examples of FIPS 180-4 and RFC 4231, and pieces with the whole.

#include <string>

#include <mbedtls/sha256.h>

#include "common/crypto/Hmac.h"
#include "common/crypto/Sha256.h"
#include "common/crypto/Wipe.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::crypto::Digest;
using belay::crypto::hkdfSha256;
using belay::crypto::hmacSha256;
using belay::crypto::Sha256;
using belay::crypto::sha256;

namespace {

std::string bytes(std::size_t count, int value) {
  return std::string(count, static_cast<char>(value));
}

std::string hex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string counting(int from, int to) {
  std::string out;
  for (int i = from; i <= to; ++i) out += static_cast<char>(i);
  return out;
}

}  // namespace

TEST_GROUP(Sha256){};

TEST(Sha256, matchesTheStandardsExamples) {
  STRCMP_EQUAL("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
               sha256("").hex().c_str());
  STRCMP_EQUAL("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
               sha256("abc").hex().c_str());
  STRCMP_EQUAL("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
               sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex().c_str());
  STRCMP_EQUAL("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
               sha256(bytes(1'000'000, 'a')).hex().c_str());
}

TEST(Sha256, piecesGiveTheDigestOfTheWhole) {
  belay::test::SeededRandom random;
  std::string text(1000, '\0');
  for (char& c : text) c = static_cast<char>(random.below(256));
  for (int round = 0; round < 200; ++round) {
    const std::string whole = text.substr(0, random.below(text.size()));
    Sha256 hash;
    for (std::size_t at = 0; at < whole.size();) {
      const std::size_t piece = random.below(150);
      hash.update(std::string_view(whole).substr(at, piece));
      at += piece;
    }
    CHECK(sha256(whole) == hash.finish());
  }
}

TEST(Sha256, agreesWithMbedTlsAtEveryLength) {
  // Ours differs from Mbed TLS's where the processor has instructions for it.
  belay::test::SeededRandom random;
  std::string text(300, '\0');
  for (char& c : text) c = static_cast<char>(random.below(256));
  for (std::size_t length = 0; length <= text.size(); ++length) {
    Digest expected;
    const auto* raw = reinterpret_cast<const unsigned char*>(text.data());
    LONGS_EQUAL(0, mbedtls_sha256(raw, length, expected.bytes.data(), 0));
    CHECK(sha256(std::string_view(text).substr(0, length)) == expected);
  }
}

TEST(Sha256, startsAnewAfterFinish) {
  Sha256 hash;
  hash.update("something else");
  static_cast<void>(hash.finish());
  hash.update("abc");
  CHECK(sha256("abc") == hash.finish());
}

TEST(Sha256, copiesGoOnApart) {
  Sha256 first;
  first.update("a");
  Sha256 second = first;
  first.update("bc");
  second.update("x");
  CHECK(sha256("abc") == first.finish());
  CHECK(sha256("ax") == second.finish());
}

TEST(Sha256, digestIsReadBackFromItsOneSpellingOnly) {
  const Digest digest = sha256("abc");
  CHECK(Digest::fromHex(digest.hex()) == digest);
  std::string upper = digest.hex();
  upper[0] = 'B';
  CHECK_FALSE(Digest::fromHex(upper).has_value());
  CHECK_FALSE(Digest::fromHex(digest.hex().substr(1)).has_value());
  CHECK_FALSE(Digest::fromHex(digest.hex() + "0").has_value());
  CHECK_FALSE(Digest::fromHex(bytes(64, 'g')).has_value());
  CHECK_FALSE(Digest::fromHex("").has_value());
}

TEST_GROUP(Hmac){};

TEST(Hmac, matchesTheTestCasesOfRfc4231) {
  STRCMP_EQUAL("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
               hmacSha256(bytes(20, 0x0b), "Hi There").hex().c_str());
  STRCMP_EQUAL("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
               hmacSha256("Jefe", "what do ya want for nothing?").hex().c_str());
  STRCMP_EQUAL("773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
               hmacSha256(bytes(20, 0xaa), bytes(50, 0xdd)).hex().c_str());
  STRCMP_EQUAL("82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
               hmacSha256(counting(1, 25), bytes(50, 0xcd)).hex().c_str());
  const std::string longKey = bytes(131, 0xaa);
  STRCMP_EQUAL(
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      hmacSha256(longKey, "Test Using Larger Than Block-Size Key - Hash Key First").hex().c_str());
}

TEST(Hmac, takesEmptyKeysAndMessages) {
  STRCMP_EQUAL("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
               hmacSha256("", "").hex().c_str());
}

TEST(Hmac, derivesTheKeysOfRfc5869) {
  STRCMP_EQUAL(
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
      hex(hkdfSha256(bytes(22, 0x0b), counting(0, 0x0c), counting(0xf0, 0xf9), 42)).c_str());
  STRCMP_EQUAL(
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
      hex(hkdfSha256(bytes(22, 0x0b), "", "", 42)).c_str());
}

TEST(Hmac, wipeLeavesNothingBehind) {
  std::string secret = "correct horse battery staple";
  const char* const memory = secret.data();
  const std::size_t size = secret.size();
  belay::crypto::wipe(secret);
  CHECK(secret.empty());
  for (std::size_t i = 0; i < size; ++i) LONGS_EQUAL(0, memory[i]);
}
