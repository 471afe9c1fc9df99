// The link's share of the loop on a real runtime, over a disk that can lose power: what the relay
// is told, and that what comes from it takes effect once.

#include "agent/journal/LinkTable.h"
#include "agent/link/LinkPart.h"
#include "common/base/Text.h"
#include "common/crypto/Hmac.h"
#include "common/wire/CallbackProof.h"
#include "common/wire/Protocol.h"
#include "tests/support/TestScheduler.h"
#include "tests/unit/link/LinkOfHost.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using base::ErrorCode;
using test::TestScheduler;

namespace {

constexpr const char* kUrl = "https://relay.test";
constexpr const char* kWaiting =
    "slug: c\nsteps:\n  - id: w\n    wait: {callback: {}, timeout: 1h}\n"
    "output: {body: '${{ steps.w.output.body }}'}\n";

}  // namespace

TEST_GROUP(LinkPart) {
  TestScheduler on;
  test::LinkOfHost ours;
  std::unique_ptr<link::LinkPart>& part = ours.part;
  int& grew = ours.grew;

  void setup() override {
    on.host.extend = [this, before = on.host.extend] {
      before();
      ours.attach(on.host);
    };
    on.host.boot();
  }

  static std::string tokenOf(const std::string& wait) { return test::LinkOfHost::tokenOf(wait); }
  void enrol(const std::string& url = kUrl) {
    CHECK(on.host.tell([&](runtime::Runtime&) { return part->enrolled({url, "h", "l"}); }).ok());
  }
  /// "kind kind …" of what waits for the relay.
  std::string outbox() {
    std::string out;
    const auto rows = on.host.journal->link().outbox(0, 1000);
    for (const journal::OutboxRow& row : *rows) {
      out += (out.empty() ? "" : " ") + std::to_string(row.seq) + ":" + row.kind;
    }
    return out;
  }
  base::Status take(std::int64_t seq, const std::string& kind, const std::string& body,
                    const std::string& url = kUrl) {
    return on.host.tell([=, this](runtime::Runtime&) {
      return part->take(url, {{link::Incoming{seq, kind, json::parse(body).value()}, {}, {}}});
    });
  }
  std::string callback(const std::string& wait, const std::string& body,
                       const std::string& token = {}) {
    json::Value out;
    out.set("wait", wait).set("timestamp", "1700000000").set("body", base::toBase64(body));
    out.set("signature",
            wire::signCallback(token.empty() ? tokenOf(wait) : token, wait, "1700000000", body));
    return json::print(out);
  }
  std::string lastOutcome() {
    const auto rows = on.host.journal->link().inbox(1);
    return rows->empty() ? "(none)" : rows->front().outcome;
  }
  base::Status handed(std::int64_t seq) {
    return on.host.tell([=, this](runtime::Runtime&) { return part->handed(kUrl, seq); });
  }
};

TEST(LinkPart, withoutALinkNothingIsSaid) {
  on.host.start(kWaiting);
  STRCMP_EQUAL("", outbox().c_str());
  STRCMP_EQUAL("", part->callbackUrl("w1").c_str());
}

TEST(LinkPart, callbacksAreAnnouncedOnceAndWhenTheyAreClosed) {
  on.host.start(kWaiting);
  enrol();
  STRCMP_EQUAL("1:callback_open 2:hooks", outbox().c_str());
  const auto run = on.host.start(kWaiting);
  STRCMP_EQUAL("1:callback_open 2:hooks 3:callback_open", outbox().c_str());
  CHECK(grew >= 3);
  const std::string wait = on.host.openWait().id.str();
  CHECK(take(1, "callback", callback(wait, "{\"ok\":true}")).ok());
  STRCMP_EQUAL("{\"body\":{\"ok\":true}}", on.host.output(run).c_str());
  on.host.pass(2s);
  STRCMP_EQUAL("1:callback_open 2:hooks 3:callback_open 4:callback_closed", outbox().c_str());
  on.host.pass(10s);
  on.host.boot();
  on.host.pass(10s);
  STRCMP_EQUAL("1:callback_open 2:hooks 3:callback_open 4:callback_closed", outbox().c_str());
}

TEST(LinkPart, onAFullDiskAWebhookWaitsAtTheRelayAndWhatIsBeforeItIsTaken) {
  on.host.start(kWaiting);
  enrol();
  const std::string body = callback(on.host.openWait().id.str(), "1");
  const auto takeBoth = [&](bool full) {
    return on.host.tell([&, full](runtime::Runtime& runtime) {
      if (full) runtime.journal().enterFullMode(base::Error{base::ErrorCode::kDiskFull, "full"});
      const json::Value webhook = json::parse(R"({"flow":"f","webhook":"w"})").value();
      return part->take(kUrl, {{link::Incoming{1, "callback", json::parse(body).value()}, {}, {}},
                               {link::Incoming{2, "webhook", webhook}, {}, {}}});
    });
  };
  CHECK(takeBoth(true).ok());
  CHECK(part->putOff());
  STRCMP_EQUAL("", lastOutcome().c_str());
  LONGS_EQUAL(1, on.host.journal->link().inbox(10)->size());
  CHECK(takeBoth(false).ok());
  CHECK_FALSE(part->putOff());
  LONGS_EQUAL(2, on.host.journal->link().inbox(10)->size());
}

TEST(LinkPart, theUrlIsWhereTheRelayListensForIt) {
  enrol();
  on.host.start(kWaiting);
  const std::string wait = on.host.openWait().id.str();
  const std::string url = part->callbackUrl(wait);
  const std::string route = wire::routingId("key", wait);
  STRCMP_EQUAL((std::string(kUrl) + "/c/" + route).c_str(), url.c_str());
  const auto rows = on.host.journal->link().outbox(1, 10);
  const auto body = json::parse(rows->front().body);
  STRCMP_EQUAL(wire::digestOf(route).c_str(), body->text("route").c_str());
  STRCMP_EQUAL(wait.c_str(), body->text("wait").c_str());
  LONGS_EQUAL(3'600'000, body->integer("lasts_ms"));
}

TEST(LinkPart, whatTheRelayHasIsDropped) {
  enrol();
  on.host.start(kWaiting);
  CHECK(handed(1).ok());
  STRCMP_EQUAL("2:callback_open", outbox().c_str());
  // More than there is: a relay that is not honest.
  CHECK(handed(99).ok());
  STRCMP_EQUAL("", outbox().c_str());
  on.host.start(kWaiting);
  STRCMP_EQUAL("3:callback_open", outbox().c_str());
}

TEST(LinkPart, whatTheRelayHasNoRoomForIsToldAgain) {
  enrol();
  on.host.start(kWaiting);
  on.host.start(kWaiting);
  const auto refused = [&](std::int64_t upTo, std::int64_t seq) {
    const link::RelayClient::Refusal refusal{seq, "BLY-RELAY-QUOTA", "one open"};
    return on.host.tell(
        [=, this](runtime::Runtime&) { return part->handed(kUrl, upTo, {refusal}); });
  };
  CHECK(refused(3, 3).ok());
  STRCMP_EQUAL("one open", part->standing()->refusal.c_str());
  LONGS_EQUAL(1, *on.host.journal->link().heldCallbacks());
  on.host.pass(std::chrono::seconds{4});
  STRCMP_EQUAL("", outbox().c_str());
  on.host.pass(std::chrono::seconds{2});
  STRCMP_EQUAL("4:callback_open", outbox().c_str());
  // Again, and the pause is longer; a restart does not wait for it.
  CHECK(refused(4, 4).ok());
  on.host.pass(std::chrono::seconds{8});
  STRCMP_EQUAL("", outbox().c_str());
  on.host.boot();
  on.host.pass(std::chrono::seconds{1});
  STRCMP_EQUAL("5:callback_open", outbox().c_str());
  CHECK(handed(5).ok());
  on.host.pass(std::chrono::seconds{6});
  STRCMP_EQUAL("", part->standing()->refusal.c_str());
  LONGS_EQUAL(0, *on.host.journal->link().heldCallbacks());
  STRCMP_EQUAL("", outbox().c_str());
  // What is refused for another reason is not.
  on.host.start(kWaiting);
  const link::RelayClient::Refusal wrong{6, "BLY-CONFLICT", "another host's"};
  CHECK(on.host.tell([&](runtime::Runtime&) { return part->handed(kUrl, 6, {wrong}); }).ok());
  on.host.pass(std::chrono::seconds{60});
  STRCMP_EQUAL("", outbox().c_str());
}

TEST(LinkPart, aMessageTakesEffectOnceOverPowerCuts) {
  enrol();
  const auto run = on.host.start(kWaiting);
  const std::string message = callback(on.host.openWait().id.str(), "1");
  CHECK(take(1, "callback", message).ok());
  on.host.cutPower();
  STRCMP_EQUAL("{\"body\":1}", on.host.output(run).c_str());
  LONGS_EQUAL(1, part->standing()->received);
  // It comes again: it was processed, and nobody says that it was wrong.
  CHECK(take(1, "callback", message).ok());
  STRCMP_EQUAL("", lastOutcome().c_str());
  // Under another number it is another message, and the wait is closed.
  CHECK(take(2, "callback", message).ok());
  STRCMP_EQUAL("BLY-WAIT-CLOSED", lastOutcome().c_str());
}

TEST(LinkPart, aWaitWithoutAuthIsWokenWithoutABodyWherePolicyAllowsIt) {
  enrol();
  const auto run = on.host.start(
      "slug: c\nsteps:\n  - id: w\n    wait: {callback: {auth: none}, timeout: 1h}\n"
      "output: {body: '${{ steps.w.output.body }}'}\n");
  json::Value message;
  message.set("wait", on.host.openWait().id.str()).set("timestamp", "").set("signature", "");
  message.set("body", base::toBase64("{\"go\":\"on\"}"));
  CHECK(take(1, "callback", json::print(message)).ok());
  STRCMP_EQUAL("BLY-POLICY-REFUSED", lastOutcome().c_str());
  on.host.policy =
      *trust::Policy::parse(*json::parse(R"({"callback":{"unauthenticated":["c/w"]}})"),
                            "policy.yaml", [](const std::string& path) { return path; });
  on.host.boot();
  CHECK(take(2, "callback", json::print(message)).ok());
  STRCMP_EQUAL("", lastOutcome().c_str());
  STRCMP_EQUAL("{\"body\":null}", on.host.output(run).c_str());
  CHECK(take(3, "callback", json::print(message)).ok());
  STRCMP_EQUAL("BLY-WAIT-CLOSED", lastOutcome().c_str());
}

TEST(LinkPart, aWaitWithAuthIsNotWokenByADeliveryWithoutSignature) {
  enrol();
  on.host.policy =
      *trust::Policy::parse(*json::parse(R"({"callback":{"unauthenticated":["c/w"]}})"),
                            "policy.yaml", [](const std::string& path) { return path; });
  on.host.boot();
  on.host.start(kWaiting);
  json::Value message;
  message.set("wait", on.host.openWait().id.str()).set("timestamp", "").set("signature", "");
  message.set("body", "");
  CHECK(take(1, "callback", json::print(message)).ok());
  STRCMP_EQUAL("BLY-CALLBACK-SIGNATURE", lastOutcome().c_str());
  message.set("wait", "w0000000000000000");
  CHECK(take(2, "callback", json::print(message)).ok());
  STRCMP_EQUAL("BLY-CALLBACK-SIGNATURE", lastOutcome().c_str());
  CHECK(!on.host.openWait().id.str().empty());
}

TEST(LinkPart, aCallbackThatIsNotSignedByItsTokenLeavesTheWaitOpen) {
  enrol();
  const auto run = on.host.start(kWaiting);
  const std::string wait = on.host.openWait().id.str();
  CHECK(take(1, "callback", callback(wait, "1", "another token")).ok());
  STRCMP_EQUAL("BLY-CALLBACK-SIGNATURE", lastOutcome().c_str());
  CHECK(take(2, "callback", callback("w9", "1", "guess")).ok());
  STRCMP_EQUAL("BLY-CALLBACK-SIGNATURE", lastOutcome().c_str());
  CHECK(take(3, "callback", callback(wait, "no json")).ok());
  STRCMP_EQUAL("BLY-JSON-SYNTAX", lastOutcome().c_str());
  STRCMP_EQUAL("waiting", on.host.status(run).c_str());
  CHECK(take(4, "callback", callback(wait, "1")).ok());
  STRCMP_EQUAL("succeeded", on.host.status(run).c_str());
}

TEST(LinkPart, whatIsNotUnderstoodBlocksNothing) {
  enrol();
  for (const auto& [kind, body] :
       {std::pair{"poem", "{}"}, std::pair{"callback", "{}"}, std::pair{"webhook", "{\"x\":1}"},
        std::pair{"callback", "{\"wait\":\"w\",\"body\":\"***\"}"}, std::pair{"pin", "{}"},
        std::pair{"webhook", "{\"flow\":\"f\",\"webhook\":\"w\",\"body\":\"\",\"headers\":[1]}"}}) {
    const std::int64_t next = part->standing()->received + 1;
    CHECK_TEXT(take(next, kind, body).ok(), kind);
    CHECK_TEXT(lastOutcome() != "", kind);
    LONGS_EQUAL(next, part->standing()->received);
  }
}

TEST(LinkPart, theRelayIsToldOfTheWebhooksOfLiveFlows) {
  enrol();
  const std::string hook = "  - webhook: push\n    auth: {type: bearer, secret: s}\n";
  CHECK(on.promote("ci", hook).ok());
  const auto last = [this] {
    const auto rows = on.host.journal->link().outbox(0, 100);
    return rows->back().body;
  };
  STRCMP_EQUAL("{\"hooks\":[\"ci.push\"]}", last().c_str());
  CHECK(on.promote("other", "").ok());
  STRCMP_EQUAL("1:hooks 2:hooks", outbox().c_str());
  CHECK(on.archive("ci").ok());
  STRCMP_EQUAL("{\"hooks\":[]}", last().c_str());
}

TEST(LinkPart, aRelayThatHasForgottenIsToldAllAgain) {
  enrol();
  on.host.start(kWaiting);
  CHECK(handed(2).ok());
  const auto opened = [this](std::int64_t received) {
    return on.host.tell(
        [=, this](runtime::Runtime&) { return part->sessionOpened(kUrl, received); });
  };
  CHECK(opened(2).ok());
  STRCMP_EQUAL("", outbox().c_str());
  CHECK(opened(0).ok());
  STRCMP_EQUAL("3:callback_open 4:hooks", outbox().c_str());
  CHECK(on.host.log.contains("link.relay_forgot"));
}

TEST(LinkPart, aHostThatWasSetBackUsesNoNumberTwice) {
  enrol();
  CHECK(on.host.tell([&](runtime::Runtime&) { return part->sessionOpened(kUrl, 50); }).ok());
  CHECK(on.host.log.contains("link.set_back"));
  const auto rows = on.host.journal->link().outbox(1, 10);
  LONGS_EQUAL(51, rows->front().seq);
}

TEST(LinkPart, aRelayCannotUseUpAllNumbers) {
  enrol();
  const auto opened = [this](std::int64_t received) {
    return on.host.tell(
        [=, this](runtime::Runtime&) { return part->sessionOpened(kUrl, received); });
  };
  LONGS_EQUAL(int(ErrorCode::kHttpProtocol), int(opened(wire::kSequenceMax).error().code));
  LONGS_EQUAL(int(ErrorCode::kHttpProtocol), int(opened((std::int64_t{1} << 32) + 2).error().code));
  CHECK(opened(1).ok());
  on.host.start(kWaiting);
  STRCMP_EQUAL("1:hooks 2:callback_open", outbox().c_str());
}

TEST(LinkPart, anotherRelayBeginsAnew) {
  enrol();
  on.host.start(kWaiting);
  CHECK(take(7, "poem", "{}").ok());
  enrol("https://other.test");
  LONGS_EQUAL(0, part->standing()->received);
  // What the former relay still brings is not taken for the new one's.
  LONGS_EQUAL(int(ErrorCode::kRelayUrl), int(take(8, "poem", "{}").error().code));
  CHECK(take(1, "poem", "{}", "https://other.test").ok());
  LONGS_EQUAL(1, part->standing()->received);
  // All is announced to it, under numbers that go on.
  STRCMP_EQUAL("1:hooks 2:callback_open 3:callback_open 4:hooks", outbox().c_str());
  // The same relay again keeps its numbers.
  enrol("https://other.test");
  LONGS_EQUAL(1, part->standing()->received);
  LONGS_EQUAL(2, part->standing()->processed);
}

TEST(LinkPart, aRelayThatHasAnotherMailboxForTheHostNumbersAnew) {
  enrol();
  CHECK(take(7, "poem", "{}").ok());
  const auto again = [&](bool fresh) {
    CHECK(on.host.tell([&](runtime::Runtime&) {
                   return part->enrolled({kUrl, "h", "l", fresh});
                 })
              .ok());
    return part->standing()->received;
  };
  LONGS_EQUAL(7, again(false));
  LONGS_EQUAL(0, again(true));
  CHECK(take(1, "poem", "{}").ok());
  LONGS_EQUAL(1, part->standing()->received);
}
