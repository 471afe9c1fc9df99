// Keeps secrets in a real file in a temporary folder, then damages the file in every place.

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "agent/vault/Vault.h"
#include "common/base/Files.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::Result;
using belay::crypto::SealKey;
using belay::test::SeededRandom;
using belay::test::SimClock;
using belay::test::TempFolder;
using belay::vault::SecretValue;
using belay::vault::Vault;

TEST_GROUP(Vault) {
  TempFolder folder;
  SimClock clock{1'700'000'000'000};
  SeededRandom random;
  std::string path = folder.at("vault");

  Result<std::unique_ptr<Vault>> open(char key = 'k') {
    return Vault::open(path, SealKey::fromBytes(std::string(32, key)).value(), clock, random);
  }
  std::string file() { return belay::base::readFile(path, 1u << 30).value(); }
  void write(const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }
  static std::string reveal(const Vault& vault, const char* name) {
    return std::string(vault.secret(name).value().value.reveal());
  }
};

TEST(Vault, isEmptyWithoutAFile) {
  const auto vault = open();
  LONGS_EQUAL(0, vault.value()->list().size());
  CHECK(vault.value()->secret("A").error().code == ErrorCode::kSecretNotFound);
  CHECK_FALSE(belay::base::fileExists(path));
}

TEST(Vault, keepsSecretsOverARestart) {
  const std::string binary("\0\xff\n\"x", 5);
  {
    auto vault = open();
    CHECK(vault.value()->set("TOKEN", SecretValue("first")).ok());
    CHECK(vault.value()->set("binary-1", SecretValue(binary)).ok());
    CHECK(vault.value()->set("TOKEN", SecretValue("second")).ok());
  }
  const auto vault = open();
  STRCMP_EQUAL("second", reveal(*vault.value(), "TOKEN").c_str());
  CHECK(reveal(*vault.value(), "binary-1") == binary);
  LONGS_EQUAL(2, vault.value()->secretVersion("TOKEN").value());
}

TEST(Vault, listsWhatMayBeKnownInOrderOfNames) {
  auto vault = open();
  CHECK(vault.value()->set("b", SecretValue(std::string(17, 'x'))).ok());
  clock.advance(std::chrono::seconds{1});
  CHECK(vault.value()->set("a", SecretValue("short")).ok());
  const auto list = vault.value()->list();
  LONGS_EQUAL(2, list.size());
  STRCMP_EQUAL("a", list[0].name.c_str());
  LONGS_EQUAL(16, list[0].sizeAtMost);
  CHECK_FALSE(list[0].redacted);
  CHECK(list[0].updatedMs == 1'700'000'001'000);
  LONGS_EQUAL(64, list[1].sizeAtMost);
  CHECK(list[1].redacted);
  LONGS_EQUAL(1, list[1].version);
}

TEST(Vault, neverUsesAVersionTwice) {
  auto vault = open();
  LONGS_EQUAL(1, vault.value()->set("A", SecretValue("one")).value().version);
  CHECK(vault.value()->remove("A").ok());
  CHECK(vault.value()->remove("A").error().code == ErrorCode::kSecretNotFound);
  CHECK(vault.value()->secret("A").error().code == ErrorCode::kSecretNotFound);
  LONGS_EQUAL(0, vault.value()->list().size());
  vault = open();
  LONGS_EQUAL(2, vault.value()->set("A", SecretValue("two")).value().version);
}

TEST(Vault, writesNoValueAndNoTraceOfOneToTheFile) {
  auto vault = open();
  CHECK(vault.value()->set("A", SecretValue("the-canary-value")).ok());
  CHECK(file().find("canary") == std::string::npos);
  struct stat info {};
  LONGS_EQUAL(0, ::stat(path.c_str(), &info));
  LONGS_EQUAL(0600, info.st_mode & 07777);
  // The same value again gives other bytes: nobody sees that it is the same.
  const std::string before = file();
  CHECK(vault.value()->set("B", SecretValue("the-canary-value")).ok());
  CHECK(vault.value()->remove("A").ok());
  CHECK(file() != before);
}

TEST(Vault, refusesNamesAndValuesThatCannotBe) {
  auto vault = open();
  const std::string longest(64, 'a');
  for (const std::string& name : {longest, std::string("GITHUB_TOKEN"), std::string("github_token"),
                                  std::string("1a"), std::string("_"), std::string("a-")}) {
    CHECK_TEXT(vault.value()->set(name, SecretValue(name)).ok(), name.c_str());
  }
  // What is taken can be read again, each under its own name.
  STRCMP_EQUAL("GITHUB_TOKEN", reveal(*open().value(), "GITHUB_TOKEN").c_str());
  STRCMP_EQUAL("github_token", reveal(*open().value(), "github_token").c_str());
  for (const std::string& name : {std::string(), longest + "a", std::string("a b"),
                                  std::string("a.b"), std::string("-a"), std::string("\xc3\xa4")}) {
    const auto set = vault.value()->set(name, SecretValue("v"));
    CHECK(set.error().code == ErrorCode::kInvalidArgument);
  }
  CHECK(vault.value()->set("A", SecretValue()).error().code == ErrorCode::kInvalidArgument);
}

TEST(Vault, noticesAnyChangedByteOfItsFile) {
  {
    auto vault = open();
    CHECK(vault.value()->set("A", SecretValue("alpha-value")).ok());
    CHECK(vault.value()->set("B", SecretValue("beta-value")).ok());
  }
  const std::string good = file();
  // Changed in place: a file that is cut and written anew is synced by some file systems.
  std::fstream changing(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](std::size_t at, char c) {
    changing.seekp(static_cast<std::streamoff>(at)).put(c).flush();
  };
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {0x01, 0x20, 0x80}) {
      put(at, static_cast<char>(good[at] ^ flip));
      const auto opened = open();
      CHECK_FALSE_TEXT(opened.ok(), ("byte " + std::to_string(at)).c_str());
      CHECK(opened.error().code == ErrorCode::kVaultSealed);
    }
    put(at, good[at]);
  }
  CHECK(open().ok());
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, good.size() / 2, good.size() - 1}) {
    write(good.substr(0, cut));
    CHECK(open().error().code == ErrorCode::kVaultSealed);
  }
  write(good + "\n");
  CHECK_FALSE(open().ok());
  write(good);
  CHECK(open().ok());
}

TEST(Vault, doesNotOpenWithAnotherKey) {
  CHECK(open().value()->set("A", SecretValue("value")).ok());
  CHECK(open('x').error().code == ErrorCode::kVaultSealed);
}

TEST(Vault, staysAsItWasWhenTheFileCannotBeWritten) {
  auto vault = open();
  CHECK(vault.value()->set("A", SecretValue("one")).ok());
  // A folder in the place of the temporary file makes the write fail.
  LONGS_EQUAL(0, ::mkdir((path + ".new").c_str(), 0700));
  CHECK_FALSE(vault.value()->set("A", SecretValue("two")).ok());
  CHECK_FALSE(vault.value()->set("B", SecretValue("two")).ok());
  CHECK_FALSE(vault.value()->remove("A").ok());
  STRCMP_EQUAL("one", reveal(*vault.value(), "A").c_str());
  LONGS_EQUAL(1, vault.value()->list().size());
  STRCMP_EQUAL("one", reveal(*open().value(), "A").c_str());
}

TEST(Vault, redactsThePresentSecrets) {
  auto vault = open();
  CHECK(vault.value()->set("A", SecretValue("alpha-value")).ok());
  const auto first = vault.value()->redactor().value();
  STRCMP_EQUAL("x ***A*** beta-value", first->redact("x alpha-value beta-value").c_str());
  CHECK(vault.value()->redactor().value() == first);
  CHECK(vault.value()->set("B", SecretValue("beta-value")).ok());
  const auto second = vault.value()->redactor().value();
  STRCMP_EQUAL("x ***A*** ***B***", second->redact("x alpha-value beta-value").c_str());
}

TEST(Vault, redactsWhatJobsMayStillHold) {
  auto vault = open();
  CHECK(vault.value()->set("A", SecretValue("alpha-value")).ok());
  CHECK(vault.value()->set("A", SecretValue("omega-value")).ok());
  CHECK(vault.value()->remove("A").ok());
  STRCMP_EQUAL("***A*** ***A***",
               vault.value()->redactor().value()->redact("alpha-value omega-value").c_str());
  STRCMP_EQUAL("alpha-value", open().value()->redactor().value()->redact("alpha-value").c_str());
}

TEST(Vault, isReadAndWrittenByManyThreads) {
  auto vault = open();
  CHECK(vault.value()->set("A", SecretValue("value-0")).ok());
  std::vector<std::thread> threads;
  std::vector<int> wrong(3, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto secret = vault.value()->secret("A");
        if (!secret.ok() || !secret->value.reveal().starts_with("value-")) ++wrong[t];
        if (!vault.value()->redactor().ok()) ++wrong[t];
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    CHECK(vault.value()->set("A", SecretValue("value-" + std::to_string(i))).ok());
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : wrong) LONGS_EQUAL(0, count);
  LONGS_EQUAL(11, vault.value()->secretVersion("A").value());
}

TEST(Vault, boundsHowManyItKeeps) {
  SealKey key = SealKey::fromBytes(std::string(32, 'k')).value();
  auto vault = Vault::open(path, std::move(key), clock, random, {.valueBytes = 4, .names = 2});
  CHECK(vault.value()->set("A", SecretValue("v")).ok());
  CHECK(vault.value()->set("B", SecretValue("v")).ok());
  CHECK(vault.value()->set("C", SecretValue("v")).error().code == ErrorCode::kLimit);
  CHECK(vault.value()->set("A", SecretValue("four")).ok());
  CHECK(vault.value()->set("A", SecretValue("fives")).error().code == ErrorCode::kLimit);
  CHECK(vault.value()->remove("A").ok());
  CHECK(vault.value()->set("C", SecretValue("v")).error().code == ErrorCode::kLimit);
}

TEST_GROUP(SecretValue){};

TEST(SecretValue, movesWithoutLeavingACopy) {
  SecretValue first("short");
  const char* const memory = first.reveal().data();
  SecretValue second = std::move(first);
  POINTERS_EQUAL(memory, second.reveal().data());
  CHECK(first.empty());
  CHECK(second.clone().reveal() == "short");
  CHECK(second.clone().reveal().data() != memory);
}

TEST(SecretValue, overwritesTheTextThatItTakes) {
  std::string text = "a longer secret than fits into the object itself";
  const char* const memory = text.data();
  const SecretValue value = SecretValue::take(std::move(text));
  LONGS_EQUAL(0, memory[0]);
  LONGS_EQUAL(0, memory[20]);
  CHECK(value.reveal().starts_with("a longer"));
}
