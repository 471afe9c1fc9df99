// Keys, fleets and pins made by command lines alone, without a daemon; what was written is verified
// as a host does.

#include "common/base/Files.h"
#include "common/crypto/Sha256.h"
#include "common/statement/Verify.h"
#include "tests/unit/cli/FakeWorld.h"

#include <CppUTest/TestHarness.h>

using belay::test::FakeWorld;
using namespace belay::statement;

TEST_GROUP(Signing) {
  FakeWorld world;
  std::string key, pub;

  void setup() override {
    world.console.hidden = "correct horse";
    key = world.folder.at("ada.key");
    pub = key + ".pub";
    LONGS_EQUAL(0, world.run({"key", "new", key, "--iterations", "10000"}));
  }
  std::string written(const std::string& name) const {
    return belay::base::readFile(world.folder.at(name), 1u << 20).value();
  }
  static SignedStatement parsed(const std::string& lines) {
    return SignedStatement::parse(lines).value();
  }
};

TEST(Signing, aNewKeyIsAskedTwiceAndPrintsItsThumbprint) {
  STRCMP_CONTAINS("passphrase of the new key: again: ", world.console.errText.c_str());
  LONGS_EQUAL(44, world.console.outText.size());
  const std::string thumbprint = world.console.outText;
  LONGS_EQUAL(0, world.run({"key", "show", key}));
  STRCMP_EQUAL(thumbprint.c_str(), world.console.outText.c_str());
  LONGS_EQUAL(1, world.run({"key", "new", key}));
  world.console.hidden = "short";
  CHECK(world.run({"key", "new", key + "2"}) != 0);
  CHECK_FALSE(belay::base::fileExists(key + "2"));
}

TEST(Signing, filesOfAFleetAreWhatAHostBelieves) {
  const std::string folder = world.folder.at("fleet"), root = folder + "/root-1.jws";
  const std::string signer = world.folder.at("bob.key");
  LONGS_EQUAL(0, world.run({"key", "new", signer, "--iterations", "10000"}));
  LONGS_EQUAL(0, world.run({"trust", "init", folder, "--name", "t", "--root", "ada=" + pub,
                            "--signer", "bob=" + signer + ".pub", "--key", key}));
  const std::string digest = world.console.outText.substr(0, 64);
  const auto rootFile = parsed(written("fleet/root-1.jws"));
  const auto believed = verifyFirstRoot(rootFile, *belay::crypto::Digest::fromHex(digest));
  CHECK(believed.ok());
  const auto roster =
      verifyRoster(parsed(written("fleet/roster-1.jws")), believed->document(), believed->digest());
  CHECK(roster.ok());
  const std::string release = "sha256:" + belay::crypto::sha256("x").hex();
  const std::string pin = world.folder.at("pin.jws");
  LONGS_EQUAL(0, world.run({"pin", "create", "deploy", "--release", release, "--size", "1",
                            "--fleet", digest, "--out", pin, "--key", signer}));
  const auto first = verifyPin(parsed(written("pin.jws")), roster->document());
  CHECK(first.ok());
  STRCMP_EQUAL(release.c_str(), first->document().releaseName().c_str());
  LONGS_EQUAL(0, world.run({"pin", "create", "deploy", "--release", release, "--size", "1",
                            "--previous", pin, "--out", pin + "2", "--key", signer}));
  const auto second = verifyPin(parsed(written("pin.jws2")), roster->document());
  LONGS_EQUAL(2, second->document().counter);
  CHECK(second->document().prev == first->digest());
  CHECK(world.daemon.asked.empty());
  // Each verb signs its own kinds only, and nothing twice.
  LONGS_EQUAL(7, world.run({"pin", "sign", root, "--key", key}));
  LONGS_EQUAL(7, world.run({"trust", "sign", pin, "--key", key}));
  LONGS_EQUAL(7, world.run({"pin", "sign", pin, "--key", signer}));
  STRCMP_CONTAINS("has signed twice", world.console.errText.c_str());
  STRCMP_CONTAINS("1 of deploy, stable", world.console.errText.c_str());
}

TEST(Signing, saysWhatIsMissing) {
  const std::string out = world.folder.at("pin.jws");
  const std::string release = "sha256:" + belay::crypto::sha256("x").hex();
  LONGS_EQUAL(2, world.run({"pin", "create", "deploy", "--out", out, "--key", key}));
  LONGS_EQUAL(2,
              world.run({"pin", "create", "deploy", "--release", release, "--size", "1", "--fleet",
                         std::string(64, 'a'), "--counter", "3", "--out", out, "--key", key}));
  STRCMP_CONTAINS("--previous FILE", world.console.errText.c_str());
  LONGS_EQUAL(2, world.run({"trust", "install"}));
  LONGS_EQUAL(2, world.run({"trust", "init", world.folder.at("f"), "--root", "ada=" + pub}));
  STRCMP_CONTAINS("--key FILE is missing", world.console.errText.c_str());
  world.console.hidden = "correct pony";
  LONGS_EQUAL(
      7, world.run({"trust", "init", world.folder.at("f"), "--root", "ada=" + pub, "--key", key}));
  CHECK_FALSE(belay::base::fileExists(out));
}
