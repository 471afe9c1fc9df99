// What a relay shows as this host's latest session: only the host's own signature counts.

#include <string>

#include "agent/link/SessionProof.h"
#include "common/base/Text.h"
#include "common/statement/Jws.h"
#include "common/statement/SessionClaim.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::crypto::P256PrivateKey;
using belay::link::SessionProof;
using belay::link::weighSession;
using belay::runtime::HostEpoch;
using belay::statement::SessionClaim;
using belay::statement::signJws;
using Kind = SessionProof::Kind;

TEST_GROUP(SessionProof) {
  belay::test::SeededRandom random{7};
  P256PrivateKey key = P256PrivateKey::generate(random);
  P256PrivateKey stranger = P256PrivateKey::generate(random);
  HostEpoch epoch;
  std::string mine;  ///< What was just signed.

  void setup() override { epoch.random = "x"; }

  std::string statement(std::int64_t number, const P256PrivateKey& by,
                        std::string_view typ = SessionClaim::kTyp,
                        const std::string& ofEpoch = "1.x") {
    SessionClaim claim;
    claim.relay = "https://relay.test";
    claim.nonce = std::string(43, 'A');
    claim.epoch = ofEpoch;
    claim.number = number;
    return signJws(by, typ, claim.print());
  }
  Kind weigh(const std::string& compact, std::int64_t number) {
    return weighSession(compact, key.publicKey(), epoch, number, mine).kind;
  }
};

TEST(SessionProof, whatThisHostHasSignedIsOfThePast) {
  const std::string granted = statement(4, key);
  epoch.grantedSession = 4;
  epoch.grantedDigest = belay::link::statementDigest(granted);
  CHECK(weigh("", 1) == Kind::kPast);
  CHECK(weigh(granted, 5) == Kind::kPast);
  // The relay's store may be older than the host.
  CHECK(weigh(statement(2, key), 5) == Kind::kPast);
  // One whose answer was lost.
  CHECK(weigh(statement(5, key), 7) == Kind::kPast);
}

TEST(SessionProof, aNumberThatThisHostHasNotComeToIsProof) {
  CHECK(weigh(statement(5, key), 5) == Kind::kLater);
  const SessionProof proof = weighSession(statement(99, key), key.publicKey(), epoch, 5, "");
  CHECK(proof.kind == Kind::kLater);
  LONGS_EQUAL(99, proof.number);
}

TEST(SessionProof, twoStatementsOfOneNumberAreProof) {
  epoch.grantedSession = 4;
  epoch.grantedDigest = belay::link::statementDigest(statement(4, key));
  CHECK(weigh(statement(4, stranger), 5) == Kind::kUnproved);
  SessionClaim other;
  other.relay = "https://other.test";
  other.nonce = std::string(43, 'A');
  other.epoch = "1.x";
  other.number = 4;
  CHECK(weigh(signJws(key, SessionClaim::kTyp, other.print()), 5) == Kind::kLater);
}

TEST(SessionProof, theRelaysWordAloneIsNone) {
  for (const std::string& bad :
       {statement(99, stranger), statement(99, key, "belay-pin+jws"), std::string("x"),
        statement(99, key) + "A", statement(99, key).substr(1)}) {
    CHECK(weigh(bad, 5) == Kind::kUnproved);
  }
}

TEST(SessionProof, anEpochThatHasEndedIsPastAndAnotherOneIsProof) {
  const auto of = [this](const char* text) {
    return weigh(statement(9, key, SessionClaim::kTyp, text), 5);
  };
  epoch.counter = 3;
  CHECK(of("2.x") == Kind::kPast);
  CHECK(of("3.other") == Kind::kLater);
  CHECK(of("4.x") == Kind::kLater);
  CHECK(of("") == Kind::kLater);
  CHECK(weigh(statement(4, key, SessionClaim::kTyp, "3.other"), 5) == Kind::kLater);
  CHECK(weigh(statement(4, key, SessionClaim::kTyp, "3.x"), 5) == Kind::kPast);
}

TEST(SessionProof, aRelayThatGivesBackWhatWasJustSignedProvesNothing) {
  mine = statement(5, key);
  CHECK(weigh(mine, 5) == Kind::kPast);
  SessionClaim other;
  other.relay = "https://other.test";
  other.nonce = std::string(43, 'A');
  other.epoch = "1.x";
  other.number = 5;
  CHECK(weigh(signJws(key, SessionClaim::kTyp, other.print()), 5) == Kind::kLater);
}

TEST(SessionProof, anotherSpellingOfASignatureIsTheSameStatement) {
  const std::string granted = statement(4, key);
  epoch.grantedSession = 4;
  epoch.grantedDigest = belay::link::statementDigest(granted);
  // s and n - s sign the same bytes.
  const std::size_t dot = granted.rfind('.');
  std::string raw = belay::base::fromBase64Url(granted.substr(dot + 1)).value();
  constexpr unsigned char kOrder[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int digit = kOrder[i] - static_cast<unsigned char>(raw[32 + i]) - borrow;
    borrow = digit < 0 ? 1 : 0;
    raw[32 + i] = static_cast<char>(digit + borrow * 256);
  }
  const std::string other = granted.substr(0, dot + 1) + belay::base::toBase64Url(raw);
  CHECK(other != granted);
  CHECK(weigh(other, 5) == Kind::kPast);
}
