// How artifacts are cut and named. The bounds at which a part begins are the cases.

#include "common/statement/Artifacts.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace belay::statement;

TEST_GROUP(Artifacts) {
  static constexpr auto kPart = static_cast<std::int64_t>(kArtifactPartBytes);
};

TEST(Artifacts, partsCoverAllOfIt) {
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{1}, kPart - 1, kPart, kPart + 1,
                                  3 * kPart, kArtifactBytesMax}) {
    std::int64_t sum = 0;
    const std::int64_t parts = artifactParts(size);
    for (std::int64_t part = 0; part < parts; ++part) {
      const auto bytes = static_cast<std::int64_t>(artifactPartBytes(size, part));
      CHECK(bytes > 0 || size == 0);
      CHECK(bytes == kPart || part + 1 == parts);
      sum += bytes;
    }
    LONGS_EQUAL(size, sum);
    LONGS_EQUAL(0, artifactPartBytes(size, parts));
  }
  LONGS_EQUAL(1, artifactParts(0));
  LONGS_EQUAL(2, artifactParts(kPart + 1));
}

TEST(Artifacts, aNameIsOfOneRequestAndOneContent) {
  Request one;
  one.nonce = "n1";
  Request two;
  two.nonce = "n2";
  const auto a = *crypto::Digest::fromHex(std::string(64, 'a'));
  const auto b = *crypto::Digest::fromHex(std::string(64, 'b'));
  STRCMP_EQUAL(artifactName(one, a).c_str(), artifactName(one, a).c_str());
  CHECK(artifactName(one, a) != artifactName(two, a));
  CHECK(artifactName(one, a) != artifactName(one, b));
  CHECK(artifactName(one, a).find(std::string(64, 'a')) == std::string::npos);
}

TEST(Artifacts, recipientsAreTheSameInAnyOrder) {
  test::SeededRandom random;
  const auto a = crypto::P256PrivateKey::generate(random).publicKey();
  const auto b = crypto::P256PrivateKey::generate(random).publicKey();
  const std::vector<crypto::P256PublicKey> ab{a, b};
  const std::vector<crypto::P256PublicKey> ba{b, a};
  const std::vector<crypto::P256PublicKey> alone{a};
  STRCMP_EQUAL(recipientsDigest(ab).c_str(), recipientsDigest(ba).c_str());
  CHECK(recipientsDigest(ab) != recipientsDigest(alone));
}
