// What endpoints outside are told. The sender runs against a relay without sockets: its store is
// stepped by a thread of the test, and what an endpoint answers is a function.

#include <atomic>
#include <deque>
#include <thread>

#include "common/crypto/WebhookMac.h"
#include "relay/service/Endpoints.h"
#include "relay/service/EventSender.h"
#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using json::Value;
using service::EventSender;
using test::RelayFixture;

namespace {

constexpr const char* kRequest = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr const char* kDecision =
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

std::string message(int seq, const std::string& kind, const std::string& body) {
  return "[{\"seq\":" + std::to_string(seq) + ",\"kind\":\"" + kind + "\",\"body\":" + body + "}]";
}

std::string request(const char* summary = "") {
  return std::string("{\"request\":\"") + kRequest + "\",\"lasts_ms\":3600000,\"summary\":\"" +
         summary + "\",\"sealed\":\"x\"}";
}

std::string receipt(const char* decision, bool closed) {
  return std::string("{\"request\":\"") + kRequest + "\",\"decision\":\"" + decision +
         "\",\"statement\":\"s\",\"closed\":" + (closed ? "true" : "false") + "}";
}

}  // namespace

TEST_GROUP(Events) {
  RelayFixture relay;

  std::string add(const char* url, const char* events = "[]") {
    auto body = json::parse(std::string("{\"url\":\"") + url + "\",\"events\":" + events + "}");
    const auto made =
        service::addEndpoint(*relay.mailbox, *body, relay.random, relay.clock.wallMs());
    CHECK(made.ok());
    CHECK(relay.mailbox->commit().ok());
    return made->text("hook");
  }
  /// The bodies of what waits for an endpoint, taken.
  std::vector<Value> taken(const std::string& id) {
    std::vector<Value> out;
    while (true) {
      const auto due = relay.mailbox->dueEvent(id, relay.clock.wallMs(), 1);
      CHECK(due.ok());
      if (!*due) return out;
      auto body = json::parse((*due)->body);
      STRCMP_EQUAL((*due)->kind.c_str(), body->text("type").c_str());
      out.push_back(std::move(*body));
      CHECK(relay.mailbox->finishEvent((*due)->number).ok());
    }
  }
  Value row(const std::string& id) {
    const auto list = service::listEndpoints(*relay.mailbox);
    for (const Value& each : list->find("hooks")->asArray()) {
      if (each.text("hook") == id) return each;
    }
    return {};
  }
};

TEST(Events, aRequestIsToldOnceAndNothingThatIsSealed) {
  const std::string id = add("https://bot.test/x");
  const std::string session = relay.session(relay.key);
  relay.hand(session, message(1, "request", request()));
  // The same again, sealed for a new roster.
  relay.hand(session, message(2, "request", request()));
  relay.hand(session, message(3, "receipt", receipt(kDecision, false)));
  relay.hand(session, message(4, "receipt", receipt("", true)));
  relay.hand(session, message(5, "receipt", receipt("", true)));
  const auto events = taken(id);
  LONGS_EQUAL(3, events.size());
  STRCMP_EQUAL("request.created", events[0].text("type").c_str());
  STRCMP_EQUAL("request.receipt", events[1].text("type").c_str());
  STRCMP_EQUAL("request.closed", events[2].text("type").c_str());
  const Value& data = *events[0].find("data");
  STRCMP_EQUAL(kRequest, data.text("request").c_str());
  STRCMP_EQUAL("web-1", data.text("label").c_str());
  STRCMP_EQUAL(relay.settings.url.c_str(), data.text("relay").c_str());
  STRCMP_EQUAL("", data.text("summary").c_str());
  CHECK(!data.flag("closed"));
  CHECK(data.find("sealed") == nullptr);
  STRCMP_EQUAL(kDecision, events[1].find("data")->text("decision").c_str());
  CHECK(events[2].find("data")->flag("closed"));
  STRCMP_EQUAL("host", events[2].find("data")->text("reason").c_str());
}

TEST(Events, aRequestThatEndsWhileItsHostIsAwayIsClosed) {
  relay.bounds.onExpired = [this](mailbox::Mailbox& mailbox,
                                  const std::string& request) -> base::Status {
    const auto told =
        service::tellOfRequest(mailbox, relay.context->events(), service::kRequestClosed, request);
    return told ? base::Status{} : base::Status{told.error()};
  };
  relay.renewStore();
  const std::string id = add("https://bot.test/x");
  const std::string session = relay.session(relay.key);
  relay.hand(session, message(1, "request", request()));
  const std::string token = relay.newToken("approver");
  auto waiting =
      relay.send("GET", "/v1/approvals?after=1&wait_s=60", "", RelayFixture::bearer(token));
  CHECK(!relay.answerOf(waiting).has_value());
  relay.clock.advance(std::chrono::seconds{3'599});
  relay.step();
  LONGS_EQUAL(1, taken(id).size());
  relay.clock.advance(std::chrono::seconds{1});
  relay.step();
  auto events = taken(id);
  LONGS_EQUAL(1, events.size());
  STRCMP_EQUAL("request.closed", events[0].text("type").c_str());
  CHECK(events[0].find("data")->flag("closed"));
  STRCMP_EQUAL("expired", events[0].find("data")->text("reason").c_str());
  // Whoever waits for a change hears of it; the host says it too, and nobody is told twice.
  relay.hand(session, message(2, "receipt", receipt("", true)));
  LONGS_EQUAL(0, taken(id).size());
  CHECK(relay.mailbox->approval(kRequest)->value().closed);
  CHECK(!relay.mailbox->approval(kRequest)->value().expired);
}

TEST(Events, whatAHostLetsTheRelayReadIsInTheEvent) {
  const std::string id = add("https://bot.test/x", "[\"request.created\"]");
  const std::string session = relay.session(relay.key);
  relay.hand(session, message(1, "request", request("Deploy 4.2?")));
  relay.hand(session, message(2, "receipt", receipt("", true)));
  const auto events = taken(id);
  LONGS_EQUAL(1, events.size());
  STRCMP_EQUAL("Deploy 4.2?", events[0].find("data")->text("summary").c_str());
}

TEST(Events, anotherHostsReceiptTellsNothing) {
  const std::string id = add("https://bot.test/x");
  relay.hand(relay.session(relay.key), message(1, "request", request()));
  const auto other = crypto::P256PrivateKey::generate(relay.random);
  relay.hand(relay.session(other), message(1, "receipt", receipt("", true)));
  LONGS_EQUAL(1, taken(id).size());
}

TEST(Events, hostsThatComeAndGoAreTold) {
  relay.bounds.goneAfter = std::chrono::seconds{100};
  relay.bounds.onPresence = [this](mailbox::Mailbox& mailbox, const std::string& host,
                                   bool connected, std::int64_t seenMs) -> base::Status {
    const auto told =
        service::tellOfPresence(mailbox, relay.context->events(), host, connected, seenMs);
    return told ? base::Status{} : base::Status{told.error()};
  };
  relay.renewStore();
  const std::string id = add("https://bot.test/x");
  const std::string session = relay.session(relay.key);
  LONGS_EQUAL(0, taken(id).size());
  LONGS_EQUAL(200, relay.poll(session).status);
  LONGS_EQUAL(200, relay.poll(session).status);
  CHECK(relay.mailbox->host(relay.key.publicKey().thumbprint())->value().connected);
  // The process began anew: nobody is told twice.
  relay.renewStore();
  LONGS_EQUAL(200, relay.poll(session).status);
  relay.clock.advance(std::chrono::seconds{90});
  LONGS_EQUAL(200, relay.poll(session).status);
  relay.clock.advance(std::chrono::seconds{90});
  relay.step();
  auto events = taken(id);
  LONGS_EQUAL(1, events.size());
  STRCMP_EQUAL("host.connected", events[0].text("type").c_str());
  relay.clock.advance(std::chrono::seconds{60});
  relay.step();
  events = taken(id);
  LONGS_EQUAL(1, events.size());
  STRCMP_EQUAL("host.disconnected", events[0].text("type").c_str());
  STRCMP_EQUAL("web-1", events[0].find("data")->text("label").c_str());
  // A host that never comes back after a restart is told too, in its time.
  LONGS_EQUAL(200, relay.poll(session).status);
  relay.renewStore();
  relay.step();
  relay.clock.advance(std::chrono::seconds{390});
  relay.step();
  LONGS_EQUAL(1, taken(id).size());
  relay.clock.advance(std::chrono::seconds{60});
  relay.step();
  LONGS_EQUAL(1, taken(id).size());
  relay.local = true;
  LONGS_EQUAL(200, relay.ask("DELETE", "/v1/hosts/" + relay.key.publicKey().thumbprint()).status);
  events = taken(id);
  LONGS_EQUAL(1, events.size());
  STRCMP_EQUAL("host.removed", events[0].text("type").c_str());
  STRCMP_EQUAL("web-1", events[0].find("data")->text("label").c_str());
}

TEST(Events, endpointsAreAddedAndListedWithoutTheirSecrets) {
  relay.local = true;
  const auto made =
      relay.ask("POST", "/v1/hooks", R"({"url":"https://bot.test/x?token=abc","label":"bot"})");
  LONGS_EQUAL(201, made.status);
  const std::string id = made.data.text("hook");
  const std::string secret = made.data.text("secret");
  CHECK(crypto::webhookKey(secret).has_value());
  const auto rotated = relay.ask("POST", "/v1/hooks/" + id, R"({"do":"rotate"})");
  CHECK(rotated.data.text("secret") != secret);
  const std::string list = json::print(relay.ask("GET", "/v1/hooks").data);
  CHECK(list.find("whsec_") == std::string::npos);
  CHECK(list.find("abc") == std::string::npos);
  CHECK(list.find("https://bot.test/x") != std::string::npos);
  LONGS_EQUAL(200, relay.ask("DELETE", "/v1/hooks/" + id).status);
  LONGS_EQUAL(404, relay.ask("DELETE", "/v1/hooks/" + id).status);
  LONGS_EQUAL(404, relay.ask("POST", "/v1/hooks/" + id, R"({"do":"test"})").status);
}

TEST(Events, whatIsNoEndpointIsRefused) {
  relay.local = true;
  for (const char* bad : {R"({"url":"http://bot.test/"})", R"({"url":"ftp://bot.test/"})", R"({})",
                          R"({"url":"https://bot.test/","events":["request.opened"]})",
                          R"({"url":"https://bot.test/","secret":"whsec_short"})",
                          R"({"url":"https://bot.test/","other":1})"}) {
    const auto answer = relay.ask("POST", "/v1/hooks", bad);
    CHECK_TEXT(answer.status == 400 || answer.status == 422, bad);
  }
  LONGS_EQUAL(201, relay.ask("POST", "/v1/hooks", R"({"url":"http://127.0.0.1:8080/"})").status);
  for (int i = 1; i < 16; ++i) add("https://bot.test/");
  LONGS_EQUAL(429, relay.ask("POST", "/v1/hooks", R"({"url":"https://bot.test/"})").status);
}

TEST_GROUP(EventSender) {
  RelayFixture relay;
  /// What the endpoint answers, one after the other; the last one stays.
  std::deque<int> answers{200};
  base::Mutex mutex;
  std::vector<http::ClientRequest> seen;
  std::string retryAfter;
  service::EventSettings settings;
  std::unique_ptr<EventSender> sender;
  std::atomic<bool> ending{false};
  std::thread steps;
  std::string id;

  void setup() override {
    const auto made =
        service::addEndpoint(*relay.mailbox, *json::parse(R"({"url":"https://bot.test/"})"),
                             relay.random, relay.clock.wallMs());
    BELAY_CHECK(made.ok() && relay.mailbox->commit().ok());
    id = made->text("hook");
  }
  void teardown() override { stop(); }

  void start() {
    ending = false;
    steps = std::thread([this] {
      while (!ending) {
        BELAY_CHECK(relay.store->step().ok());
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
      }
    });
    sender = std::make_unique<EventSender>(
        EventSender::World{*relay.store, relay.clock, relay.random, relay.metrics, relay.log,
                           [this](const http::ClientRequest& request) { return answer(request); }},
        settings);
    sender->start();
  }
  void stop() {
    sender.reset();
    ending = true;
    if (steps.joinable()) steps.join();
  }
  http::ClientOutcome answer(const http::ClientRequest& request) {
    base::MutexLock lock(mutex);
    seen.push_back(request);
    const int status = answers.front();
    if (answers.size() > 1) answers.pop_front();
    if (status == 0) {
      return http::ClientFailure{base::Error{ErrorCode::kConnect, "nobody is there"}, false, "",
                                 false};
    }
    http::ClientResponse response;
    response.status = status;
    if (!retryAfter.empty()) response.headers.add("Retry-After", retryAfter);
    BELAY_CHECK(request.onHead(response).ok());
    return response;
  }
  void tell(const char* subject) {
    Value data;
    data.set("n", subject);
    auto event = service::makeEvent(relay.context->events(), "request.created", subject, data);
    CHECK(relay.mailbox->addEvent(event, 100).ok());
    CHECK(relay.mailbox->commit().ok());
  }
  std::size_t count() {
    base::MutexLock lock(mutex);
    return seen.size();
  }
  /// Until so many attempts were made, and nothing more comes at this time.
  void expect(std::size_t attempts) {
    for (int i = 0; i < 2'000 && count() < attempts; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{30});
    LONGS_EQUAL(attempts, count());
  }
  mailbox::EndpointRow row() {
    stop();
    auto rows = relay.mailbox->endpoints();
    CHECK(rows.ok());
    return rows->front();
  }
  static std::string header(const http::ClientRequest& request, const char* name) {
    const std::string* const value = request.headers.find(name);
    return value ? *value : "";
  }
};

TEST(EventSender, whatIsTakenIsSignedAndGone) {
  tell("r1");
  start();
  expect(1);
  const auto endpoint = row();
  LONGS_EQUAL(0, endpoint.held);
  STRCMP_EQUAL("200", endpoint.lastOutcome.c_str());
  const http::ClientRequest& request = seen.front();
  const std::string mac =
      crypto::webhookMac(*crypto::webhookKey(endpoint.secret), header(request, "webhook-id"),
                         header(request, "webhook-timestamp"), request.body);
  STRCMP_EQUAL(mac.c_str(), header(request, "webhook-signature").c_str());
  LONGS_EQUAL(0, request.redirectsMax);
  LONGS_EQUAL(1, relay.metrics.value(service::Counter::kEventsTaken));
}

TEST(EventSender, whileASecretIsRotatedBothSign) {
  CHECK(service::changeEndpoint(*relay.mailbox, id, *json::parse(R"({"do":"rotate"})"),
                                relay.context->events())
            .ok());
  tell("r1");
  start();
  expect(1);
  const std::string both = header(seen.front(), "webhook-signature");
  const std::size_t space = both.find(' ');
  CHECK(space != std::string::npos);
  CHECK(both.starts_with("v1,") && both.substr(space + 1).starts_with("v1,"));
  relay.clock.advance(std::chrono::hours{25});
  stop();
  tell("r2");
  start();
  expect(2);
  CHECK(header(seen.back(), "webhook-signature").find(' ') == std::string::npos);
}

TEST(EventSender, anythingButTwoHundredIsTriedAgainLater) {
  for (const int status : {0, 301, 500, 429, 503}) answers.push_front(status);
  tell("r1");
  start();
  for (std::size_t attempts = 1; attempts <= 6; ++attempts) {
    expect(attempts);
    stop();
    relay.clock.advance(std::chrono::minutes{12});
    start();
  }
  LONGS_EQUAL(0, row().held);
  for (const auto& request : seen) {
    STRCMP_EQUAL(header(seen.front(), "webhook-id").c_str(), header(request, "webhook-id").c_str());
  }
}

TEST(EventSender, oneEventThatIsRefusedHoldsUpNoOtherSubject) {
  answers = {400, 200};
  tell("r1");
  tell("r1");
  tell("r2");
  start();
  expect(2);
  CHECK(seen[0].body != seen[1].body);
  LONGS_EQUAL(2, row().held);
}

TEST(EventSender, anEndpointThatFailsIsAskedOnceAndNotForEachEvent) {
  answers = {500};
  for (const char* subject : {"r1", "r2", "r3"}) tell(subject);
  start();
  expect(1);
  const auto endpoint = row();
  CHECK(endpoint.pausedUntilMs >= relay.clock.wallMs() + 2'000);
  LONGS_EQUAL(1, endpoint.failures);
}

TEST(EventSender, anEndpointIsGivenUpAndCanBeResumed) {
  answers = {503};
  settings.retryFor = std::chrono::hours{1};
  tell("r1");
  start();
  expect(1);
  stop();
  relay.clock.advance(std::chrono::minutes{59});
  start();
  expect(2);
  CHECK(row().state == mailbox::EndpointRow::State::kActive);
  relay.clock.advance(std::chrono::minutes{90});
  start();
  expect(3);
  CHECK(row().state == mailbox::EndpointRow::State::kDown);
  CHECK(!service::judgeEndpoints(*service::listEndpoints(*relay.mailbox)).ok());
  tell("r2");
  relay.clock.advance(std::chrono::hours{9});
  start();
  expect(3);
  LONGS_EQUAL(1, row().missed);
  CHECK(service::changeEndpoint(*relay.mailbox, id, *json::parse(R"({"do":"resume"})"),
                                relay.context->events())
            .ok());
  answers = {200};
  start();
  expect(4);
  LONGS_EQUAL(0, row().held);
  CHECK(service::judgeEndpoints(*service::listEndpoints(*relay.mailbox)).ok());
}

TEST(EventSender, anEventIsGivenUpWhereOthersAreTaken) {
  answers = {400, 400, 200};
  settings.retryFor = std::chrono::minutes{1};
  tell("r1");
  tell("r1");
  start();
  expect(1);
  stop();
  relay.clock.advance(std::chrono::minutes{2});
  start();
  // Given up, and what stood behind it goes out.
  expect(3);
  const auto endpoint = row();
  LONGS_EQUAL(1, endpoint.dead);
  LONGS_EQUAL(1, endpoint.held);
  CHECK(endpoint.state == mailbox::EndpointRow::State::kActive);
}

TEST(EventSender, whoIsGoneIsNotAskedAgain) {
  answers = {410};
  tell("r1");
  tell("r2");
  start();
  expect(1);
  CHECK(row().state == mailbox::EndpointRow::State::kGone);
}

TEST(EventSender, retryAfterIsHonouredUpToAnHour) {
  answers = {429, 200};
  retryAfter = "86400";
  tell("r1");
  start();
  expect(1);
  LONGS_EQUAL(relay.clock.wallMs() + 3'600'000, row().pausedUntilMs);
}

TEST(EventSender, whatWasUnderWayIsSentAgainWithTheSameId) {
  tell("r1");
  answers = {0, 200};
  start();
  expect(1);
  stop();
  // As after kill -9: what came of the attempt was not written.
  relay.renewStore();
  relay.clock.advance(std::chrono::minutes{1});
  start();
  expect(2);
  STRCMP_EQUAL(header(seen[0], "webhook-id").c_str(), header(seen[1], "webhook-id").c_str());
}
