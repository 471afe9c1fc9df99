// A host with schedules, webhooks and callbacks, and its relay, which cannot reach each other for a
// week and for 400 days, whose clocks differ by years, and who lose power meanwhile: nothing that
// was acknowledged is lost, and nothing happens twice.

#include <map>

#include "agent/link/RelayClient.h"
#include "common/base/Text.h"
#include "common/crypto/Hmac.h"
#include "common/json/Writer.h"
#include "common/wire/CallbackProof.h"
#include "common/wire/Protocol.h"
#include "tests/support/TestScheduler.h"
#include "tests/unit/link/LinkOfHost.h"
#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using namespace belay;
using test::LinkOfHost;
using test::RelayFixture;
using test::TestScheduler;
using test::TestSecrets;

namespace {

constexpr std::chrono::hours kDay{24};
constexpr std::chrono::hours kTwoYears{2 * 365 * 24};

/// The calls of a host's link, made by hand: what Link does in threads, over a cable that can be
/// pulled.
class Cable {
 public:
  Cable(TestScheduler& on, RelayFixture& relay, std::unique_ptr<link::LinkPart>& part)
      : on_(on),
        relay_(relay),
        part_(part),
        client_([this](const http::ClientRequest& request) { return carry(request); }, nullptr) {}

  void enrol() {
    const auto identity = client_.enrol(relay_.settings.url, relay_.newToken("host"),
                                        on_.host.hostKey.publicKey(), "web-1");
    CHECK(identity.ok());
    CHECK(on_.host.tell([&](runtime::Runtime&) { return part_->enrolled(*identity); }).ok());
  }
  /// A session, in which all goes that there is in both directions. False: there was none.
  bool connect() {
    link::SessionFacts facts;
    facts.epoch = "e1";
    facts.number = ++sessions_;
    facts.sent = standing().sent;
    const auto grant = client_.openSession(relay_.settings.url, on_.host.hostKey, facts);
    if (!grant.ok()) return false;
    CHECK(on_.host
              .tell([&](runtime::Runtime&) {
                return part_->sessionOpened(relay_.settings.url, grant->received);
              })
              .ok());
    bearer_ = grant->bearer;
    // What is handed in may bring more, and the other way round.
    for (bool more = true; more;) {
      more = handAll();
      more = takeAll() || more;
    }
    return true;
  }
  link::Standing standing() {
    link::Standing out;
    CHECK(on_.host
              .tell([&](runtime::Runtime&) -> base::Status {
                BELAY_ASSIGN(out, part_->standing());
                return {};
              })
              .ok());
    return out;
  }

  bool pulled = false;

 private:
  http::ClientOutcome carry(const http::ClientRequest& request) {
    if (pulled) {
      return http::ClientFailure{{base::ErrorCode::kConnect, "the cable is pulled"}, false, {}};
    }
    const auto answer = relay_.ask(request.method, request.url.substr(relay_.settings.url.size()),
                                   request.body, request.headers);
    http::ClientResponse response;
    response.status = answer.status;
    response.headers = answer.headers;
    response.body = answer.text;
    return http::ClientOutcome(std::move(response));
  }
  bool handAll() {
    bool any = false;
    while (true) {
      std::vector<journal::OutboxRow> rows;
      CHECK(on_.host
                .tell([&](runtime::Runtime&) -> base::Status {
                  BELAY_ASSIGN(rows, part_->outbox());
                  return {};
                })
                .ok());
      if (rows.empty()) return any;
      std::string batch;
      json::Writer writer(batch);
      writer.beginArray();
      for (const journal::OutboxRow& row : rows) {
        writer.beginObject().member("seq", row.seq).member("kind", row.kind);
        writer.rawMember("body", row.body).endObject();
      }
      writer.endArray();
      const auto handed = client_.hand(relay_.settings.url, bearer_, batch);
      CHECK(handed.ok());
      LONGS_EQUAL(0, handed->refused.size());
      LONGS_EQUAL(rows.back().seq, handed->acknowledged);
      CHECK(on_.host
                .tell([&](runtime::Runtime&) {
                  return part_->handed(relay_.settings.url, handed->acknowledged);
                })
                .ok());
      any = true;
    }
  }
  bool takeAll() {
    bool any = false;
    while (true) {
      auto messages = client_.poll(relay_.settings.url, bearer_, standing().received, 0s);
      CHECK(messages.ok());
      if (messages->empty()) return any;
      std::vector<link::Inbox::Prepared> prepared;
      for (link::Incoming& each : *messages) {
        prepared.push_back(link::Inbox::prepare(std::move(each), {}, {}, {}));
      }
      CHECK(on_.host
                .tell([&](runtime::Runtime&) { return part_->take(relay_.settings.url, prepared); })
                .ok());
      any = true;
    }
  }

  TestScheduler& on_;
  RelayFixture& relay_;
  std::unique_ptr<link::LinkPart>& part_;
  link::RelayClient client_;
  std::string bearer_;
  std::int64_t sessions_ = 0;
};

}  // namespace

TEST_GROUP(Offline) {
  TestScheduler on;
  RelayFixture relay;
  LinkOfHost ours{TestSecrets("hook", "key")};
  Cable cable{on, relay, ours.part};
  std::map<std::string, std::string> runOf;  ///< By wait.

  void setup() override {
    on.host.extend = [this, before = on.host.extend] {
      before();
      ours.attach(on.host);
    };
    on.host.boot();
    cable.enrol();
  }

  /// Time passes for both.
  void pass(std::chrono::milliseconds time) {
    on.pass(time);
    relay.clock.advance(time);
    relay.step();
  }
  /// A run that waits for a callback for so long; the wait.
  std::string waitFor(const std::string& howLong) {
    const base::RunId run = on.host.start(
        "slug: c\nsteps:\n  - id: w\n    wait: {callback: {}, timeout: " + howLong +
        "}\noutput: {body: '${{ steps.w.output.body }}'}\n");
    const std::string wait = waitOf(run);
    runOf[wait] = run.str();
    return wait;
  }
  std::string waitOf(const base::RunId& run) {
    const auto waits = on.host.journal->waits({});
    for (const journal::WaitRow& row : *waits) {
      if (row.run == run) return row.id.str();
    }
    FAIL("the run waits for nothing");
    return "";
  }
  std::string statusOf(const std::string& wait) {
    return on.host.status(*base::RunId::parse(runOf[wait]));
  }
  int answer(const std::string& wait, const std::string& body) {
    return relay
        .ask("POST", "/c/" + LinkOfHost::routeOf(wait), body,
             {{"Belay-Timestamp", "1700000000"},
              {"Belay-Signature", wire::signCallback(LinkOfHost::tokenOf(wait), wait, "1700000000", body)}})
        .status;
  }
  int push(const std::string& body) {
    return relay
        .ask("POST", "/h/" + on.host.hostKey.publicKey().thumbprint() + "/ci.push", body,
             {{"X-Hub-Signature-256", "sha256=" + crypto::hmacSha256("key", body).hex()}})
        .status;
  }
  void webhook() {
    CHECK(on.promote("ci", "  - webhook: push\n    auth: {type: hmac-sha256, secret: hook}\n").ok());
  }
  std::size_t runsOf(const std::string& slug) {
    std::size_t count = 0;
    for (const journal::RunRow& row : on.runs()) count += row.slug == slug;
    return count;
  }
};

TEST(Offline, aWeekWithoutTheCableKeepsTheTimesAndLosesNothing) {
  CHECK(on.promote("hourly", "  - schedule: '0 * * * *'\n").ok());
  webhook();
  const std::string wait = waitFor("30d");
  CHECK(cable.connect());
  cable.pulled = true;
  for (int day = 0; day < 7; ++day) {
    CHECK(!cable.connect());
    for (int each = 0; each < 10; ++each) {
      LONGS_EQUAL(202, push("{\"n\":" + std::to_string(day * 10 + each) + "}"));
    }
    pass(kDay);
  }
  LONGS_EQUAL(202, answer(wait, "{\"late\":true}"));
  LONGS_EQUAL(7 * 24, runsOf("hourly"));
  LONGS_EQUAL(0, runsOf("ci"));
  cable.pulled = false;
  CHECK(cable.connect());
  LONGS_EQUAL(70, runsOf("ci"));
  STRCMP_EQUAL("succeeded", statusOf(wait).c_str());
  // The relay is told, and what was taken is not taken again.
  pass(1min);
  CHECK(cable.connect());
  LONGS_EQUAL(410, answer(wait, "{\"later\":true}"));
  LONGS_EQUAL(70, runsOf("ci"));
}

TEST(Offline, aRelayThatWasAwayForAWeekHearsOfWhatIsStillOpen) {
  CHECK(cable.connect());
  cable.pulled = true;
  std::vector<std::string> waits;
  for (int day = 0; day < 7; ++day) {
    // Each day one that ends within it, and one that is still open in the end.
    waits.push_back(waitFor("1h"));
    waits.push_back(waitFor("30d"));
    pass(kDay);
  }
  for (const std::string& wait : waits) LONGS_EQUAL(410, answer(wait, "{}"));
  cable.pulled = false;
  CHECK(cable.connect());
  for (std::size_t i = 0; i < waits.size(); ++i) {
    LONGS_EQUAL(i % 2 == 0 ? 410 : 202, answer(waits[i], "{}"));
  }
  CHECK(cable.connect());
  for (std::size_t i = 0; i < waits.size(); ++i) {
    STRCMP_EQUAL(i % 2 == 0 ? "failed" : "succeeded", statusOf(waits[i]).c_str());
  }
}

TEST(Offline, fourHundredDaysWithPowerCuts) {
  CHECK(on.promote("daily", "  - schedule: '0 3 * * *'\n").ok());
  webhook();
  const std::string longest = waitFor("500d");
  const std::string shorter = waitFor("100d");
  CHECK(cable.connect());
  cable.pulled = true;
  for (int day = 0; day < 400; ++day) {
    if (day % 40 == 0) {
      LONGS_EQUAL(202, push("{\"day\":" + std::to_string(day) + "}"));
      on.host.cutPower(static_cast<std::uint64_t>(day) + 1);
    }
    pass(kDay);
  }
  LONGS_EQUAL(202, answer(longest, "{\"at\":\"last\"}"));
  LONGS_EQUAL(410, answer(shorter, "{}"));
  STRCMP_EQUAL("failed", statusOf(shorter).c_str());
  LONGS_EQUAL(400, runsOf("daily"));
  cable.pulled = false;
  CHECK(cable.connect());
  STRCMP_EQUAL("succeeded", statusOf(longest).c_str());
  LONGS_EQUAL(10, runsOf("ci"));
  // What was processed stays processed when power fails right after it.
  on.host.cutPower(7);
  CHECK(cable.connect());
  LONGS_EQUAL(10, runsOf("ci"));
}

TEST(Offline, aClockThatIsYearsWrongChangesNothing) {
  for (const std::chrono::hours wrong : {-kTwoYears, 2 * kTwoYears, -kTwoYears}) {
    on.host.clock.jumpWall(wrong);
    CHECK(cable.connect());
    const std::string answered = waitFor("2h");
    const std::string ended = waitFor("2h");
    CHECK(cable.connect());
    pass(1h);
    LONGS_EQUAL(202, answer(answered, "{}"));
    CHECK(cable.connect());
    STRCMP_EQUAL("succeeded", statusOf(answered).c_str());
    STRCMP_EQUAL("waiting", statusOf(ended).c_str());
    pass(2h);
    STRCMP_EQUAL("failed", statusOf(ended).c_str());
    CHECK(cable.connect());
    LONGS_EQUAL(410, answer(ended, "{}"));
  }
}

TEST(Offline, aClockThatIsSetWhileACallbackIsOpenTakesNothingFromIt) {
  const std::string wait = waitFor("10d");
  CHECK(cable.connect());
  on.host.clock.jumpWall(kTwoYears);
  // A relay that has forgotten is told again, by a clock that says that all is over.
  const auto told = on.host.tell(
      [&](runtime::Runtime&) { return ours.part->sessionOpened(relay.settings.url, 0); });
  CHECK(told.ok());
  CHECK(cable.connect());
  LONGS_EQUAL(202, answer(wait, "{}"));
  CHECK(cable.connect());
  STRCMP_EQUAL("succeeded", statusOf(wait).c_str());
}
