// The vault's key in a file, behind a passphrase and given from outside, and changes of it that are
// cut at each place where a crash can cut them.

#include <string>

#include "agent/vault/PassphraseKey.h"
#include "agent/vault/VaultKey.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::test::SeededRandom;
using belay::test::SimClock;
using belay::test::TempFolder;
using belay::vault::HostKeys;
using belay::vault::SecretValue;
using belay::vault::VaultKey;

TEST_GROUP(VaultKey) {
  TempFolder folder;
  SimClock clock;
  SeededRandom random;
  const std::string keys = folder.at("keys");
  const std::string credentials = folder.at("credentials");
  const std::string vaultFile = folder.at("vault");
  const SecretValue passphrase{"correct horse battery"};

  void setup() override {
    CHECK(HostKeys({keys, ""}).create(random).ok());
    CHECK(belay::base::makeFolders(credentials).ok());
    CHECK(key().open(nullptr)->vault->set("A", SecretValue("value")).ok());
  }
  VaultKey key() { return VaultKey({{keys, credentials}, vaultFile, clock, random}); }
  std::string read(const std::string& path) { return belay::base::readFile(path, 1u << 20).value(); }
  void write(const std::string& path, const std::string& text) {
    CHECK(belay::base::writeFileDurably(path, text, 0600).ok());
  }
  /// The secret as it opens, and that no change is left over.
  void opens(const SecretValue* with, const std::string& callbackKey) {
    const auto opened = key().open(with);
    CHECK(opened.ok());
    CHECK(opened->vault->secret("A")->value.reveal() == "value");
    LONGS_EQUAL(1, opened->vault->secret("A")->version);
    CHECK(opened->callbackKey == callbackKey);
    CHECK_FALSE(belay::base::fileExists(keys + "/vault.key.next"));
    CHECK_FALSE(belay::base::fileExists(keys + "/vault.pass.next"));
  }
};

TEST(VaultKey, pbkdf2IsThatOfTheStandard) {
  // RFC 7914, section 11.
  const auto hex = [](const std::string& bytes) {
    return belay::base::toHex(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  };
  STRCMP_EQUAL("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc",
               hex(belay::vault::pbkdf2("passwd", "salt", 1)).c_str());
  STRCMP_EQUAL("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56",
               hex(belay::vault::pbkdf2("Password", "NaCl", 80'000)).c_str());
}

TEST(VaultKey, aNewFileTakesThePlaceOfTheOld) {
  const std::string callback = key().open(nullptr)->callbackKey;
  const std::string old = read(keys + "/vault.key");
  CHECK(key().rotate(nullptr, {}).ok());
  CHECK(read(keys + "/vault.key") != old);
  opens(nullptr, callback);
  write(keys + "/vault.key", old);
  CHECK(key().open(nullptr).error().code == ErrorCode::kVaultSealed);
}

TEST(VaultKey, aPassphraseIsAskedForAndTheOnlyWay) {
  const std::string callback = key().open(nullptr)->callbackKey;
  VaultKey::Next next;
  next.kind = VaultKey::Next::Kind::kPassphrase;
  next.passphrase = SecretValue("short");
  CHECK(key().rotate(nullptr, next).error().code == ErrorCode::kMasterKey);
  opens(nullptr, callback);
  next.passphrase = passphrase.clone();
  CHECK(key().rotate(nullptr, next).ok());
  CHECK_FALSE(belay::base::fileExists(keys + "/vault.key"));
  CHECK(key().needsPassphrase());
  CHECK(key().open(nullptr).error().code == ErrorCode::kVaultLocked);
  const SecretValue other("correct horse batterz");
  CHECK(key().open(&other).error().code == ErrorCode::kMasterKey);
  opens(&passphrase, callback);
  CHECK(key().rotate(&passphrase, {}).ok());
  CHECK_FALSE(key().needsPassphrase());
  opens(nullptr, callback);
}

TEST(VaultKey, aGivenKeyIsKeptNowhereHere) {
  const std::string callback = key().open(nullptr)->callbackKey;
  VaultKey::Next next;
  next.kind = VaultKey::Next::Kind::kGiven;
  next.key = SecretValue("too short");
  CHECK(key().rotate(nullptr, next).error().code == ErrorCode::kMasterKey);
  next.key = SecretValue(std::string(32, 'n'));
  CHECK(key().rotate(nullptr, next).ok());
  CHECK_FALSE(belay::base::fileExists(keys + "/vault.key"));
  CHECK_FALSE(key().open(nullptr).ok());
  write(credentials + "/belay-vault-key", std::string(32, 'n'));
  opens(nullptr, callback);
}

TEST(VaultKey, aCrashLeavesTheOldKeyInForceOrTheNew) {
  const std::string callback = key().open(nullptr)->callbackKey;
  const std::string oldKey = read(keys + "/vault.key");
  const std::string oldVault = read(vaultFile);
  CHECK(key().rotate(nullptr, {}).ok());
  const std::string newKey = read(keys + "/vault.key");
  const std::string newVault = read(vaultFile);
  // Before the vault was written.
  write(keys + "/vault.key", oldKey);
  write(keys + "/vault.key.next", newKey);
  write(vaultFile, oldVault);
  opens(nullptr, callback);
  CHECK(read(keys + "/vault.key") == oldKey);
  // After it was.
  write(keys + "/vault.key.next", newKey);
  write(vaultFile, newVault);
  opens(nullptr, callback);
  CHECK(read(keys + "/vault.key") == newKey);
  // From a file to a passphrase, cut before the old one is gone: both are there.
  VaultKey::Next next;
  next.kind = VaultKey::Next::Kind::kPassphrase;
  next.passphrase = passphrase.clone();
  CHECK(key().rotate(nullptr, next).ok());
  const std::string pass = read(keys + "/vault.pass");
  CHECK(belay::base::removeFile(keys + "/vault.pass").ok());
  write(keys + "/vault.pass.next", pass);
  write(keys + "/vault.key", newKey);
  CHECK(key().needsPassphrase());
  const SecretValue wrong{"incorrect horse battery"};
  LONGS_EQUAL(ErrorCode::kMasterKey, key().open(&wrong).error().code);
  opens(&passphrase, callback);
  CHECK_FALSE(belay::base::fileExists(keys + "/vault.key"));
}

TEST(VaultKey, aCrashBetweenTheOldKeysEndAndTheNewKeysPlaceLosesNeither) {
  const std::string callback = key().open(nullptr)->callbackKey;
  VaultKey::Next next;
  next.kind = VaultKey::Next::Kind::kPassphrase;
  next.passphrase = passphrase.clone();
  CHECK(key().rotate(nullptr, next).ok());
  const std::string pass = read(keys + "/vault.pass");
  CHECK_FALSE(belay::base::fileExists(keys + "/vault.key"));
  // The file is gone, what takes its place has not.
  CHECK(belay::base::removeFile(keys + "/vault.pass").ok());
  write(keys + "/vault.pass.next", pass);
  opens(&passphrase, callback);
  CHECK(read(keys + "/vault.pass") == pass);
  // And back to a file.
  CHECK(key().rotate(&passphrase, {}).ok());
  const std::string fileKey = read(keys + "/vault.key");
  CHECK_FALSE(belay::base::fileExists(keys + "/vault.pass"));
  CHECK(belay::base::removeFile(keys + "/vault.key").ok());
  write(keys + "/vault.key.next", fileKey);
  CHECK_FALSE(key().needsPassphrase());
  opens(nullptr, callback);
  CHECK(read(keys + "/vault.key") == fileKey);
}

TEST(VaultKey, whatIsNoProtectedKeyIsSaid) {
  for (const char* text : {"", "{}", R"({"format":"belay-protected-key","v":1})",
                           R"({"format":"belay-protected-key","v":1,"iterations":0,"salt":"YQ==","sealed":"YQ=="})"}) {
    CHECK(belay::vault::unprotectKey(text, passphrase).error().code == ErrorCode::kMasterKey);
  }
}
