// Makes keys in a temporary folder, then opens their files to others to see them refused.

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "agent/vault/HostKeys.h"
#include "common/base/Files.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::test::SeededRandom;
using belay::test::TempFolder;
using belay::vault::HostKeys;

TEST_GROUP(HostKeys) {
  TempFolder folder;
  SeededRandom random;
  std::string keys = folder.at("state/keys");
  std::string credentials = folder.at("credentials");
  HostKeys host{{keys, {}}};

  std::string file(const std::string& name) {
    return belay::base::readFile(keys + name, 4096).value();
  }
  void giveCredential(const std::string& content, unsigned mode) {
    CHECK(belay::base::makeFolders(credentials).ok());
    const std::string path = credentials + "/belay-vault-key";
    CHECK(belay::base::writeFileDurably(path, content).ok());
    LONGS_EQUAL(0, ::chmod(path.c_str(), mode));
  }
};

TEST(HostKeys, makesKeysThatOnlyTheUserReads) {
  CHECK(host.create(random).ok());
  for (const char* name : {"/local.key", "/vault.key"}) {
    struct stat info {};
    LONGS_EQUAL(0, ::stat((keys + name).c_str(), &info));
    LONGS_EQUAL(0600, info.st_mode & 07777);
  }
  CHECK(host.localKey().ok());
  CHECK(host.vaultKeyBytes().ok());
  LONGS_EQUAL(2, belay::base::listFolder(keys).value().size());
}

TEST(HostKeys, theKeyForARelayIsMadeWhenItIsWantedAndOnce) {
  CHECK(host.create(random).ok());
  CHECK(host.hostKey().error().code == belay::base::ErrorCode::kNotInitialised);
  CHECK(host.createHostKey(random).ok());
  const std::string made = file("/host.key");
  CHECK(host.createHostKey(random).ok());
  CHECK(file("/host.key") == made);
  CHECK(host.hostKey()->publicKey().thumbprint() != host.localKey()->publicKey().thumbprint());
}

TEST(HostKeys, neverReplacesAKey) {
  CHECK(host.create(random).ok());
  const std::string local = file("/local.key"), vault = file("/vault.key");
  CHECK(host.create(random).ok());
  CHECK(file("/local.key") == local);
  CHECK(file("/vault.key") == vault);
  CHECK(belay::base::removeFile(keys + "/local.key").ok());
  CHECK(host.create(random).ok());
  CHECK(file("/local.key") != local);
  CHECK(file("/vault.key") == vault);
}

TEST(HostKeys, madeTwiceAtOnceAreOne) {
  std::vector<std::thread> threads;
  std::vector<int> failed(4, 0);
  for (std::size_t t = 0; t < failed.size(); ++t) {
    threads.emplace_back([&, t] {
      SeededRandom own(t + 10);
      if (!host.create(own).ok()) failed[t] = 1;
      if (!host.localKey().ok() || !host.vaultKeyBytes().ok()) failed[t] = 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : failed) LONGS_EQUAL(0, count);
  LONGS_EQUAL(2, belay::base::listFolder(keys).value().size());
}

TEST(HostKeys, saysWhatToDoWhenThereAreNone) {
  CHECK(host.localKey().error().code == ErrorCode::kNotInitialised);
  CHECK(host.vaultKeyBytes().error().code == ErrorCode::kNotInitialised);
  STRCMP_EQUAL("belay init", host.vaultKeyBytes().error().actions.front().c_str());
}

TEST(HostKeys, refusesFilesThatOthersMayRead) {
  CHECK(host.create(random).ok());
  for (const char* name : {"/local.key", "/vault.key"}) {
    for (const unsigned mode : {0640u, 0604u, 0620u, 0601u}) {
      LONGS_EQUAL(0, ::chmod((keys + name).c_str(), mode));
      const bool local = std::string_view(name) == "/local.key";
      const auto code = local ? host.localKey().error().code : host.vaultKeyBytes().error().code;
      CHECK(code == ErrorCode::kStateFolderUnsafe);
    }
    LONGS_EQUAL(0, ::chmod((keys + name).c_str(), 0400));
  }
  CHECK(host.localKey().ok());
  CHECK(host.vaultKeyBytes().ok());
}

TEST(HostKeys, refusesAFolderThatOthersMayChange) {
  CHECK(host.create(random).ok());
  LONGS_EQUAL(0, ::chmod(keys.c_str(), 0770));
  CHECK(host.localKey().error().code == ErrorCode::kStateFolderUnsafe);
  CHECK(host.vaultKeyBytes().error().code == ErrorCode::kStateFolderUnsafe);
  CHECK(host.create(random).error().code == ErrorCode::kStateFolderUnsafe);
}

TEST(HostKeys, refusesLinksAndFolders) {
  CHECK(host.create(random).ok());
  LONGS_EQUAL(0, ::rename((keys + "/vault.key").c_str(), folder.at("elsewhere").c_str()));
  LONGS_EQUAL(0, ::symlink(folder.at("elsewhere").c_str(), (keys + "/vault.key").c_str()));
  CHECK_FALSE(host.vaultKeyBytes().ok());
  LONGS_EQUAL(0, ::unlink((keys + "/vault.key").c_str()));
  LONGS_EQUAL(0, ::mkdir((keys + "/vault.key").c_str(), 0700));
  CHECK(host.vaultKeyBytes().error().code == ErrorCode::kStateFolderUnsafe);
}

TEST(HostKeys, refusesFilesThatHoldNoKey) {
  CHECK(host.create(random).ok());
  CHECK(belay::base::writeFileDurably(keys + "/vault.key", "too short").ok());
  CHECK(belay::base::writeFileDurably(keys + "/local.key", "{}").ok());
  CHECK(host.vaultKeyBytes().error().code == ErrorCode::kMasterKey);
  CHECK(host.localKey().error().code == ErrorCode::kCrypto);
}

TEST(HostKeys, takesTheCredentialOfSystemdFirst) {
  CHECK(host.create(random).ok());
  const HostKeys given{{keys, credentials}};
  CHECK(given.vaultKeyBytes().ok());  // There is no credential yet.
  giveCredential(std::string(32, 'c'), 0440);
  CHECK(given.vaultKeyBytes()->reveal() == std::string(32, 'c'));
  giveCredential(std::string(32, 'c'), 0444);
  CHECK(given.vaultKeyBytes().error().code == ErrorCode::kStateFolderUnsafe);
  giveCredential("short", 0400);
  CHECK(given.vaultKeyBytes().error().code == ErrorCode::kMasterKey);
}
