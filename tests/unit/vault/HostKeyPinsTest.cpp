// Keys as ssh-keygen makes them, held against those that a definition pins.

#include "agent/vault/HostKeyPins.h"

#include "common/crypto/HostKeyFingerprint.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using namespace belay;

namespace {

const std::string kEd =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHt1nNxcDgTBRkS8ZRkzYtI1Qa9YVS0gqVTyPFmr6U8K";
const std::string kOtherEd =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHt1nNxcDgTBRkS8ZRkzYtI1Qa9YVS0gqVTyPFmr6U8L";
const std::string kEcdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=";

json::Value pinning(const std::vector<std::string>& keys) {
  json::Value list{json::Array{}};
  for (const std::string& key : keys) list.push(key);
  json::Value out;
  out.set("type", "ssh").set("host_keys", std::move(list));
  return out;
}

std::string statesOf(const json::Value& judged) {
  std::string out = judged.flag("changed") ? "changed:" : "same:";
  for (const json::Value& key : judged.find("host_keys")->asArray()) out += " " + key.text("state");
  return out;
}

}  // namespace

TEST_GROUP(HostKeyPins){};

TEST(HostKeyPins, aFingerprintIsTheOneOfSshKeygen) {
  // ssh-keygen -lf of the same line.
  STRCMP_EQUAL("SHA256:uxUny9N4dyxzZUolGnG0Hh3Qvzss2KEsEujtcd2vBVo", crypto::hostKeyFingerprint(kEd).c_str());
  STRCMP_EQUAL("", crypto::hostKeyFingerprint("ssh-ed25519").c_str());
  STRCMP_EQUAL("", crypto::hostKeyFingerprint("ssh-ed25519 !").c_str());
}

TEST(HostKeyPins, whatIsShownIsHeldAgainstWhatIsPinned) {
  STRCMP_EQUAL("same: new new", statesOf(vault::judgeHostKeys({}, {kEd, kEcdsa})).c_str());
  STRCMP_EQUAL("same: pinned new",
               statesOf(vault::judgeHostKeys(pinning({kEd + " a comment"}), {kEd, kEcdsa})).c_str());
  STRCMP_EQUAL("changed: changed changed",
               statesOf(vault::judgeHostKeys(pinning({kEd}), {kOtherEd, kEcdsa})).c_str());
  // The pinned kind is not shown at all: nothing proves that it is the same server.
  STRCMP_EQUAL("changed: changed", statesOf(vault::judgeHostKeys(pinning({kEd}), {kEcdsa})).c_str());
  STRCMP_EQUAL("changed: changed pinned",
               statesOf(vault::judgeHostKeys(pinning({kEd, kEcdsa}), {kOtherEd, kEcdsa})).c_str());
}

TEST(HostKeyPins, aKeyJoinsThoseThatArePinnedUnlessItContradictsOne) {
  const auto joined = vault::withHostKeys(pinning({kEd}), {kEcdsa, kEd}, false);
  CHECK(joined.ok());
  LONGS_EQUAL(2, static_cast<long>(joined->find("host_keys")->asArray().size()));
  STRCMP_EQUAL("ssh", joined->text("type").c_str());
  const auto refused = vault::withHostKeys(pinning({kEd}), {kOtherEd}, false);
  CHECK(!refused.ok() && refused.error().code == base::ErrorCode::kSshHostKey);
  const auto replaced = vault::withHostKeys(pinning({kEd, kEcdsa}), {kOtherEd}, true);
  CHECK(replaced.ok());
  STRCMP_EQUAL(kOtherEd.c_str(), replaced->find("host_keys")->asArray().at(0).asString().c_str());
  LONGS_EQUAL(1, static_cast<long>(replaced->find("host_keys")->asArray().size()));
  CHECK(!vault::withHostKeys({}, {"ssh-ed25519"}, false).ok());
}
