// Seals a key with a passphrase and opens it, then changes each part of the file and sees it
// refused. Few iterations, so that it is fast; the seal covers their number.

#include <string>

#include "common/base/Text.h"
#include "common/crypto/KeyFile.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::crypto::KeyFile;
using belay::crypto::P256PrivateKey;

TEST_GROUP(KeyFile) {
  belay::test::SeededRandom random;
  P256PrivateKey key = P256PrivateKey::generate(random);
  std::string text = KeyFile::seal(key, "correct horse", random, KeyFile::kIterationsLeast).value();

  static std::string replaced(std::string in, const std::string& from, const std::string& to) {
    return in.replace(in.find(from), from.size(), to);
  }
};

TEST(KeyFile, givesTheKeyBack) {
  const auto file = KeyFile::parse(text);
  CHECK(file.ok());
  STRCMP_EQUAL(key.publicKey().thumbprint().c_str(), file->publicKey().thumbprint().c_str());
  const auto opened = file->unseal("correct horse");
  CHECK(opened.ok());
  STRCMP_EQUAL(key.toJwk().c_str(), opened->toJwk().c_str());
  CHECK(text.find("\"d\"") == std::string::npos);
}

TEST(KeyFile, anotherPassphraseOpensNothing) {
  const auto file = KeyFile::parse(text);
  for (const char* wrong : {"", "correct hors", "correct horse ", "Correct horse"}) {
    CHECK(file->unseal(wrong).error().code == ErrorCode::kKeyPassphrase);
  }
  CHECK(KeyFile::seal(key, "short", random).error().code == ErrorCode::kInvalidArgument);
  CHECK(KeyFile::seal(key, "correct horse", random, 9'999).error().code ==
        ErrorCode::kInvalidArgument);
}

TEST(KeyFile, everyPartIsBoundToTheSeal) {
  const P256PrivateKey other = P256PrivateKey::generate(random);
  const std::string changes[] = {
      replaced(text, key.publicKey().jwk(), other.publicKey().jwk()),
      replaced(text, "10000", "10001"),
  };
  for (const std::string& changed : changes) {
    CHECK(KeyFile::parse(changed)->unseal("correct horse").error().code ==
          ErrorCode::kKeyPassphrase);
  }
}

TEST(KeyFile, refusesWhatIsNoKeyFile) {
  for (const std::string& bad : std::initializer_list<std::string>{
           "", "{}", "[]", text + "x", key.toJwk(), key.publicKey().jwk(),
           replaced(text, "\"belay_key\":1", "\"belay_key\":2"), replaced(text, "10000", "9999"),
           replaced(text, "10000", "10000001"), replaced(text, "\"kdf\"", "\"more\":1,\"kdf\""),
           replaced(text, "pbkdf2", "md5"), std::string(5000, ' ')}) {
    CHECK(KeyFile::parse(bad).error().code == ErrorCode::kKeyFile);
  }
}

TEST(KeyFile, publicPartsAreFilesOfTheirOwn) {
  using belay::crypto::parsePublicKeyFile;
  CHECK(*parsePublicKeyFile(key.publicKey().jwk() + "\n") == key.publicKey());
  CHECK(parsePublicKeyFile(text).error().code == ErrorCode::kKeyFile);
  CHECK(parsePublicKeyFile(key.toJwk()).error().code == ErrorCode::kKeyFile);
  CHECK(parsePublicKeyFile("").error().code == ErrorCode::kKeyFile);
}
