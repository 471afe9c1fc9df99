// Starts on their way from the relay, and what the relay is told of flows, on a real runtime over a
// disk that can lose power.

#include "agent/journal/LinkTable.h"
#include "agent/link/LinkPart.h"
#include "agent/link/Outgoing.h"
#include "agent/runtime/FlowLifecycle.h"
#include "agent/runtime/HostTrust.h"
#include "agent/runtime/Pins.h"
#include "common/statement/Sealed.h"
#include "common/yaml/Yaml.h"
#include "tests/support/TestRuntime.h"
#include "tests/unit/link/LinkOfHost.h"
#include "tests/unit/statement/Fleet.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using base::Status;
using statement::Start;
using test::Fleet;
using test::TestRuntime;

namespace {

constexpr const char* kUrl = "https://relay.test";
constexpr const char* kFlow = "slug: deploy\nsteps:\n  - {id: one, sleep: {for: 1s}}\n";
constexpr const char* kPolicy = "starts: {allow: [{flows: [deploy]}], expires: 1h}";

}  // namespace

TEST_GROUP(LinkStarts) {
  TestRuntime host;
  Fleet fleet;
  test::LinkOfHost ours;
  std::unique_ptr<link::LinkPart>& part = ours.part;
  test::SeededRandom random{5};

  void setup() override {
    host.extend = [this] { ours.attach(host); };
    policy(kPolicy);
    fleet.root.threshold = 1;
    fleet.roster.fleet = fleet.fleet();
    fleet.roster.pinThreshold = 1;
    fleet.roster.keys.push_back(
        {fleet.publicKey("eve"), statement::Role::kStarter, statement::KeyClass::kNone, "eve"});
    runtime::TrustOffer offer;
    offer.root = fleet.signedBy(fleet.root, {"rosa"});
    offer.rootDigest = fleet.fleet();
    offer.roster = fleet.signedBy(fleet.roster, {"rosa"});
    tell([&](runtime::Runtime& on) -> Status {
      const auto taken = runtime::takeTrust(on.journal(), offer, {"test", ""}, 1);
      return taken ? Status{} : Status{taken.error()};
    });
    tell([&](runtime::Runtime&) { return part->enrolled({kUrl, "h", "l"}); });
  }
  void tell(std::function<Status(runtime::Runtime&)> work) {
    const Status done = host.tell(std::move(work));
    CHECK_TEXT(done.ok(), done.ok() ? "" : done.error().message.c_str());
  }
  void policy(const char* text) {
    const auto document = yaml::parse(text);
    host.policy = trust::Policy::parse(document->root, "policy.yaml", [](const std::string& path) {
                    return path;
                  }).value();
    host.boot();
  }
  void pin() {
    tell([&](runtime::Runtime& on) -> Status {
      const std::string digest = host.put(on, kFlow);
      BELAY_TRY(runtime::importRelease(
          on.journal(), {digest, "deploy", "yaml", kFlow, host.clock.wallMs()}, "", {"test", ""}));
      statement::Pin one;
      one.fleet = fleet.fleet();
      one.flow = "deploy";
      one.release = crypto::sha256(kFlow);
      one.size = static_cast<std::int64_t>(std::string_view(kFlow).size());
      const auto taken = runtime::takePin(on.journal(), on.policy(), on.hostKey(), fleet.signedBy(one, {"ada"}),
                                          {"test", ""}, 1);
      return taken ? Status{} : Status{taken.error()};
    });
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
  json::Value said(const journal::OutboxRow& row) {
    return *json::parse(json::parse(row.body).value().text("payload"));
  }
  Start start() {
    Start out;
    out.fleet = fleet.fleet();
    out.host = host.hostKey.publicKey().thumbprint();
    tell([&](runtime::Runtime& on) -> Status {
      BELAY_ASSIGN(const runtime::HostEpoch* const epoch, on.guard().epoch());
      out.epoch = epoch->text();
      return {};
    });
    out.flow = "deploy";
    out.key = "k";
    out.createdMs = host.clock.wallMs();
    out.notAfterMs = out.createdMs + 60'000;
    return out;
  }
  json::Value sealed(const Start& what, const char* signer = "eve",
                     const char* recipient = nullptr) {
    const crypto::P256PublicKey keys[] = {recipient ? fleet.publicKey(recipient)
                                                    : host.hostKey.publicKey()};
    json::Value body;
    body.set("start", Fleet::digestOf(what).hex());
    body.set("sealed",
             statement::seal(fleet.sign(what, {signer}), statement::kSealedStart, keys, random));
    return body;
  }
  std::vector<link::Inbox::Prepared> prepared(std::int64_t seq, const json::Value& body) {
    link::KnownRequests known;
    tell([&](runtime::Runtime& on) -> Status {
      BELAY_ASSIGN(known, link::knownRequests(on, {}));
      return {};
    });
    std::vector<link::Inbox::Prepared> out;
    out.push_back(link::Inbox::prepare(
        {seq, "start", body}, {}, known, [this]() -> base::Result<crypto::P256PrivateKey> {
          return crypto::P256PrivateKey::fromJwk(host.hostKey.toJwk());
        }));
    return out;
  }
  void take(std::int64_t seq, const json::Value& body) {
    const auto messages = prepared(seq, body);
    tell([&](runtime::Runtime&) { return part->take(kUrl, messages); });
  }
  std::string refusal() { return host.journal->link().inbox(1)->front().outcome; }
  std::size_t runs() { return host.journal->runs({})->size(); }
};

TEST(LinkStarts, aStartBeginsOneRunAndSaysSo) {
  pin();
  const json::Value body = sealed(start());
  take(1, body);
  STRCMP_EQUAL("", refusal().c_str());
  STRCMP_EQUAL("offer start_receipt", kinds().c_str());
  const std::string first = outbox().back().body;
  STRCMP_EQUAL("accepted", said(outbox().back()).text("outcome").c_str());
  // Again under another number, and over a power cut: the same words, and no other run.
  take(2, body);
  host.cutPower();
  take(3, body);
  STRCMP_EQUAL("offer start_receipt start_receipt start_receipt", kinds().c_str());
  STRCMP_EQUAL(first.c_str(), outbox().back().body.c_str());
  LONGS_EQUAL(1, runs());
}

TEST(LinkStarts, runAndReceiptSurviveThePowerTogether) {
  pin();
  const auto messages = prepared(1, sealed(start()));
  tell([&](runtime::Runtime&) { return part->take(kUrl, messages); });
  host.cutPower();
  LONGS_EQUAL(1, runs());
  STRCMP_EQUAL("offer start_receipt", kinds().c_str());
  tell([&](runtime::Runtime&) { return part->take(kUrl, messages); });
  LONGS_EQUAL(1, runs());
  STRCMP_EQUAL("offer start_receipt", kinds().c_str());
}

TEST(LinkStarts, whatTheHostSignsIsItsReceipt) {
  pin();
  const Start what = start();
  take(1, sealed(what));
  const auto rows = outbox();
  std::vector<link::Draft> drafts;
  tell([&](runtime::Runtime& on) -> Status {
    BELAY_ASSIGN(drafts, link::draftsOf(on, rows));
    return {};
  });
  CHECK(link::needsKey(drafts));
  const auto body = json::parse(link::finishDraft(drafts.back(), host.hostKey, random)).value();
  STRCMP_EQUAL(Fleet::digestOf(what).hex().c_str(), body.text("start").c_str());
  const auto signedOne = statement::SignedStatement::parse(body.text("statement"));
  CHECK(statement::verifyStartReceipt(*signedOne, host.hostKey.publicKey(), fleet.fleet()).ok());
  const auto offer = json::parse(link::finishDraft(drafts.front(), host.hostKey, random)).value();
  CHECK(statement::verifyOffer(*statement::SignedStatement::parse(offer.text("statement")),
                               host.hostKey.publicKey(), fleet.fleet())
            .ok());
}

TEST(LinkStarts, whatIsRefusedBlocksNothing) {
  pin();
  take(1, sealed(start(), "dora"));
  STRCMP_EQUAL("BLY-STATEMENT-ROLE", refusal().c_str());
  STRCMP_EQUAL("BLY-STATEMENT-ROLE", said(outbox().back()).text("code").c_str());
  // For another host, under another name, or nothing at all: nobody is told.
  take(2, sealed(start(), "eve", "bob"));
  STRCMP_EQUAL("BLY-SEALED", refusal().c_str());
  json::Value body = sealed(start());
  body.set("start", Fleet::digestOf(fleet.pin).hex());
  take(3, body);
  STRCMP_EQUAL("BLY-LINK-MESSAGE", refusal().c_str());
  body.set("more", 1);
  take(4, body);
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", refusal().c_str());
  STRCMP_EQUAL("offer start_receipt", kinds().c_str());
  LONGS_EQUAL(0, runs());
  take(5, sealed(start()));
  STRCMP_EQUAL("", refusal().c_str());
  LONGS_EQUAL(1, runs());
}

TEST(LinkStarts, theRelayIsToldWhatIsOfferedWhenItChanges) {
  STRCMP_EQUAL("", kinds().c_str());
  pin();
  STRCMP_EQUAL("offer", kinds().c_str());
  LONGS_EQUAL(1, said(outbox().back()).find("flows")->asArray().size());
  host.boot();
  STRCMP_EQUAL("offer", kinds().c_str());
  // Another epoch is another offer, and so is a policy that offers nothing any more.
  tell([&](runtime::Runtime& on) { return on.guard().quarantine("test", "test", 0); });
  tell([&](runtime::Runtime& on) { return on.guard().release(); });
  STRCMP_EQUAL("offer offer", kinds().c_str());
  policy("starts: {allow: [{flows: [deploy]}], discovery: none}");
  STRCMP_EQUAL("offer offer offer", kinds().c_str());
  LONGS_EQUAL(0, said(outbox().back()).find("flows")->asArray().size());
  host.boot();
  host.pass(5s);
  STRCMP_EQUAL("offer offer offer", kinds().c_str());
  policy("starts: {discovery: all}");
  STRCMP_EQUAL("offer offer offer offer", kinds().c_str());
}

TEST(LinkStarts, aHostThatOffersNothingWritesNothingMore) {
  policy("run: {allow: []}");
  pin();
  STRCMP_EQUAL("", kinds().c_str());
  const auto before = host.journal->link().outboxSize().value();
  host.start(kFlow);
  host.pass(5s);
  LONGS_EQUAL(before, host.journal->link().outboxSize().value());
  CHECK(part->standing()->offer.empty());
}

TEST(LinkStarts, endsOfRunsAreNoReasonToCommit) {
  pin();
  host.pass(5s);
  host.start(kFlow);
  host.pass(5s);
  const auto writes = host.disk.syncs();
  for (int i = 0; i < 20; ++i) host.pass(5s);
  LONGS_EQUAL(writes, host.disk.syncs());
}
