// Requests, decisions, receipts and cards: each is printed and read again, then refused with each
// member missing, of another type, or unknown; and the host's own are believed by its key alone.

#include <functional>
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
void isStrict(const std::string& payload) {
  const auto parsed = Document::parse(payload);
  CHECK_TEXT(parsed.ok(), parsed.ok() ? "" : parsed.error().message.c_str());
  STRCMP_EQUAL(payload.c_str(), parsed->print().c_str());
  const Value whole = *belay::json::parse(payload);
  for (const auto& [name, value] : whole.asObject()) {
    Value without = whole;
    without.erase(name);
    CHECK_TEXT(!Document::parse(belay::json::print(without)).ok(), name.c_str());
    Value other = whole;
    other.set(name, value.isBool() ? Value(1) : Value(true));
    const bool takesAny = name == "rendered";
    CHECK_TEXT(takesAny || !Document::parse(belay::json::print(other)).ok(), name.c_str());
  }
  Value more = whole;
  more.set("more", 1);
  CHECK(!Document::parse(belay::json::print(more)).ok());
  CHECK(!Document::parse(payload + " x").ok());
}

}  // namespace

TEST_GROUP(Approval) {
  Fleet fleet;
  Request request;
  void setup() override {
    request.fleet = fleet.fleet();
    request.host = fleet.kid("bob");
    request.flow = "gate";
    request.release = belay::crypto::sha256("release");
    request.run = "r1";
    request.step = "review";
    request.wait = "w1";
    request.epoch = "e";
    request.nonce = fleet.kid("eve");
    request.summary = "Go on?";
    request.artifacts.push_back(
        {"plan", "res://1", belay::crypto::sha256("plan"), 4, "text/plain"});
    request.approvers = {"dora"};
    request.form = *belay::json::parse(R"({"type":"object"})");
    request.createdMs = 1'700'000'000'000;
    request.expiresMs = request.createdMs + 1;
  }
};

TEST(Approval, eachIsReadStrictly) {
  isStrict<Request>(request.print());
  Decision decision;
  decision.fleet = fleet.fleet();
  decision.request = Fleet::digestOf(request);
  decision.unseen = {belay::crypto::sha256("plan")};
  isStrict<Decision>(decision.print());
  Receipt receipt;
  receipt.fleet = fleet.fleet();
  receipt.host = request.host;
  receipt.request = decision.request;
  isStrict<Receipt>(receipt.print());
  Card card(fleet.publicKey("bob"));
  card.fleet = fleet.fleet();
  card.label = "web-1";
  card.groups = {"web"};
  isStrict<Card>(card.print());
}

TEST(Approval, aRequestHoldsTogether) {
  const auto refused = [&](const std::function<void(Request&)>& change) {
    Request other = request;
    change(other);
    CHECK(!Request::parse(other.print()).ok());
  };
  refused([](Request& r) { r.expiresMs = r.createdMs; });
  refused([](Request& r) { r.review = true; });
  refused([](Request& r) { r.keyClass = KeyClass::kNone; });
  refused([](Request& r) { r.quorum = 0; });
  refused([](Request& r) { r.quorum = 101; });
  refused([](Request& r) { r.approvers = {"Dora!"}; });
  refused([](Request& r) { r.nonce = "short"; });
  refused([](Request& r) { r.requester = "uid:1000 (x)"; });
  refused([](Request& r) { r.summary.resize(20'000, 'x'); });
}

TEST(Approval, aRequestIsBelievedByItsHostsKeyAlone) {
  const auto by = [&](const char* name, const char* host) {
    const auto statement = fleet.signedBy(request, {name});
    const auto believed = verifyRequest(statement, fleet.publicKey(host), fleet.fleet());
    return believed.ok() ? std::string("believed")
                         : std::string(belay::base::errorText(believed.error().code));
  };
  STRCMP_EQUAL("believed", by("bob", "bob").c_str());
  STRCMP_EQUAL("BLY-STATEMENT-KEY", by("ada", "bob").c_str());
  STRCMP_EQUAL("BLY-STATEMENT-KEY", by("bob", "ada").c_str());
  const auto other = verifyRequest(fleet.signedBy(request, {"bob"}), fleet.publicKey("bob"),
                                   belay::crypto::sha256("other"));
  CHECK(other.error().code == ErrorCode::kStatementFleet);
}

TEST(Approval, aCardIsARegistrars) {
  Card card(fleet.publicKey("bob"));
  card.fleet = fleet.fleet();
  card.label = "web-1";
  fleet.roster.keys.push_back({fleet.publicKey("eve"), Role::kRegistrar, KeyClass::kNone, "eve"});
  CHECK(verifyCard(fleet.signedBy(card, {"eve"}), fleet.roster).ok());
  CHECK(verifyCard(fleet.signedBy(card, {"dora"}), fleet.roster).error().code ==
        ErrorCode::kStatementRole);
  fleet.roster.revocations.push_back({fleet.kid("bob"), Roster::Mode::kFromNow, ""});
  CHECK(verifyCard(fleet.signedBy(card, {"eve"}), fleet.roster).error().code ==
        ErrorCode::kStatementRevoked);
}
