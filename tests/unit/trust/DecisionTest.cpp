// Signs decisions and hands in every variation that a forger, or a mistake, could make of one.

#include <string>

#include "agent/trust/Decision.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "common/statement/Jws.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::crypto::Digest;
using belay::crypto::P256PrivateKey;
using belay::crypto::sha256;
using belay::trust::Decision;
using belay::trust::DecisionAnswer;
using belay::trust::DecisionClass;
using belay::trust::DecisionKeys;
using belay::trust::signDecision;
using belay::trust::verifyDecision;

namespace {

constexpr const char* kTyp = "belay-decision+jws";

}  // namespace

TEST_GROUP(Decision) {
  belay::test::SeededRandom random;
  P256PrivateKey key = P256PrivateKey::generate(random);
  DecisionKeys keys;
  Digest request = sha256("the request's bytes");
  Decision decision;

  void setup() override {
    keys.add(key.publicKey(), DecisionClass::kLocal);
    decision.person = "uid:1000";
    decision.uid = 1000;
    decision.request = request;
    decision.answer = DecisionAnswer::kApprove;
    decision.formJson = R"({"reason":"tested","count":2})";
    decision.comment = "fine\nby me";
    decision.atMs = 1'800'000'000'123;
  }
  std::string payload() const {
    return belay::statement::Jws::parse(signDecision(key, decision).value())->unverifiedPayload();
  }
  /// Whether a correctly signed statement with this payload is taken.
  bool takes(const std::string& text) const {
    return verifyDecision(belay::statement::signJws(key, kTyp, text), keys, request).ok();
  }
  std::string with(const char* from, const std::string& to) const {
    std::string text = payload();
    const std::size_t at = text.find(from);
    CHECK_TRUE_TEXT(at != std::string::npos, from);
    return text.replace(at, std::string(from).size(), to);
  }
};

TEST(Decision, whatIsSignedHereIsHeldAgainstTheKeysToo) {
  const auto verified = belay::trust::signVerified(key, decision, keys);
  CHECK(verified.ok());
  STRCMP_EQUAL(signDecision(key, decision)->c_str(), verified->compact.c_str());
  CHECK(verifyDecision(verified->compact, keys, request).ok());
  const P256PrivateKey stranger = P256PrivateKey::generate(random);
  const auto refused = belay::trust::signVerified(stranger, decision, keys);
  CHECK(!refused.ok() && refused.error().code == ErrorCode::kDecisionInvalid);
}

TEST(Decision, saysAgainWhatWasSigned) {
  const auto verified = verifyDecision(signDecision(key, decision).value(), keys, request);
  CHECK(verified.ok());
  const Decision& got = verified->decision;
  CHECK(got.decisionClass == DecisionClass::kLocal);
  STRCMP_EQUAL("uid:1000", got.person.c_str());
  LONGS_EQUAL(1000, got.uid);
  CHECK(got.request == request);
  CHECK(got.answer == DecisionAnswer::kApprove);
  STRCMP_EQUAL(R"({"reason":"tested","count":2})", got.formJson.c_str());
  STRCMP_EQUAL("fine\nby me", got.comment.c_str());
  CHECK(got.atMs == 1'800'000'000'123);
  STRCMP_EQUAL(key.publicKey().thumbprint().c_str(), verified->kid.c_str());
  CHECK(verified->payload == payload());
}

TEST(Decision, keepsRejectionsApart) {
  decision.answer = DecisionAnswer::kReject;
  const auto verified = verifyDecision(signDecision(key, decision).value(), keys, request);
  CHECK(verified->decision.answer == DecisionAnswer::kReject);
}

TEST(Decision, answersOneRequestOnly) {
  const std::string compact = signDecision(key, decision).value();
  const auto other = verifyDecision(compact, keys, sha256("another request"));
  CHECK(other.error().code == ErrorCode::kDecisionInvalid);
}

TEST(Decision, refusesKeysThatAreNotKnown) {
  const P256PrivateKey stranger = P256PrivateKey::generate(random);
  const auto refused = verifyDecision(signDecision(stranger, decision).value(), keys, request);
  CHECK(refused.error().code == ErrorCode::kDecisionInvalid);
  CHECK(verifyDecision(signDecision(key, decision).value(), DecisionKeys(), request).error().code ==
        ErrorCode::kDecisionInvalid);
}

TEST(Decision, refusesEveryChangedCharacter) {
  const std::string compact = signDecision(key, decision).value();
  for (std::size_t at = 0; at < compact.size(); ++at) {
    std::string changed = compact;
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    const auto refused = verifyDecision(changed, keys, request);
    CHECK_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kDecisionInvalid);
  }
}

TEST(Decision, refusesOtherKindsOfStatements) {
  const std::string other = belay::statement::signJws(key, "belay-pin+jws", payload());
  CHECK_FALSE(verifyDecision(other, keys, request).ok());
}

TEST(Decision, refusesPayloadsThatAreNotExactlyOne) {
  CHECK(takes(payload()));
  CHECK_FALSE(takes(with("\"v\":1", "\"v\":2")));
  CHECK_FALSE(takes(with("\"v\":1", "\"v\":\"1\"")));
  CHECK_FALSE(takes(with("\"v\":1,", "")));
  CHECK_FALSE(takes(with("\"v\":1", "\"v\":1,\"v\":1")));
  CHECK_FALSE(takes(with("\"v\":1", "\"v\":1,\"extra\":1")));
  CHECK_FALSE(takes(with("\"local\"", "\"e2e\"")));
  CHECK_FALSE(takes(with("\"local\"", "\"Local\"")));
  CHECK_FALSE(takes(with("\"approve\"", "\"approved\"")));
  CHECK_FALSE(takes(with("\"approve\"", "true")));
  CHECK_FALSE(takes(with("\"uid\":1000", "\"uid\":-1")));
  CHECK_FALSE(takes(with("\"uid\":1000", "\"uid\":4294967296")));
  CHECK_FALSE(takes(with("\"uid\":1000", "\"uid\":1.5")));
  CHECK_FALSE(takes(with("\"uid\":1000", "\"uid\":\"1000\"")));
  CHECK_FALSE(takes(with("\"comment\":", "\"comments\":")));
  CHECK_FALSE(takes(with(R"({"reason":"tested","count":2})", "[]")));
  CHECK_FALSE(takes(with(R"("count":2)", R"("reason":2)")));
  CHECK_FALSE(takes(payload() + " x"));
  CHECK_FALSE(takes("[]"));
  CHECK_FALSE(takes(""));
}

TEST(Decision, signsOnlyWhatCanBeRead) {
  const auto refuses = [&](const char* why) {
    const auto made = signDecision(key, decision);
    CHECK_FALSE_TEXT(made.ok(), why);
    CHECK(made.error().code == ErrorCode::kInvalidArgument);
    setup();
  };
  decision.formJson = "[]";
  refuses("a list");
  decision.formJson = R"({"a":1,"a":2})";
  refuses("a name twice");
  decision.formJson = "";
  refuses("nothing");
  decision.comment = std::string(4097, 'x');
  refuses("a long comment");
  decision.comment = "\xff";
  refuses("no text");
  decision.person = "";
  refuses("nobody");
}
