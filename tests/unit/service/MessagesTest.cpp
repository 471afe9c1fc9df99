// What the world hands in reaches its host in order, once it is on disk, and stays until the host
// says that it has it.

#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::RelayFixture;

namespace {

constexpr const char* kHooks =
    "[{\"seq\":1,\"kind\":\"hooks\",\"body\":{\"hooks\":[\"ci.push\"]}}]";

std::size_t countOf(const RelayFixture::Answer& answer) {
  const json::Value* const list = answer.data.find("messages");
  return list ? list->asArray().size() : 999;
}
const json::Value& first(const RelayFixture::Answer& answer) {
  return answer.data.find("messages")->asArray().front();
}

}  // namespace

TEST_GROUP(Messages) {
  RelayFixture relay;
  std::string session;

  void setup() override { session = relay.session(relay.key); }
  std::string host() const { return relay.key.publicKey().thumbprint(); }
};

TEST(Messages, aCallbackIsStoredAndComesVerbatim) {
  const std::string url = relay.openCallback(session, "w1");
  const std::string body = "{\"a\" : 1}\n";
  const http::Headers headers{{"Belay-Timestamp", "1700000000"},
                              {"Belay-Signature", "v1=ab"},
                              {"Content-Type", "text/plain"}};
  const auto stored = relay.ask("POST", url, body, headers);
  LONGS_EQUAL(202, stored.status);
  const auto polled = relay.poll(session);
  LONGS_EQUAL(1, countOf(polled));
  const json::Value& message = first(polled);
  STRCMP_EQUAL("callback", message.text("kind").c_str());
  LONGS_EQUAL(relay.numberOf(1), message.integer("seq"));
  const json::Value* const content = message.find("body");
  STRCMP_EQUAL("w1", content->text("wait").c_str());
  STRCMP_EQUAL("1700000000", content->text("timestamp").c_str());
  STRCMP_EQUAL("v1=ab", content->text("signature").c_str());
  STRCMP_EQUAL(body.c_str(), base::fromBase64(content->text("body"))->c_str());
}

TEST(Messages, theSameDeliveryAgainIsTakenOnce) {
  const std::string url = relay.openCallback(session, "w1");
  LONGS_EQUAL(202, relay.ask("POST", url, "{}").status);
  const auto again = relay.ask("POST", url, "{}");
  LONGS_EQUAL(202, again.status);
  CHECK(again.data.flag("existing"));
  LONGS_EQUAL(1, countOf(relay.poll(session)));
}

TEST(Messages, aWrongSignatureDoesNotUseACallbackUpButTheirNumberIsBounded) {
  const std::string url = relay.openCallback(session, "w1");
  for (int i = 0; i < 16; ++i) {
    LONGS_EQUAL(202, relay.ask("POST", url, "{\"n\":" + std::to_string(i) + "}").status);
  }
  const auto gone = relay.ask("POST", url, "{\"n\":16}");
  LONGS_EQUAL(410, gone.status);
  STRCMP_EQUAL("BLY-CALLBACK-GONE", gone.code.c_str());
}

TEST(Messages, aCallbackIsGoneWhenItsHostHasClosedItOrTimeHas) {
  const std::string url = relay.openCallback(session, "w1");
  relay.hand(session, "[{\"seq\":2,\"kind\":\"callback_closed\",\"body\":{\"wait\":\"w1\"}}]");
  LONGS_EQUAL(410, relay.ask("POST", url, "{}").status);
  const std::string late = relay.openCallback(session, "w2", 3, 1000);
  relay.clock.advance(std::chrono::seconds{1});
  LONGS_EQUAL(410, relay.ask("POST", late, "{}").status);
  LONGS_EQUAL(410, relay.ask("POST", "/c/unknown", "{}").status);
}

TEST(Messages, aWebhookComesWithAllItsFields) {
  relay.hand(session, kHooks);
  const http::Headers headers{
      {"X-Hub-Signature-256", "sha256=ab"}, {"X-Twice", "1"}, {"X-Twice", "2"}};
  const std::string body("{\"ref\":\x01\xff}", 9);
  LONGS_EQUAL(202, relay.ask("POST", "/h/" + host() + "/ci.push", body, headers).status);
  const auto polled = relay.poll(session);
  const json::Value* const content = first(polled).find("body");
  STRCMP_EQUAL("ci", content->text("flow").c_str());
  STRCMP_EQUAL("push", content->text("webhook").c_str());
  CHECK(body == base::fromBase64(content->text("body")).value());
  int twice = 0;
  for (const json::Value& field : content->find("headers")->asArray()) {
    twice += field.asArray()[0].asString() == "X-Twice";
  }
  LONGS_EQUAL(2, twice);
}

TEST(Messages, onlyHooksThatTheHostHasNamedAreThere) {
  LONGS_EQUAL(404, relay.ask("POST", "/h/" + host() + "/ci.push", "{}").status);
  relay.hand(session, kHooks);
  LONGS_EQUAL(202, relay.ask("POST", "/h/" + host() + "/ci.push", "{}").status);
  LONGS_EQUAL(404, relay.ask("POST", "/h/" + host() + "/ci.tag", "{}").status);
  LONGS_EQUAL(404, relay.ask("POST", "/h/other/ci.push", "{}").status);
  relay.hand(session, "[{\"seq\":2,\"kind\":\"hooks\",\"body\":{\"hooks\":[]}}]");
  LONGS_EQUAL(404, relay.ask("POST", "/h/" + host() + "/ci.push", "{}").status);
}

TEST(Messages, aFullMailboxIsSaidToTheSender) {
  relay.settings.messagesMax = 2;
  relay.hand(session, kHooks);
  const std::string url = "/h/" + host() + "/ci.push";
  for (int i = 0; i < 2; ++i) LONGS_EQUAL(202, relay.ask("POST", url, std::to_string(i)).status);
  const auto full = relay.ask("POST", url, "2");
  LONGS_EQUAL(429, full.status);
  STRCMP_EQUAL("BLY-RELAY-QUOTA", full.code.c_str());
  LONGS_EQUAL(1, relay.metrics.value(service::Counter::kQuotaRefused));
  // Callbacks have room of their own, and so much of it.
  const std::string callback = relay.openCallback(session, "w1", 2);
  for (int i = 0; i < 2; ++i)
    LONGS_EQUAL(202, relay.ask("POST", callback, std::to_string(i)).status);
  LONGS_EQUAL(429, relay.ask("POST", callback, "{}").status);
  LONGS_EQUAL(4, countOf(relay.poll(session)));
  relay.poll(session, 3);
  // What was refused was not taken: it may come again.
  const auto again = relay.ask("POST", callback, "{}");
  LONGS_EQUAL(202, again.status);
  CHECK(!again.data.flag("existing"));
  LONGS_EQUAL(202, relay.ask("POST", url, "2").status);
}

TEST(Messages, aParkedPollIsAnsweredByTheFirstMessage) {
  const std::string url = relay.openCallback(session, "w1");
  auto parked =
      relay.send("POST", "/v1/poll", "{\"ack\":0,\"wait_s\":50}", RelayFixture::bearer(session));
  CHECK(!relay.answerOf(parked).has_value());
  LONGS_EQUAL(1, relay.store->parked());
  LONGS_EQUAL(202, relay.ask("POST", url, "{}").status);
  const auto answer = relay.answerOf(parked);
  LONGS_EQUAL(1, countOf(*answer));
  LONGS_EQUAL(0, relay.store->parked());
}

TEST(Messages, aParkedPollEndsEmptyWhenItsTimeIsUp) {
  auto parked =
      relay.send("POST", "/v1/poll", "{\"ack\":0,\"wait_s\":50}", RelayFixture::bearer(session));
  CHECK(!relay.answerOf(parked).has_value());
  relay.clock.advance(std::chrono::seconds{49});
  CHECK(!relay.answerOf(parked).has_value());
  relay.clock.advance(std::chrono::seconds{1});
  LONGS_EQUAL(0, countOf(*relay.answerOf(parked)));
}

TEST(Messages, aSecondPollTakesThePlaceOfTheFirst) {
  auto one = relay.send("POST", "/v1/poll", "{\"wait_s\":50}", RelayFixture::bearer(session));
  CHECK(!relay.answerOf(one).has_value());
  auto two = relay.send("POST", "/v1/poll", "{\"wait_s\":50}", RelayFixture::bearer(session));
  CHECK(!relay.answerOf(two).has_value());
  LONGS_EQUAL(0, countOf(*relay.answerOf(one)));
  LONGS_EQUAL(1, relay.store->parked());
}

TEST(Messages, aDrainEndsAllPollsAndParksNoMore) {
  auto parked = relay.send("POST", "/v1/poll", "{\"wait_s\":50}", RelayFixture::bearer(session));
  CHECK(!relay.answerOf(parked).has_value());
  relay.store->drain();
  LONGS_EQUAL(0, countOf(*relay.answerOf(parked)));
  auto late = relay.send("POST", "/v1/poll", "{\"wait_s\":50}", RelayFixture::bearer(session));
  LONGS_EQUAL(0, countOf(*relay.answerOf(late)));
}

TEST(Messages, whatAHostHasIsRemovedAndNeverComesAgain) {
  relay.hand(session, kHooks);
  for (int i = 0; i < 3; ++i) relay.ask("POST", "/h/" + host() + "/ci.push", std::to_string(i));
  LONGS_EQUAL(3, countOf(relay.poll(session)));
  LONGS_EQUAL(3, countOf(relay.poll(session)));
  LONGS_EQUAL(1, countOf(relay.poll(session, 2)));
  LONGS_EQUAL(1, relay.mailbox->host(host())->value().queued);
}

TEST(Messages, anAcknowledgementAloneWaitsForACommitOrForItsTime) {
  relay.hand(session, kHooks);
  const auto tell = [&] { return relay.ask("POST", "/h/" + host() + "/ci.push", "x", {}).status; };
  const auto commits = [&] { return relay.metrics.value(service::Counter::kCommits); };
  LONGS_EQUAL(202, tell());
  const auto before = commits();
  LONGS_EQUAL(0, countOf(relay.poll(session, 1)));
  LONGS_EQUAL(before, commits());
  // The next message takes it along.
  LONGS_EQUAL(202, tell());
  LONGS_EQUAL(before + 1, commits());
  relay.clock.advance(relay.bounds.deferTime);
  relay.step();
  LONGS_EQUAL(before + 1, commits());
  // Nobody comes: its time is up.
  LONGS_EQUAL(0, countOf(relay.poll(session, 2)));
  LONGS_EQUAL(before + 1, commits());
  relay.clock.advance(relay.bounds.deferTime);
  relay.step();
  LONGS_EQUAL(before + 2, commits());
}

TEST(Messages, acknowledgementsThatAreLostAreSaidAgain) {
  relay.hand(session, kHooks);
  for (int i = 0; i < 3; ++i) relay.ask("POST", "/h/" + host() + "/ci.push", std::to_string(i));
  LONGS_EQUAL(1, countOf(relay.poll(session, 2)));
  // As after kill -9.
  relay.mailbox->rollback();
  LONGS_EQUAL(3, relay.mailbox->host(host())->value().queued);
  LONGS_EQUAL(1, countOf(relay.poll(session, 2)));
  LONGS_EQUAL(1, relay.mailbox->host(host())->value().queued);
}

TEST(Messages, soManyAcknowledgementsWaitAndNoMore) {
  relay.bounds.deferMost = 2;
  service::Store store(*relay.mailbox, relay.bounds, relay.clock, relay.metrics, relay.log);
  relay.hand(session, kHooks);
  for (int i = 0; i < 3; ++i) relay.ask("POST", "/h/" + host() + "/ci.push", std::to_string(i));
  const auto before = relay.metrics.value(service::Counter::kCommits);
  auto box = std::make_shared<http::ExchangeMailbox>();
  for (int i = 1; i <= 2; ++i) {
    store.poll(http::Responder(std::make_shared<http::ExchangePort>(box, http::ExchangeId{}, 1000)),
               {{host(), 1}, relay.numberOf(i), 10, {}});
    CHECK(store.step().ok());
    LONGS_EQUAL(1, box->take().size());
  }
  LONGS_EQUAL(before + 1, relay.metrics.value(service::Counter::kCommits));
}

TEST(Messages, aRepeatedBatchIsAcknowledgedAndDoesNothing) {
  relay.hand(session, kHooks);
  const auto again =
      relay.hand(session, "[{\"seq\":1,\"kind\":\"hooks\",\"body\":{\"hooks\":[]}}]");
  LONGS_EQUAL(1, again.data.integer("acknowledged"));
  CHECK(relay.mailbox->hasHook(host(), "ci.push").value());
  LONGS_EQUAL(1, relay.metrics.value(service::Counter::kMessagesRepeated));
}

TEST(Messages, whatIsNotUnderstoodIsRefusedAndBlocksNothing) {
  const auto answer = relay.hand(
      session,
      "[{\"seq\":1,\"kind\":\"poem\",\"body\":{}},{\"seq\":2,\"kind\":\"hooks\",\"body\":{}},"
      "{\"seq\":3,\"kind\":\"callback_open\",\"body\":{\"route\":\"xy\",\"wait\":\"w\"}},"
      "{\"seq\":4,\"kind\":\"hooks\",\"body\":{\"hooks\":[\"ci.push\"]}}]");
  LONGS_EQUAL(200, answer.status);
  LONGS_EQUAL(4, answer.data.integer("acknowledged"));
  const json::Array& refused = answer.data.find("refused")->asArray();
  LONGS_EQUAL(3, refused.size());
  STRCMP_EQUAL("BLY-LINK-MESSAGE", refused[0].text("code").c_str());
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", refused[2].text("code").c_str());
  CHECK(relay.mailbox->hasHook(host(), "ci.push").value());
}

TEST(Messages, aBatchThatIsNoneIsRefusedWhole) {
  for (const char* bad :
       {"{}", "[1]", "[{\"seq\":0,\"kind\":\"hooks\",\"body\":{}}]",
        "[{\"seq\":2,\"kind\":\"a\",\"body\":{}},{\"seq\":1,\"kind\":\"a\",\"body\":{}}]",
        "[{\"seq\":1,\"kind\":\"a\"}]", "[{\"seq\":1,\"kind\":\"a\",\"body\":1}]",
        "[{\"seq\":1,\"kind\":\"a\",\"body\":{},\"x\":1}]"}) {
    LONGS_EQUAL_TEXT(400, relay.hand(session, bad).status, bad);
  }
  LONGS_EQUAL(0, relay.mailbox->host(host())->value().received);
}

TEST(Messages, moreRequestsThanTheBoundAreRefusedAtOnce) {
  service::StoreSettings small;
  small.requestsMax = 1;
  service::Store store(*relay.mailbox, small, relay.clock, relay.metrics, relay.log);
  auto box = std::make_shared<http::ExchangeMailbox>();
  const auto post = [&] {
    store.post(http::Responder(std::make_shared<http::ExchangePort>(box, http::ExchangeId{}, 1000)),
               [](mailbox::Mailbox&) { return service::Outcome{}; });
  };
  post();
  LONGS_EQUAL(0, box->take().size());
  post();
  const auto answers = box->take();
  LONGS_EQUAL(1, answers.size());
  LONGS_EQUAL(503, answers.front().response.status);
}

TEST(Messages, aBatchThatTakesItsTimeIsCommittedBeforeItsEnd) {
  service::Store store(*relay.mailbox, {}, relay.clock, relay.metrics, relay.log);
  auto box = std::make_shared<http::ExchangeMailbox>();
  for (std::uint64_t i = 0; i < 6; ++i) {
    store.post(
        http::Responder(std::make_shared<http::ExchangePort>(box, http::ExchangeId{0, 0, i}, 1000)),
        [this](mailbox::Mailbox&) {
          relay.clock.advance(std::chrono::milliseconds{15});
          return service::Outcome{};
        });
  }
  std::vector<std::uint64_t> order;
  for (const std::size_t most : {2, 2, 2}) {
    CHECK(store.step().ok());
    const auto answers = box->take();
    LONGS_EQUAL(most, answers.size());
    for (const auto& each : answers) order.push_back(each.id.sequence);
  }
  CHECK((order == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5}));
}
