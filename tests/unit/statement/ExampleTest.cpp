// Makes the statements of docs/format/statements.md again, and finds them there byte by byte.

#include <string>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/statement/Verify.h"

#include <CppUTest/TestHarness.h>

using belay::crypto::P256PrivateKey;
using namespace belay::statement;

namespace {

// The example key of RFC 7515, appendix A.3, and that of RFC 7517, appendix A.2.
constexpr std::string_view kRootKey =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",)"
    R"("d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"})";
constexpr std::string_view kSignerKey =
    R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
    R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",)"
    R"("d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"})";

}  // namespace

TEST_GROUP(Example) {
  P256PrivateKey rootKey = P256PrivateKey::fromJwk(kRootKey).value();
  P256PrivateKey signerKey = P256PrivateKey::fromJwk(kSignerKey).value();
  std::string text = belay::base::readFile("docs/format/statements.md", 1 << 20).value();

  void shows(const std::string& line) const {
    CHECK_TEXT(text.find("\n" + line + "\n") != std::string::npos, line.c_str());
  }
};

TEST(Example, rootRosterAndPinStandInTheFormat) {
  Root root;
  root.name = "example";
  root.keys.push_back({rootKey.publicKey(), "rosa"});
  root.createdMs = 1'795'824'000'000;
  Roster roster;
  roster.fleet = belay::crypto::sha256(root.print());
  roster.createdMs = root.createdMs;
  roster.maxAgeS = 7'776'000;
  roster.keys.push_back({signerKey.publicKey(), Role::kReleaseSigner, KeyClass::kNone, "ada"});
  Pin pin;
  pin.fleet = roster.fleet;
  pin.flow = "deploy";
  pin.release = belay::crypto::sha256("content");
  pin.size = 7;
  pin.createdMs = root.createdMs;
  shows(root.print());
  shows(roster.print());
  shows(pin.print());
  shows("rosa     " + rootKey.publicKey().thumbprint());
  shows("ada      " + signerKey.publicKey().thumbprint());
  shows("root     " + belay::crypto::sha256(root.print()).hex());
  shows("roster   " + belay::crypto::sha256(roster.print()).hex());
  shows("pin      " + belay::crypto::sha256(pin.print()).hex());
  const std::string compact = signJws(signerKey, Pin::kTyp, pin.print());
  for (const std::string_view part : belay::base::split(compact, '.')) shows(std::string(part));
  CHECK(verifyPin(SignedStatement::parse(compact).value(), roster).ok());
}
