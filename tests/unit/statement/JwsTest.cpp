// Makes statements, then spells the same statement in every other way and sees each refused.

#include <string>

#include "common/base/Text.h"
#include "common/statement/Jws.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::toBase64Url;
using belay::crypto::P256PrivateKey;
using belay::statement::Jws;
using belay::statement::signJws;

namespace {

constexpr std::string_view kTyp = "belay-decision+jws";

}  // namespace

TEST_GROUP(Jws) {
  belay::test::SeededRandom random;
  P256PrivateKey key = P256PrivateKey::generate(random);
  std::string payload = R"({"v":1,"decision":"approve"})";
  std::string kid = key.publicKey().thumbprint();

  /// A correctly signed statement with any header.
  std::string withHeader(const std::string& header) const {
    const std::string text = toBase64Url(header) + "." + toBase64Url(payload);
    const auto signature = key.sign(text);
    return text + "." +
           toBase64Url({reinterpret_cast<const char*>(signature.data()), signature.size()});
  }
};

TEST(Jws, givesTheVerbatimPayloadBack) {
  const std::string odd = std::string("{ \"a\" :1}\n\0\xff", 12);
  const auto jws = Jws::parse(signJws(key, kTyp, odd));
  STRCMP_EQUAL(kid.c_str(), jws->kid().c_str());
  STRCMP_EQUAL("belay-decision+jws", jws->typ().c_str());
  CHECK(jws->unverifiedPayload() == odd);
  CHECK(jws->verify(key.publicKey(), kTyp).value() == odd);
}

TEST(Jws, takesTheHeaderInAnyOrderWithSpaces) {
  const std::string compact =
      withHeader("{\"typ\":\"belay-decision+jws\", \"kid\":\"" + kid + "\",\n\"alg\":\"ES256\"}");
  CHECK(Jws::parse(compact)->verify(key.publicKey(), kTyp).ok());
}

TEST(Jws, refusesAnotherKindOfStatement) {
  const auto jws = Jws::parse(signJws(key, "belay-pin+jws", payload));
  CHECK(jws->verify(key.publicKey(), kTyp).error().code == ErrorCode::kStatementKind);
}

TEST(Jws, refusesAnotherKey) {
  const P256PrivateKey other = P256PrivateKey::generate(random);
  const auto jws = Jws::parse(signJws(key, kTyp, payload));
  CHECK_FALSE(jws->verify(other.publicKey(), kTyp).ok());
}

TEST(Jws, refusesAKidThatIsNotTheSigners) {
  const P256PrivateKey other = P256PrivateKey::generate(random);
  const std::string compact =
      withHeader(R"({"alg":"ES256","kid":")" + other.publicKey().thumbprint() + R"(","typ":")" +
                 std::string(kTyp) + R"("})");
  const auto jws = Jws::parse(compact);
  CHECK_FALSE(jws->verify(key.publicKey(), kTyp).ok());
  CHECK_FALSE(jws->verify(other.publicKey(), kTyp).ok());
}

TEST(Jws, refusesEveryChangedCharacter) {
  const std::string compact = signJws(key, kTyp, payload);
  for (std::size_t at = 0; at < compact.size(); ++at) {
    std::string changed = compact;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    const auto jws = Jws::parse(changed);
    CHECK_FALSE(jws.ok() && jws->verify(key.publicKey(), kTyp).ok());
  }
}

TEST(Jws, refusesHeadersThatAreNotTheFixedThree) {
  const std::string typ(kTyp);
  const std::string good = R"("alg":"ES256","kid":")" + kid + R"(","typ":")" + typ + "\"";
  CHECK(Jws::parse(withHeader("{" + good + "}")).ok());
  const std::string bad[] = {
      "{" + good + R"(,"crit":[]})",
      "{" + good + R"(,"jwk":{}})",
      "{" + good + R"(,"alg":"ES256"})",
      "{" + good + "} ,",
      R"({"alg":"ES256","kid":")" + kid + "\"}",
      R"({"alg":"none","kid":")" + kid + R"(","typ":")" + typ + "\"}",
      R"({"alg":"es256","kid":")" + kid + R"(","typ":")" + typ + "\"}",
      R"({"alg":"HS256","kid":")" + kid + R"(","typ":")" + typ + "\"}",
      R"({"alg":"ES256","kid":"short","typ":")" + typ + "\"}",
      R"({"alg":"ES256","kid":7,"typ":")" + typ + "\"}",
      R"({"alg":"ES256","kid":")" + kid + R"(","typ":"JWT"})",
      R"({"alg":"ES256","kid":")" + kid + R"(","typ":"belay-+jws"})",
      R"({"alg":"ES256","kid":")" + kid + R"(","typ":"belay-Decision+jws"})",
      "[]",
      "",
      "null",
      "\xff",
  };
  for (const std::string& header : bad) {
    CHECK_FALSE_TEXT(Jws::parse(withHeader(header)).ok(), header.c_str());
  }
}

TEST(Jws, refusesOtherSpellingsOfTheSameBytes) {
  const std::string compact = signJws(key, kTyp, payload);
  const std::size_t first = compact.find('.'), second = compact.rfind('.');
  CHECK_FALSE(Jws::parse(compact + "=").ok());
  CHECK_FALSE(Jws::parse(compact + "==").ok());
  CHECK_FALSE(Jws::parse(compact + "\n").ok());
  CHECK_FALSE(Jws::parse(" " + compact).ok());
  CHECK_FALSE(Jws::parse(compact + ".").ok());
  CHECK_FALSE(Jws::parse(compact.substr(0, second)).ok());
  CHECK_FALSE(Jws::parse(compact.substr(first)).ok());
  // 64 bytes leave four unused bits in the last character; they must be zero.
  std::string loose = compact;
  loose.back() = static_cast<char>(loose.back() + 1);
  CHECK_FALSE(Jws::parse(loose).ok());
}

TEST(Jws, refusesSignaturesOfAnotherLength) {
  const std::string compact = signJws(key, kTyp, payload);
  const std::string text = compact.substr(0, compact.rfind('.') + 1);
  CHECK_FALSE(Jws::parse(text).ok());
  CHECK_FALSE(Jws::parse(text + toBase64Url(std::string(63, 'x'))).ok());
  CHECK_FALSE(Jws::parse(text + toBase64Url(std::string(65, 'x'))).ok());
  CHECK_FALSE(Jws::parse(text + toBase64Url(std::string(70, '\x30'))).ok());
}

TEST(Jws, refusesWhatIsTooLong) {
  const std::string big(belay::statement::kJwsBytesMax, 'x');
  CHECK_FALSE(Jws::parse(signJws(key, kTyp, big)).ok());
}
