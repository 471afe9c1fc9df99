// Starts, their receipts and offers: each is printed and read again, then refused with each member
// missing, of another type, or unknown; and each is believed by the right key alone.

#include <string>

#include "common/json/Json.h"
#include "common/statement/Verify.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::json::Value;
using belay::test::Fleet;
using namespace belay::statement;

namespace {

template <typename Document>
void isStrict(const Document& document) {
  const std::string payload = document.print();
  const auto parsed = Document::parse(payload);
  CHECK_TEXT(parsed.ok(), parsed.ok() ? "" : parsed.error().message.c_str());
  STRCMP_EQUAL(payload.c_str(), parsed->print().c_str());
  const Value whole = *belay::json::parse(payload);
  for (const auto& [name, value] : whole.asObject()) {
    Value without = whole;
    without.erase(name);
    CHECK_TEXT(!Document::parse(belay::json::print(without)).ok(), name.c_str());
    Value other = whole;
    other.set(name, true);
    CHECK_TEXT(!Document::parse(belay::json::print(other)).ok(), name.c_str());
  }
  Value more = whole;
  more.set("more", 1);
  CHECK(!Document::parse(belay::json::print(more)).ok());
  CHECK(!Document::parse(payload + " x").ok());
}

template <typename Document>
void isRefused(const Document& document) {
  CHECK(!Document::parse(document.print()).ok());
}

template <typename R>
void refused(ErrorCode code, const R& result) {
  CHECK_FALSE(result.ok());
  STRCMP_EQUAL(std::string(belay::base::errorText(code)).c_str(),
               std::string(belay::base::errorText(result.error().code)).c_str());
}

}  // namespace

TEST_GROUP(Start) {
  Fleet fleet;
  Start start;
  StartReceipt receipt;
  Offer offer;
  void setup() override {
    fleet.roster.keys.push_back({fleet.publicKey("eve"), Role::kStarter, KeyClass::kNone, "eve"});
    start.fleet = fleet.fleet();
    start.host = fleet.kid("bob");
    start.epoch = "1.abc";
    start.flow = "deploy";
    start.release = belay::crypto::sha256("content");
    start.input = *belay::json::parse(R"({"word":"héllo","n":1.5})");
    start.key = "k1";
    start.createdMs = 1'700'000'000'000;
    start.notAfterMs = start.createdMs + 1;
    receipt.fleet = start.fleet;
    receipt.host = start.host;
    receipt.start = Fleet::digestOf(start);
    receipt.signer = fleet.kid("eve");
    receipt.outcome = StartReceipt::Outcome::kAccepted;
    receipt.run = "r1";
    receipt.createdMs = start.createdMs;
    offer.fleet = start.fleet;
    offer.host = start.host;
    offer.epoch = start.epoch;
    offer.createdMs = start.createdMs;
    offer.flows.push_back({"deploy", start.release, 3, true, belay::crypto::sha256("schema")});
  }
};

TEST(Start, eachIsReadStrictly) {
  isStrict(start);
  start.release = {};
  isStrict(start);
  isStrict(receipt);
  receipt.run.clear();
  receipt.outcome = StartReceipt::Outcome::kSkipped;
  isStrict(receipt);
  receipt.outcome = StartReceipt::Outcome::kRefused;
  receipt.code = "BLY-START-EPOCH";
  isStrict(receipt);
  isStrict(offer);
  offer.flows.clear();
  isStrict(offer);
}

TEST(Start, whatContradictsItselfIsNone) {
  Start other = start;
  other.notAfterMs = other.createdMs;
  isRefused(other);
  other = start;
  other.key.clear();
  isRefused(other);
  other.key = std::string(Start::kKeyBytesMax + 1, 'k');
  isRefused(other);
  other = start;
  other.input = Value(1);
  isRefused(other);
  StartReceipt said = receipt;
  said.run.clear();
  isRefused(said);
  said.outcome = StartReceipt::Outcome::kRefused;
  isRefused(said);
  said.code = "BLY-X";
  said.run = "r1";
  isRefused(said);
  const std::string payload = offer.print();
  for (const char* from : {R"("pin":"3")", R"("startable":true)", R"("flow":"deploy")"}) {
    CHECK(!Offer::parse(belay::test::replaced(payload, from, R"("pin":3)")).ok());
  }
}

TEST(Start, whatItStartsIsFlowReleaseAndInput) {
  Start other = start;
  other.createdMs += 5;
  other.notAfterMs += 9;
  other.key = "k2";
  CHECK(other.what() == start.what());
  other.input.set("n", 2);
  CHECK(other.what() != start.what());
  other = start;
  other.release = {};
  CHECK(other.what() != start.what());
}

TEST(Start, onlyAStarterOfTheRosterMaySignOne) {
  const auto believed = verifyStart(fleet.signedBy(start, {"eve"}), fleet.roster);
  CHECK(believed.ok());
  STRCMP_EQUAL("eve", believed->signers().front().person.c_str());
  refused(ErrorCode::kStatementRole, verifyStart(fleet.signedBy(start, {"dora"}), fleet.roster));
  refused(ErrorCode::kStatementRole, verifyStart(fleet.signedBy(start, {"ada"}), fleet.roster));
  refused(ErrorCode::kStatementKey, verifyStart(fleet.signedBy(start, {"rosa"}), fleet.roster));
  refused(ErrorCode::kStatementInvalid,
          verifyStart(fleet.signedBy(start, {"eve", "dora"}), fleet.roster));
  Start foreign = start;
  foreign.fleet = belay::crypto::sha256("another");
  refused(ErrorCode::kStatementFleet, verifyStart(fleet.signedBy(foreign, {"eve"}), fleet.roster));
  // One of another kind, though it is over the same bytes.
  const auto pin = SignedStatement::parse(fleet.sign(Pin::kTyp, start.print(), {"eve"}));
  refused(ErrorCode::kStatementKind, verifyStart(*pin, fleet.roster));
  fleet.roster.revocations.push_back({fleet.kid("eve"), Roster::Mode::kFromNow, "lost"});
  refused(ErrorCode::kStatementRevoked, verifyStart(fleet.signedBy(start, {"eve"}), fleet.roster));
  refused(ErrorCode::kStatementRevoked, checkStarter(fleet.signedBy(start, {"eve"}), fleet.roster));
}

TEST(Start, receiptsAndOffersAreOfTheirHostAlone) {
  const auto bob = fleet.publicKey("bob");
  CHECK(verifyStartReceipt(fleet.signedBy(receipt, {"bob"}), bob, fleet.fleet()).ok());
  CHECK(verifyOffer(fleet.signedBy(offer, {"bob"}), bob, fleet.fleet()).ok());
  refused(ErrorCode::kStatementKey,
          verifyStartReceipt(fleet.signedBy(receipt, {"eve"}), bob, fleet.fleet()));
  refused(ErrorCode::kStatementKey,
          verifyOffer(fleet.signedBy(offer, {"eve"}), bob, fleet.fleet()));
  refused(ErrorCode::kStatementFleet,
          verifyOffer(fleet.signedBy(offer, {"bob"}), bob, belay::crypto::sha256("another")));
  // A receipt about a decision is none about a start.
  const auto other = SignedStatement::parse(fleet.sign(Receipt::kTyp, receipt.print(), {"bob"}));
  refused(ErrorCode::kStatementKind, verifyStartReceipt(*other, bob, fleet.fleet()));
}
