// Approvals on their way to the relay and back, on a real runtime over a disk that can lose power:
// what is asked is told, what is decided counts once, and whoever decided hears of it.

#include "agent/journal/LinkTable.h"
#include "agent/link/LinkPart.h"
#include "agent/link/Outgoing.h"
#include "agent/runtime/HostTrust.h"
#include "common/statement/Sealed.h"
#include "tests/support/TestRuntime.h"
#include "tests/unit/link/LinkOfHost.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using test::Fleet;
using test::TestRuntime;

namespace {

constexpr const char* kUrl = "https://relay.test";
constexpr const char* kGate =
    "slug: gate\nsteps:\n  - {id: review, wait: {approval: {summary: Go on?}, timeout: 2h}}\n";

}  // namespace

TEST_GROUP(Decisions) {
  TestRuntime host;
  Fleet fleet;
  test::LinkOfHost ours;
  std::unique_ptr<link::LinkPart>& part = ours.part;
  test::SeededRandom random{5};

  void setup() override {
    host.extend = [this] { ours.attach(host); };
    host.boot();
    fleet.root.threshold = 1;
    fleet.roster.fleet = fleet.fleet();
    runtime::TrustOffer offer;
    offer.root = fleet.signedBy(fleet.root, {"rosa"});
    offer.rootDigest = fleet.fleet();
    offer.roster = fleet.signedBy(fleet.roster, {"rosa"});
    CHECK(host.tell([&](runtime::Runtime& on) -> base::Status {
                const auto taken = runtime::takeTrust(on.journal(), offer, {"test", ""}, 1);
                return taken ? base::Status{} : base::Status{taken.error()};
              })
              .ok());
    CHECK(host.tell([&](runtime::Runtime&) { return part->enrolled({kUrl, "h", "l"}); }).ok());
  }

  std::vector<journal::OutboxRow> outbox() {
    host.pass(2s);
    auto rows = host.journal->link().outbox(0, 100);
    std::erase_if(*rows, [](const auto& row) { return row.kind == "hooks"; });
    return *rows;
  }
  std::string kinds() {
    std::string out;
    for (const auto& row : outbox()) out += (out.empty() ? "" : " ") + row.kind;
    return out;
  }
  std::string decision(const char* name, bool approve = true) {
    statement::Decision out;
    out.fleet = fleet.fleet();
    out.request = crypto::sha256(host.openWait().requestJson);
    out.approve = approve;
    out.createdMs = 1;
    json::Value body;
    body.set("statement", fleet.sign(out, {name}));
    return json::print(body);
  }
  std::vector<link::Inbox::Prepared> prepared(std::int64_t seq, const std::string& body) {
    const std::vector<link::Incoming> messages{{seq, "decision", json::parse(body).value()}};
    link::KnownRequests known;
    CHECK(host.tell([&](runtime::Runtime& on) -> base::Status {
                BELAY_ASSIGN(known, link::knownRequests(on, messages));
                return {};
              })
              .ok());
    return {link::Inbox::prepare(messages.front(), {}, known, {})};
  }
  base::Status take(std::int64_t seq, const std::string& body) {
    const auto messages = prepared(seq, body);
    return host.tell([&](runtime::Runtime&) { return part->take(kUrl, messages); });
  }
  /// "outcome gate code" of the last receipt.
  std::string receipt() {
    const auto rows = outbox();
    const auto said =
        statement::Receipt::parse(json::parse(rows.back().body).value().text("payload"));
    CHECK(said.ok());
    return std::string(statement::receiptOutcomeName(said->outcome)) + " " +
           std::string(statement::gateName(said->gate)) + (said->code.empty() ? "" : " ") +
           said->code;
  }
};

TEST(Decisions, aRequestLastsAsLongAsItIsOpen) {
  LONGS_EQUAL(4'000, link::requestLastsMs(14'000, 10'000));
  LONGS_EQUAL(1, link::requestLastsMs(10'001, 10'000));
  // It is open, whatever the clock says.
  LONGS_EQUAL(3'600'000, link::requestLastsMs(10'000, 10'000));
  LONGS_EQUAL(3'600'000, link::requestLastsMs(10'000, 99'000'000'000));
}

TEST(Decisions, aRequestForWhichTheRelayHasNoRoomIsToldAgain) {
  host.start(kGate);
  const auto rows = outbox();
  const link::RelayClient::Refusal full{rows.back().seq, "BLY-RELAY-QUOTA", "full"};
  CHECK(host.tell([&](runtime::Runtime&) { return part->handed(kUrl, rows.back().seq, {full}); })
            .ok());
  STRCMP_EQUAL("", kinds().c_str());
  LONGS_EQUAL(1, *host.journal->link().heldRequests());
  host.pass(5s);
  STRCMP_EQUAL("request", kinds().c_str());
  LONGS_EQUAL(0, *host.journal->link().heldRequests());
}

TEST(Decisions, whatIsAskedIsToldOnceAndSealedForThoseWhoMayAnswer) {
  host.start(kGate);
  STRCMP_EQUAL("request", kinds().c_str());
  host.boot();
  STRCMP_EQUAL("request", kinds().c_str());
  std::vector<link::Draft> drafts;
  const auto rows = outbox();
  CHECK(host.tell([&](runtime::Runtime& on) -> base::Status {
              BELAY_ASSIGN(drafts, link::draftsOf(on, rows));
              return {};
            })
            .ok());
  CHECK(link::needsKey(drafts));
  const auto body = json::parse(link::finishDraft(drafts.front(), host.hostKey, random)).value();
  STRCMP_EQUAL("", body.text("summary").c_str());
  CHECK(!body.find("statement"));
  const auto opened =
      statement::unseal(body.text("sealed"), statement::kSealedRequest, fleet.key("dora"));
  CHECK(opened.ok());
  const auto statement = statement::SignedStatement::parse(*opened);
  CHECK(statement::verifyRequest(*statement, host.hostKey.publicKey(), fleet.fleet()).ok());
  STRCMP_EQUAL(host.openWait().requestJson.c_str(), statement->unverifiedPayload().c_str());
  CHECK(!statement::unseal(body.text("sealed"), statement::kSealedRequest, fleet.key("ada")).ok());
}

TEST(Decisions, whatIsDecidedCountsOnceAndHasAReceipt) {
  const auto run = host.start(kGate);
  const std::string body = decision("dora");
  const std::string late = decision("dora", false);
  CHECK(take(1, body).ok());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  STRCMP_EQUAL("request receipt receipt", kinds().c_str());
  STRCMP_EQUAL("closed approved", receipt().c_str());
  // The relay tries again under another number: it is told what it was told, and nothing happens.
  CHECK(take(2, body).ok());
  STRCMP_EQUAL("accepted approved", receipt().c_str());
  STRCMP_EQUAL("run_created wait_opened wait_resolved step_finished run_finished",
               host.history(run).c_str());
  // Another one about the same comes too late.
  CHECK(take(3, late).ok());
  STRCMP_EQUAL("refused approved BLY-WAIT-CLOSED", receipt().c_str());
}

TEST(Decisions, aRefusalHasAReceiptTooAndBlocksNothing) {
  host.start(kGate);
  CHECK(take(1, decision("ada")).ok());
  STRCMP_EQUAL("refused open BLY-STATEMENT-ROLE", receipt().c_str());
  CHECK(take(2, R"({"statement":"none"})").ok());
  STRCMP_EQUAL("BLY-STATEMENT-INVALID", host.journal->link().inbox(1)->front().outcome.c_str());
  CHECK(take(3, decision("dora", false)).ok());
  STRCMP_EQUAL("closed rejected", receipt().c_str());
}

TEST(Decisions, decisionAndReceiptSurviveThePowerTogether) {
  const auto run = host.start(kGate);
  const auto messages = prepared(1, decision("dora"));
  CHECK(host.tell([&](runtime::Runtime&) { return part->take(kUrl, messages); }).ok());
  host.cutPower();
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  const auto rows = host.journal->link().outbox(0, 100);
  bool told = false;
  for (const auto& row : *rows) told = told || row.kind == "receipt";
  CHECK(told);
  // The relay has heard of neither, and gives it again: it is passed over.
  CHECK(host.tell([&](runtime::Runtime&) { return part->take(kUrl, messages); }).ok());
  STRCMP_EQUAL("request receipt receipt", kinds().c_str());
}

TEST(Decisions, afterANewRosterWhatIsOpenIsToldAnew) {
  host.start(kGate);
  STRCMP_EQUAL("request", kinds().c_str());
  fleet.roster.prev = Fleet::digestOf(fleet.roster);
  ++fleet.roster.version;
  json::Value body;
  body.set("statement", fleet.sign(fleet.roster, {"rosa"}));
  CHECK(host.tell([&](runtime::Runtime&) {
              return part->take(kUrl, {{link::Incoming{1, "roster", body}, {}, {}}});
            })
            .ok());
  STRCMP_EQUAL("", host.journal->link().inbox(1)->front().outcome.c_str());
  STRCMP_EQUAL("request request", kinds().c_str());
}
