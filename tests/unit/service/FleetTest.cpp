// Starts on their way to hosts, and what the fleet offers: kept, passed on, and told to those who
// may know it. Nothing of it is believed or opened here.

#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/statement/Offer.h"
#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::RelayFixture;

TEST_GROUP(Fleet) {
  RelayFixture relay;
  std::string session, starter, overseer;
  int seq = 0;
  const std::string name = crypto::sha256("start").hex();

  void setup() override {
    session = relay.session(relay.key);
    starter = relay.newToken("starter");
    overseer = relay.newToken("operator");
  }
  std::string host() const { return relay.key.publicKey().thumbprint(); }
  RelayFixture::Answer say(const std::string& kind, const json::Value& body) {
    return relay.hand(session, "[{\"seq\":" + std::to_string(++seq) + ",\"kind\":\"" + kind +
                                   "\",\"body\":" + json::print(body) + "}]");
  }
  RelayFixture::Answer get(const std::string& target, const std::string& token) {
    return relay.ask("GET", target, "", RelayFixture::bearer(token));
  }
  json::Value start(const std::string& digest, const std::string& sealed = "{}") {
    json::Value body;
    body.set("host", host()).set("start", digest).set("lasts_ms", 60'000).set("sealed", sealed);
    return body;
  }
  RelayFixture::Answer handIn(const json::Value& body) {
    return relay.ask("POST", "/v1/starts", json::print(body), RelayFixture::bearer(starter));
  }
  std::size_t waiting() { return relay.poll(session).data.find("messages")->asArray().size(); }
  statement::Offer offer(std::size_t flows = 1) {
    statement::Offer out;
    out.fleet = crypto::sha256("fleet");
    out.host = host();
    out.epoch = "1.x";
    out.createdMs = relay.clock.wallMs();
    for (std::size_t i = 0; i < flows; ++i) {
      out.flows.push_back({"flow-" + std::to_string(i), crypto::sha256("r"), 3, true, {}});
    }
    return out;
  }
  RelayFixture::Answer tell(const statement::Offer& what) {
    json::Value body;
    body.set("statement", statement::signJws(relay.key, statement::Offer::kTyp, what.print()));
    return say("offer", body);
  }
};

TEST(Fleet, aStartIsPassedOnUntilItHasAReceipt) {
  const auto taken = handIn(start(name, "one"));
  LONGS_EQUAL(202, taken.status);
  CHECK(!taken.data.flag("existing"));
  const auto messages = relay.poll(session).data.find("messages")->asArray();
  LONGS_EQUAL(1, messages.size());
  STRCMP_EQUAL("start", messages[0].text("kind").c_str());
  STRCMP_EQUAL("one", messages[0].find("body")->text("sealed").c_str());
  STRCMP_EQUAL(name.c_str(), messages[0].find("body")->text("start").c_str());
  STRCMP_EQUAL("", get("/v1/starts/" + name, starter).data.text("receipt").c_str());
  // Nobody here knows whether it is the same: the host has to say.
  CHECK(!handIn(start(name, "two")).data.flag("existing"));
  LONGS_EQUAL(2, waiting());
  json::Value body;
  body.set("start", name).set("statement", "a.b.c");
  LONGS_EQUAL(0, say("start_receipt", body).data.find("refused")->asArray().size());
  STRCMP_EQUAL("a.b.c", get("/v1/starts/" + name, starter).data.text("receipt").c_str());
  CHECK(handIn(start(name, "three")).data.flag("existing"));
  LONGS_EQUAL(2, waiting());
}

TEST(Fleet, whatIsNoStartIsRefused) {
  LONGS_EQUAL(404, get("/v1/starts/" + name, starter).status);
  STRCMP_EQUAL("BLY-RELAY-START", get("/v1/starts/" + name, starter).code.c_str());
  json::Value body = start(name);
  body.set("host", "A");
  STRCMP_EQUAL("BLY-RELAY-HOST", handIn(body).code.c_str());
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", handIn(start("no digest")).code.c_str());
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", handIn(start(name, "")).code.c_str());
  body = start(name);
  body.set("more", 1);
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", handIn(body).code.c_str());
  LONGS_EQUAL(0, waiting());
}

TEST(Fleet, startsAreBounded) {
  relay.settings.startsMax = 2;
  LONGS_EQUAL(202, handIn(start(crypto::sha256("1").hex())).status);
  LONGS_EQUAL(202, handIn(start(crypto::sha256("2").hex())).status);
  STRCMP_EQUAL("BLY-RELAY-QUOTA", handIn(start(crypto::sha256("3").hex())).code.c_str());
  for (int i = 0; i < 15; ++i) LONGS_EQUAL(202, handIn(start(crypto::sha256("1").hex())).status);
  STRCMP_EQUAL("BLY-RELAY-QUOTA", handIn(start(crypto::sha256("1").hex())).code.c_str());
}

TEST(Fleet, whatAHostOffersIsListedWithItsAge) {
  LONGS_EQUAL(0, get("/v1/flows", overseer).data.find("flows")->asArray().size());
  LONGS_EQUAL(0, tell(offer(2)).data.find("refused")->asArray().size());
  relay.clock.advance(std::chrono::seconds{90});
  const auto listed = get("/v1/flows", starter).data;
  const auto& flows = listed.find("flows")->asArray();
  LONGS_EQUAL(2, flows.size());
  STRCMP_EQUAL("flow-0", flows[0].text("flow").c_str());
  STRCMP_EQUAL(host().c_str(), flows[0].text("host").c_str());
  STRCMP_EQUAL("web-1", flows[0].text("label").c_str());
  LONGS_EQUAL(3, flows[0].integer("pin"));
  CHECK(flows[0].flag("startable"));
  CHECK(!flows[0].text("as_of").empty() && !flows[0].text("offered_at").empty());
  LONGS_EQUAL(1, get("/v1/flows?flow=flow-1", overseer).data.find("flows")->asArray().size());
  LONGS_EQUAL(0, get("/v1/flows?flow=x", overseer).data.find("flows")->asArray().size());
  const auto shown = get("/v1/hosts/web-1", starter).data;
  STRCMP_EQUAL(host().c_str(), shown.text("host").c_str());
  CHECK(shown.find("host_key") && !shown.text("offer").empty());
  const auto hosts = get("/v1/hosts", overseer).data;
  LONGS_EQUAL(2, hosts.find("hosts")->asArray()[0].integer("flows"));
  // It takes the place of the one before.
  tell(offer(0));
  LONGS_EQUAL(0, get("/v1/flows", overseer).data.find("flows")->asArray().size());
  STRCMP_EQUAL("BLY-RELAY-HOST", get("/v1/hosts/nobody", overseer).code.c_str());
}

TEST(Fleet, aHostIsConnectedWhileItsPollWaits) {
  const auto seen = [this] { return get("/v1/hosts/web-1", starter).data; };
  // A session alone is no poll.
  CHECK(!seen().flag("connected"));
  auto parked =
      relay.send("POST", "/v1/poll", "{\"ack\":0,\"wait_s\":50}", RelayFixture::bearer(session));
  CHECK(!relay.answerOf(parked).has_value());
  const std::string polled = base::formatInstant(relay.clock.wallMs());
  relay.clock.advance(std::chrono::seconds{40});
  CHECK(seen().flag("connected"));
  STRCMP_EQUAL(polled.c_str(), seen().text("seen_at").c_str());
  // Its connection is gone, and was heard no later than that.
  parked.port->close();
  CHECK(!seen().flag("connected"));
  STRCMP_EQUAL(polled.c_str(), seen().text("seen_at").c_str());
  // What it hands in is heard too; between two polls it is there for a moment.
  LONGS_EQUAL(0, waiting());
  CHECK(seen().flag("connected"));
  relay.clock.advance(std::chrono::seconds{5});
  tell(offer(1));
  STRCMP_EQUAL(base::formatInstant(relay.clock.wallMs()).c_str(), seen().text("seen_at").c_str());
  relay.clock.advance(std::chrono::seconds{11});
  CHECK(!seen().flag("connected"));
}

TEST(Fleet, aHostOffersForItselfAlone) {
  statement::Offer other = offer();
  other.host = std::string(43, 'A');
  LONGS_EQUAL(1, tell(other).data.find("refused")->asArray().size());
  json::Value body;
  body.set("statement", "none");
  LONGS_EQUAL(1, say("offer", body).data.find("refused")->asArray().size());
  LONGS_EQUAL(0, get("/v1/flows", overseer).data.find("flows")->asArray().size());
}

TEST(Fleet, pagesGoOnBehindTheLastHost) {
  for (int i = 0; i < 4; ++i) {
    const auto key = crypto::P256PrivateKey::generate(relay.random);
    relay.session(key);
  }
  std::string after;
  std::size_t seen = 0;
  for (int page = 0; page < 3; ++page) {
    const auto data =
        get("/v1/hosts?limit=2" + (after.empty() ? "" : "&after=" + after), overseer).data;
    seen += data.find("hosts")->asArray().size();
    after = data.text("next");
  }
  LONGS_EQUAL(5, seen);
  STRCMP_EQUAL("", after.c_str());
  STRCMP_EQUAL("BLY-CONFLICT", get("/v1/hosts/web-1", overseer).code.c_str());
}

TEST(Fleet, oneTokenIsCountedByItself) {
  relay.settings.rateStarter = relay.settings.rateFleet = 6;
  for (int i = 0; i < 2; ++i) LONGS_EQUAL(404, get("/v1/starts/" + name, starter).status);
  LONGS_EQUAL(429, get("/v1/starts/" + name, starter).status);
  LONGS_EQUAL(404, get("/v1/starts/" + name, relay.newToken("starter")).status);
  // Looking at the fleet is counted apart.
  LONGS_EQUAL(200, get("/v1/hosts", starter).status);
}
