// Makes a fleet's statements, sees each believed, then spoils one thing at a time and sees it
// refused with the code of that reason.

#include <string>

#include "common/statement/Verify.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::errorText;
using belay::crypto::Digest;
using belay::test::Fleet;
using namespace belay::statement;

#define REFUSED(expected, result) \
  STRCMP_EQUAL(std::string(errorText(ErrorCode::expected)).c_str(), codeOf(result).c_str())

namespace {

template <typename Result>
std::string codeOf(const Result& result) {
  return result.ok() ? "believed" : std::string(errorText(result.error().code));
}

}  // namespace

TEST_GROUP(Verify) {
  Fleet fleet;

  auto checkPin(const std::string& lines) const->belay::base::Result<Believed<Pin>> {
    BELAY_ASSIGN(const SignedStatement statement, SignedStatement::parse(lines));
    return verifyPin(statement, fleet.roster);
  }
  std::string pinBy(Fleet::Names names) const { return fleet.sign(fleet.pin, names); }
  /// The pin with another payload, signed by two who may.
  std::string pinOf(const std::string& payload) const {
    return fleet.sign(Pin::kTyp, payload, {"ada", "bob"});
  }
};

TEST(Verify, believesWhatEnoughPersonsHaveSigned) {
  const auto root = verifyFirstRoot(fleet.signedBy(fleet.root, {"rosa", "rolf"}), fleet.fleet());
  CHECK(root.ok());
  const auto roster =
      verifyRoster(fleet.signedBy(fleet.roster, {"rita", "rosa"}), fleet.root, fleet.fleet());
  CHECK(roster.ok());
  const auto pin = checkPin(pinBy({"bob", "cy2"}));
  CHECK(pin.ok());
  LONGS_EQUAL(2, pin->signers().size());
  STRCMP_EQUAL("cy", pin->signers()[1].person.c_str());
  CHECK(pin->digest() == Fleet::digestOf(fleet.pin));
  STRCMP_EQUAL("deploy", pin->document().flow.c_str());
  CHECK(checkPin(pinBy({"ada", "bob", "cy"})).ok());
}

TEST(Verify, wantsAsManyPersonsAsTheRosterSays) {
  REFUSED(kStatementQuorum, checkPin(pinBy({"ada"})));
  fleet.roster.pinThreshold = 3;
  REFUSED(kStatementQuorum, checkPin(pinBy({"ada", "bob"})));
  CHECK(checkPin(pinBy({"ada", "bob", "cy"})).ok());
  REFUSED(kStatementQuorum,
          verifyRoster(fleet.signedBy(fleet.roster, {"rosa"}), fleet.root, fleet.fleet()));
}

TEST(Verify, countsPersonsAndNotKeys) {
  REFUSED(kStatementPerson, checkPin(pinBy({"cy", "cy2"})));
  // Not even where the others are enough: what is in the list counts, all of it.
  REFUSED(kStatementPerson, checkPin(pinBy({"ada", "bob", "cy", "cy2"})));
  REFUSED(kStatementPerson, checkPin(pinBy({"ada", "ada"})));
}

TEST(Verify, refusesKeysThatAreUnknownRevokedOrOfAnotherRole) {
  REFUSED(kStatementKey, checkPin(pinBy({"ada", "eve"})));
  REFUSED(kStatementKey, checkPin(pinBy({"ada", "bob", "eve"})));
  REFUSED(kStatementRole, checkPin(pinBy({"ada", "dora"})));
  REFUSED(kStatementKey, checkPin(pinBy({"ada", "rosa"})));
  for (const Roster::Mode mode : {Roster::Mode::kFromNow, Roster::Mode::kVoid}) {
    Fleet other;
    other.roster.revocations.push_back({other.kid("bob"), mode, "lost"});
    REFUSED(kStatementRevoked, verifyPin(other.signedBy(other.pin, {"ada", "bob"}), other.roster));
    CHECK(verifyPin(other.signedBy(other.pin, {"ada", "cy"}), other.roster).ok());
  }
}

TEST(Verify, refusesAnotherKindAndAnotherFleet) {
  const std::string payload = fleet.pin.print();
  REFUSED(kStatementKind, checkPin(fleet.sign(Roster::kTyp, payload, {"ada", "bob"})));
  REFUSED(kStatementKind, checkPin(fleet.sign("belay-decision+jws", payload, {"ada", "bob"})));
  fleet.pin.fleet = belay::crypto::sha256("another");
  REFUSED(kStatementFleet, checkPin(pinBy({"ada", "bob"})));
  fleet.roster.fleet = fleet.pin.fleet;
  REFUSED(kStatementFleet,
          verifyRoster(fleet.signedBy(fleet.roster, {"rosa", "rolf"}), fleet.root, fleet.fleet()));
}

TEST(Verify, refusesVersionsThatItDoesNotKnow) {
  const std::string payload = fleet.pin.print();
  REFUSED(kStatementVersion, checkPin(pinOf(belay::test::replaced(payload, "\"v\":1", "\"v\":2"))));
  REFUSED(kStatementVersion, checkPin(pinOf(belay::test::replaced(payload, "\"v\":1", "\"v\":0"))));
  // Before the members: another version has others.
  REFUSED(kStatementVersion,
          checkPin(pinOf(belay::test::replaced(payload, "\"v\":1", "\"v\":2,\"new\":1"))));
}

TEST(Verify, wantsTheSameBytesFromAll) {
  Pin other = fleet.pin;
  other.size = 8;
  REFUSED(kStatementMixed, checkPin(pinBy({"ada"}) + fleet.sign(other, {"bob"})));
  // The same members in other bytes are another statement.
  const std::string spaced = belay::test::replaced(fleet.pin.print(), "\"v\":1", "\"v\": 1");
  REFUSED(kStatementMixed, checkPin(pinBy({"ada"}) + fleet.sign(Pin::kTyp, spaced, {"bob"})));
  REFUSED(kStatementMixed,
          checkPin(pinBy({"ada"}) + fleet.sign(Root::kTyp, fleet.pin.print(), {"bob"})));
  // Signed so by all, they are as good as any.
  CHECK(checkPin(pinOf(spaced)).ok());
}

TEST(Verify, refusesASignatureOfSomebodyElseInTheNameOfAKnownKey) {
  const std::string good = pinBy({"ada", "bob"});
  const std::string forged = fleet.sign(fleet.pin, {"eve"});
  const std::size_t tail = good.rfind('.');
  const std::string lines = good.substr(0, tail) + forged.substr(forged.rfind('.'));
  REFUSED(kStatementSignature, checkPin(lines));
}

TEST(Verify, refusesSignaturesOutOfRange) {
  const std::string good = pinBy({"ada", "bob"});
  const std::string front = good.substr(0, good.rfind('.') + 1);
  const std::string zero(32, '\0'), one = std::string(31, '\0') + '\1', all(32, '\xff');
  const std::string order(
      "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
      "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
      32);
  const auto with = [&](const std::string& r, const std::string& s) {
    return checkPin(front + belay::base::toBase64Url(r + s) + "\n");
  };
  REFUSED(kStatementInvalid, with(zero, zero));
  REFUSED(kStatementInvalid, with(zero, one));
  REFUSED(kStatementInvalid, with(one, zero));
  REFUSED(kStatementInvalid, with(order, one));
  REFUSED(kStatementInvalid, with(one, order));
  REFUSED(kStatementInvalid, with(all, all));
  REFUSED(kStatementSignature, with(one, one));
}

TEST(Verify, aRootIsNamedByItsDigest) {
  const auto signedRoot = fleet.signedBy(fleet.root, {"rosa", "rolf"});
  REFUSED(kTrustDigest, verifyFirstRoot(signedRoot, belay::crypto::sha256("another")));
  REFUSED(kStatementQuorum, verifyFirstRoot(fleet.signedBy(fleet.root, {"rosa"}), fleet.fleet()));
  REFUSED(kStatementQuorum, verifyFirstRoot(fleet.signedBy(fleet.root, {"eve"}), fleet.fleet()));
  REFUSED(kStatementKind,
          verifyFirstRoot(fleet.signedBy(fleet.roster, {"rosa", "rolf"}), fleet.fleet()));
}

TEST(Verify, aRotationIsSignedByOldAndNew) {
  Root next = fleet.root;
  next.version = 2;
  next.fleet = next.prev = fleet.fleet();
  next.keys.erase(next.keys.begin(), next.keys.begin() + 2);  // rita stays
  next.keys.push_back({fleet.publicKey("eve"), "eve"});
  const auto check = [&](Fleet::Names names) {
    return verifyNextRoot(fleet.signedBy(next, names), fleet.root, fleet.fleet());
  };
  CHECK(check({"rosa", "rolf", "rita", "eve"}).ok());
  CHECK(check({"rosa", "rita", "eve"}).ok());
  REFUSED(kStatementQuorum, check({"rosa", "rolf"}));          // not by the new
  REFUSED(kStatementQuorum, check({"rita", "eve"}));           // not enough of the old
  REFUSED(kStatementQuorum, check({"rosa", "rolf", "rita"}));  // not enough of the new
  REFUSED(kStatementKey, check({"rosa", "rolf", "rita", "eve", "ada"}));
  // A host that is new begins with it; the old keys are nothing to it.
  const auto late =
      verifyFirstRoot(fleet.signedBy(next, {"rosa", "rita", "eve"}), Fleet::digestOf(next));
  CHECK(late.ok());
  CHECK(late->document().fleetName(late->digest()) == fleet.fleet());
  next.fleet = belay::crypto::sha256("another");
  REFUSED(kStatementFleet, check({"rosa", "rolf", "rita", "eve"}));
}

TEST(Verify, aKeyOfTheRootHasNoRole) {
  fleet.addSigner("rosa", "rosa");
  REFUSED(kStatementInvalid,
          verifyRoster(fleet.signedBy(fleet.roster, {"rosa", "rolf"}), fleet.root, fleet.fleet()));
}

TEST(Verify, everyChangedByteIsRefused) {
  const std::string good = pinBy({"ada", "bob"});
  CHECK(checkPin(good).ok());
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {0x01, 0x20}) {
      std::string changed = good;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      CHECK_FALSE_TEXT(checkPin(changed).ok(), changed.c_str());
    }
  }
}

TEST(Verify, everyTruncationIsRefused) {
  const std::string good = pinBy({"ada", "bob"});
  for (std::size_t size = 0; size + 1 < good.size(); ++size) {
    CHECK_FALSE(checkPin(good.substr(0, size)).ok());
  }
  for (std::size_t begin = 1; begin < good.size(); begin += 7) {
    CHECK_FALSE(checkPin(good.substr(begin)).ok());
  }
}

TEST(Verify, partsInAnotherOrderAreRefused) {
  const std::string good = pinBy({"ada"});
  const auto parts = belay::base::split(std::string_view(good).substr(0, good.size() - 1), '.');
  for (const auto& order : {std::array{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    std::string lines;
    for (const int part : order) {
      lines += (lines.empty() ? "" : ".") + std::string(parts[static_cast<std::size_t>(part)]);
    }
    REFUSED(kStatementInvalid, checkPin(lines + "\n"));
  }
}

TEST(Verify, linesAreNothingButLines) {
  const std::string good = pinBy({"ada", "bob"});
  const std::size_t middle = good.find('\n');
  CHECK(checkPin(good.substr(0, good.size() - 1)).ok());
  REFUSED(kStatementInvalid, checkPin(good + "\n"));
  REFUSED(kStatementInvalid, checkPin("\n" + good));
  REFUSED(kStatementInvalid, checkPin(std::string(good).insert(middle, "\n")));
  REFUSED(kStatementInvalid, checkPin(std::string(good).insert(middle, "\r")));
  REFUSED(kStatementInvalid, checkPin(std::string(good).insert(middle, " ")));
  REFUSED(kStatementInvalid, checkPin(""));
  std::string many;
  Fleet crowd;
  for (std::size_t i = 0; i <= kSignaturesMax; ++i) {
    belay::test::SeededRandom random(i + 100);
    many += signJws(belay::crypto::P256PrivateKey::generate(random), Pin::kTyp, "{}") + "\n";
  }
  REFUSED(kStatementInvalid, SignedStatement::parse(many));
}

TEST(Verify, chainsOnlyGoForward) {
  const Digest here = belay::crypto::sha256("here"), other = belay::crypto::sha256("other");
  const std::optional<ChainEnd> end = ChainEnd{5, here};
  const auto check = [&](std::int64_t counter, const Digest& digest, const Digest& prev) {
    return checkChain(end, counter, digest, prev, "the pin");
  };
  CHECK(checkChain(std::nullopt, 7, other, here, "the pin").value() == false);
  CHECK(check(5, here, other).value());
  CHECK(check(6, other, here).value() == false);
  CHECK(check(7, other, other).value() == false);  // one was missed
  REFUSED(kStatementFork, check(5, other, here));
  REFUSED(kStatementFork, check(6, other, other));
  REFUSED(kStatementFork, check(6, other, Digest{}));
  REFUSED(kStatementOld, check(4, here, here));
  const std::optional<ChainEnd> last = ChainEnd{INT64_MAX, here};
  REFUSED(kStatementOld, checkChain(last, 1, other, here, "the pin"));
}
