// Seals for several people, opens with each of their keys, then spoils one thing at a time.
// tests/integration opens the same form with another library.

#include <algorithm>
#include <vector>

#include "common/json/Json.h"
#include "common/statement/Sealed.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::json::Value;
using belay::test::Fleet;
using namespace belay::statement;

TEST_GROUP(Sealed) {
  Fleet fleet;
  belay::test::SeededRandom random{3};

  std::string sealed(const std::string& text = "what nobody else may read") {
    const std::vector<belay::crypto::P256PublicKey> keys{fleet.publicKey("dora"),
                                                         fleet.publicKey("eve")};
    return seal(text, kSealedRequest, keys, random);
  }
  bool opens(const std::string& text, const char* name = "dora",
             std::string_view typ = kSealedRequest) {
    const auto opened = unseal(text, typ, fleet.key(name));
    if (!opened) CHECK(opened.error().code == ErrorCode::kSealed);
    return opened.ok();
  }
  /// With one member of the JWE changed.
  bool opensWith(const std::string& pointer, const Value& value) {
    auto parsed = *belay::json::parse(sealed());
    const_cast<Value&>(*parsed.at(pointer)) = value;
    return opens(belay::json::print(parsed));
  }
};

TEST(Sealed, opensForEachOfThoseItIsFor) {
  const std::string text = sealed();
  for (const char* name : {"dora", "eve"}) {
    const auto opened = unseal(text, kSealedRequest, fleet.key(name));
    CHECK(opened.ok());
    STRCMP_EQUAL("what nobody else may read", opened->c_str());
  }
  CHECK(text.find("nobody") == std::string::npos);
  CHECK(sealed("").size() > 300);
  CHECK(*unseal(sealed(""), kSealedRequest, fleet.key("eve")) == "");
}

TEST(Sealed, staysClosedForOthersAndOtherPurposes) {
  CHECK(!opens(sealed(), "ada"));
  CHECK(!opens(sealed(), "dora", kSealedArtifact));
  CHECK(!opens(""));
  CHECK(!opens("{}"));
  CHECK(!opens("[1]"));
}

TEST(Sealed, noByteOfItMayChange) {
  const std::string text = sealed("x");
  int opened = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    if (opens(other)) ++opened;
  }
  // But for what is of another recipient: dora's key needs nothing of eve's entry but its form.
  const std::size_t eve = text.rfind("encrypted_key");
  const std::size_t end = text.find('"', eve + 16);
  CHECK(opened <= static_cast<int>(end - eve) + 43);
  CHECK(opened > 0);
}

TEST(Sealed, theHeaderIsStrict) {
  const auto header = [&](const std::string& json) {
    return opensWith("/protected", Value(belay::base::toBase64Url(json)));
  };
  CHECK(!header("{}"));
  CHECK(!header(R"({"alg":"dir","enc":"A256GCM","typ":"belay-request+jwe","epk":{}})"));
  CHECK(!header(R"({"alg":"none"})"));
  CHECK(!opensWith("/iv", Value("")));
  CHECK(!opensWith("/tag", Value("AAAAAAAAAAAAAAAAAAAAAA")));
  CHECK(!opensWith("/recipients", Value(belay::json::Array())));
  CHECK(!opensWith("/recipients/0/encrypted_key", Value("AAAA")));
  CHECK(!opensWith("/recipients/1/header", Value(belay::json::Object())));
}
