// Sends notifications to a receiver on loopback that verifies them as any receiver of Standard
// Webhooks would, and looks for credentials in everything that the policy is shown.

#include <string>

#include "agent/steps/NotifyStep.h"
#include "agent/vault/WebhookSignature.h"
#include "tests/support/HeldPerformer.h"
#include "tests/unit/steps/StepsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::flow::Family;
using belay::runtime::Attempt;
using belay::runtime::StepResult;
using belay::steps::NotifyStep;
using belay::test::AnsweringPeer;
using belay::test::StepsFixture;

namespace {

/// The value of a field of a head.
std::string field(const std::string& head, const std::string& name) {
  const std::size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

const std::string kSigning = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

}  // namespace

TEST_GROUP(NotifyStep) {
  StepsFixture on;
  belay::test::HeldPerformer mail{true};

  NotifyStep step() {
    return NotifyStep(NotifyStep::World{on.calls, on.connections, *on.vault, on.clock, mail, on.sink()},
                      belay::settings::HttpSettings{});
  }
  StepResult perform(const Attempt& attempt) {
    NotifyStep notify = step();
    notify.start(attempt);
    return on.result();
  }
  static Attempt say(const std::string& more = "") {
    return StepsFixture::attemptOf(Family::kNotify,
                                   R"({"connection": "team", "text": "done")" + more + "}");
  }
  std::string shown() {
    const auto effect = step().describe(say());
    CHECK(effect.ok());
    return belay::trust::effectJson(*effect);
  }
};

TEST(NotifyStep, aReceiverCanVerifyWhoSentWhat) {
  AnsweringPeer peer(AnsweringPeer::ok("{}"));
  on.secret("SIGNING", kSigning);
  on.connect(R"({"team": {"type": "chat", "url": ")" + peer.url("/hook") +
             R"(", "signing_secret": {"secret": "SIGNING"}}})");
  const Attempt attempt = say(R"(, "title": "Night", "data": {"n": 1})");
  const StepResult result = perform(attempt);
  CHECK(result.ok);
  const auto [head, body] = peer.request();
  belay::vault::WebhookHeaders headers;
  headers.id = field(head, "webhook-id");
  headers.timestamp = field(head, "webhook-timestamp");
  headers.signature = field(head, "webhook-signature");
  const belay::vault::SecretValue secret{kSigning};
  CHECK(belay::vault::verifyWebhook(secret, headers, body, on.clock.wallMs() / 1000).ok());
  CHECK_FALSE(
      belay::vault::verifyWebhook(secret, headers, body + " ", on.clock.wallMs() / 1000).ok());
  // The same over attempts: a receiver that got it twice can tell.
  STRCMP_EQUAL(("msg_" + attempt.idempotencyKey).c_str(), headers.id.c_str());
  CHECK(result.outputJson.find(headers.id) != std::string::npos);
  STRCMP_EQUAL(
      R"({"text":"done","type":"belay.notification","title":"Night","flow":"flow","run":"r1","step":"call","data":{"n":1}})",
      body.c_str());
}

TEST(NotifyStep, aChatGetsNothingButItsText) {
  AnsweringPeer peer(AnsweringPeer::ok("ok", "text/plain"));
  on.secret("HOOK", peer.url("/services/T1"));
  on.connect(R"({"team": {"type": "chat", "format": "slack", "url": {"secret": "HOOK"}}})");
  CHECK(perform(say()).ok);
  const auto [head, body] = peer.request();
  CHECK(head.starts_with("POST /services/T1 "));
  STRCMP_EQUAL(R"({"text":"done"})", body.c_str());
  STRCMP_EQUAL("", field(head, "webhook-signature").c_str());
}

TEST(NotifyStep, thePolicyIsShownWhereAUrlLeadsAndNotTheCredentialInIt) {
  on.secret("HOOK", "https://hooks.test/T1/path-credential?key=query-credential");
  on.secret("SIGNING", kSigning);
  on.secret("SIGNING", kSigning);
  on.connect(
      R"({"team": {"type": "chat", "url": {"secret": "HOOK"}, "signing_secret": {"secret": "SIGNING"}}})");
  CHECK(shown().find("credential") == std::string::npos);
  CHECK(shown().find(R"("url":{"origin":"https://hooks.test","secret":"HOOK","version":"1"})") !=
        std::string::npos);
  CHECK(
      shown().find(
          R"("connection_secrets":[{"secret":"HOOK","version":"1"},{"secret":"SIGNING","version":"2"}])") !=
      std::string::npos);
  const auto effect = step().describe(say());
  CHECK(std::get<belay::trust::HttpEffect>(effect->what).url.str().find("credential") ==
        std::string::npos);
}

TEST(NotifyStep, aUrlThatIsNoSecretIsShownAsItIs) {
  on.connect(R"({"team": {"type": "chat", "url": "https://chat.test/room/7"}})");
  CHECK(shown().find(R"("url":"https://chat.test/room/7")") != std::string::npos);
}

TEST(NotifyStep, theFlowsNameForAConnectionIsBoundOnTheHost) {
  on.connect(R"({"ops-room": {"type": "chat", "url": "https://chat.test/room/7"}})");
  Attempt attempt = say();
  CHECK_FALSE(step().describe(attempt).ok());
  attempt.bindings["team"] = "ops-room";
  CHECK(step().describe(attempt).ok());
}

TEST(NotifyStep, aReceiverThatRefusesProvesThatNothingWasTaken) {
  AnsweringPeer refuses("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  on.connect(R"({"team": {"type": "chat", "url": ")" + refuses.url() + R"("}})");
  CHECK(perform(say()).failure->nothingLeft);
  AnsweringPeer breaks(
      "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  on.connect(R"({"team": {"type": "chat", "url": ")" + breaks.url() + R"("}})");
  CHECK_FALSE(perform(say()).failure->nothingLeft);
}

TEST(NotifyStep, aReceiverThatSendsElsewhereHasTakenNothing) {
  AnsweringPeer moves(
      "HTTP/1.1 302 Found\r\nLocation: /login\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  on.connect(R"({"team": {"type": "chat", "url": ")" + moves.url() + R"("}})");
  const StepResult result = perform(say());
  CHECK_FALSE(result.ok);
  CHECK(result.failure->nothingLeft);
}

TEST(NotifyStep, aConnectionOfTypeSmtpIsForWhoSendsMail) {
  on.connect(R"({"team": {"type": "smtp", "host": "mx", "from": "b@example.com"}})");
  NotifyStep notify = step();
  notify.start(say());
  notify.recover(say());
  CHECK_EQUAL(2u, mail.started().size() + mail.recovered().size());
}

TEST(NotifyStep, afterACrashAChatMayHaveBeenTold) {
  on.connect(R"({"team": {"type": "chat", "url": "https://example.com/hook"}})");
  NotifyStep notify = step();
  notify.recover(say());
  CHECK(on.result().ambiguous);
  Attempt again = say();
  again.effect = belay::flow::EffectClass::kIdempotent;
  notify.recover(again);
  CHECK(on.result().orderAnew);
}
