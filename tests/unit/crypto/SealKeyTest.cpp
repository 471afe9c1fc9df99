// Opens vectors that were sealed by others, and turns every bit of a sealed text to see it refused.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "common/base/Text.h"
#include "common/crypto/SealKey.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::crypto::SealKey;
using belay::test::SeededRandom;

namespace {

std::string unhex(std::string_view text) {
  const auto bytes = belay::base::fromHex(text).value();
  return std::string(bytes.begin(), bytes.end());
}

SealKey keyOf(std::string_view bytes) { return SealKey::fromBytes(bytes).value(); }

/// Gives out the given bytes, so that seal() uses a known nonce.
class FixedRandom final : public belay::base::Random {
 public:
  explicit FixedRandom(std::string bytes) : bytes_(std::move(bytes)) {}
  void fill(std::span<std::uint8_t> out) override {
    std::copy_n(bytes_.begin(), out.size(), out.begin());
  }

 private:
  std::string bytes_;
};

}  // namespace

TEST_GROUP(SealKey) {
  SeededRandom random;
  const std::string bytes = std::string(32, 'k');
};

TEST(SealKey, opensAndMakesTheVectorsOfTheGcmSpecification) {
  // Test cases 13, 14 and 16 of McGrew and Viega (AES-256).
  const std::string zero(32, '\0');
  const std::string zeroNonce(12, '\0');
  FixedRandom zeros(zeroNonce);
  CHECK(keyOf(zero).seal("", "", zeros) == zeroNonce + unhex("530f8afbc74536b9a963b4f1c4cb738b"));
  CHECK(keyOf(zero).seal(std::string(16, '\0'), "", zeros) ==
        zeroNonce + unhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"));
  const std::string key = unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const std::string nonce = unhex("cafebabefacedbaddecaf888");
  const std::string context = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const std::string plain = unhex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
      "b525b16aedf5aa0de657ba637b39");
  const std::string sealed = nonce + unhex(
                                         "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2"
                                         "555d1aa8cb08e48590dbb3da7b08b105682"
                                         "8838c5f61e6393ba7a0abcc9f662"
                                         "76fc6ece0f4e1768cddf8853bb2d551b");
  FixedRandom fixed(nonce);
  CHECK(keyOf(key).seal(plain, context, fixed) == sealed);
  CHECK(keyOf(key).open(sealed, context).value() == plain);
}

TEST(SealKey, opensWhatItSealed) {
  const SealKey key = keyOf(bytes);
  for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 1000u, 70'000u}) {
    const std::string plain(size, 'p');
    const std::string sealed = key.seal(plain, "context", random);
    LONGS_EQUAL(size + SealKey::kOverhead, sealed.size());
    CHECK(key.open(sealed, "context").value() == plain);
  }
}

TEST(SealKey, refusesEveryChangedBit) {
  const SealKey key = keyOf(bytes);
  const std::string sealed = key.seal("a secret", "context", random);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    CHECK_FALSE(key.open(changed, "context").ok());
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CHECK_FALSE(key.open(sealed.substr(0, size), "context").ok());
  }
  CHECK_FALSE(key.open(sealed + '\0', "context").ok());
}

TEST(SealKey, refusesAnotherContextOrKey) {
  const SealKey key = keyOf(bytes);
  const std::string sealed = key.seal("a secret", "context", random);
  CHECK_FALSE(key.open(sealed, "contexT").ok());
  CHECK_FALSE(key.open(sealed, "").ok());
  const auto other = keyOf(std::string(32, 'K')).open(sealed, "context");
  CHECK(other.error().code == ErrorCode::kCrypto);
}

TEST(SealKey, neverUsesANonceTwice) {
  const SealKey key = keyOf(bytes);
  std::set<std::string> nonces;
  for (int i = 0; i < 1000; ++i) nonces.insert(key.seal("same", "", random).substr(0, 12));
  LONGS_EQUAL(1000, nonces.size());
}

TEST(SealKey, derivedKeysAreApart) {
  const SealKey key = keyOf(bytes);
  const std::string sealed = key.derive("one").seal("a secret", "", random);
  CHECK(key.derive("one").open(sealed, "").ok());
  CHECK_FALSE(key.derive("two").open(sealed, "").ok());
  CHECK_FALSE(key.open(sealed, "").ok());
  CHECK(key.deriveMacKey("one") != key.deriveMacKey("two"));
  LONGS_EQUAL(32, key.deriveMacKey("one").size());
}

TEST(SealKey, needsThirtyTwoBytes) {
  CHECK(SealKey::fromBytes(std::string(31, 'k')).error().code == ErrorCode::kCrypto);
  CHECK_FALSE(SealKey::fromBytes(std::string(33, 'k')).ok());
}
