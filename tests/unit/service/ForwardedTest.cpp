// Who asks, behind balancers that are trusted and people who would like to be somebody else.

#include "relay/service/Forwarded.h"
#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using service::Forwarded;
using service::Settings;

TEST_GROUP(Forwarded) {
  Settings settings;

  void setup() override { settings.trustedProxies = {"10.0.0.0/8", "2001:db8::1"}; }

  std::string clientOf(const char* peer, std::initializer_list<const char*> fields) {
    http::ServerRequest request;
    request.peer.address = peer;
    for (const char* field : fields) request.headers.add("X-Forwarded-For", field);
    return Forwarded(settings).clientOf(request);
  }
  bool admitted(const char* peer) {
    http::ServerRequest request;
    request.peer.address = peer;
    return Forwarded(settings).admit(request).ok();
  }
};

TEST(Forwarded, whatABalancerSaysCounts) {
  STRCMP_EQUAL("192.0.2.7", clientOf("10.1.2.3:4000", {"192.0.2.7"}).c_str());
  STRCMP_EQUAL("192.0.2.7", clientOf("[2001:db8::1]:4000", {"192.0.2.7"}).c_str());
  STRCMP_EQUAL("192.0.2.7", clientOf("[::ffff:10.1.2.3]:4000", {"192.0.2.7"}).c_str());
  STRCMP_EQUAL("2001:db8::9", clientOf("10.1.2.3:4000", {"2001:db8::9"}).c_str());
  STRCMP_EQUAL("10.1.2.3", clientOf("10.1.2.3:4000", {}).c_str());
}

TEST(Forwarded, whatOthersSayDoesNot) {
  STRCMP_EQUAL("192.0.2.1", clientOf("192.0.2.1:4000", {"192.0.2.7"}).c_str());
  STRCMP_EQUAL("2001:db8::2", clientOf("[2001:db8::2]:4000", {"192.0.2.7"}).c_str());
  // What the client has written stands in front of what the balancer has.
  STRCMP_EQUAL("192.0.2.7", clientOf("10.1.2.3:4000", {"198.51.100.1, 192.0.2.7"}).c_str());
  STRCMP_EQUAL("192.0.2.7", clientOf("10.1.2.3:4000", {"198.51.100.1", "192.0.2.7"}).c_str());
  // Through two balancers.
  STRCMP_EQUAL("192.0.2.7", clientOf("10.1.2.3:4000", {"6.6.6.6, 192.0.2.7, 10.9.9.9"}).c_str());
  // What is no address ends it.
  STRCMP_EQUAL("10.1.2.3", clientOf("10.1.2.3:4000", {"192.0.2.7, unknown"}).c_str());
  STRCMP_EQUAL("10.1.2.3", clientOf("10.1.2.3:4000", {""}).c_str());
  settings.trustedProxies.clear();
  STRCMP_EQUAL("10.1.2.3", clientOf("10.1.2.3:4000", {"192.0.2.7"}).c_str());
}

TEST(Forwarded, plainHttpIsForBalancersAndThisMachine) {
  CHECK(admitted("192.0.2.1:1"));
  settings.tlsMode = "off-beyond-loopback";
  CHECK(!admitted("192.0.2.1:1"));
  CHECK(admitted("10.1.2.3:1"));
  CHECK(admitted("127.0.0.1:1"));
  CHECK(admitted("[::1]:1"));
}

TEST(Forwarded, plainHttpStaysOnThisMachineUnlessItIsSaidAloud) {
  settings.tlsMode = "off";
  for (const char* here : {"127.0.0.1:80", "[::1]:80"}) {
    settings.address = here;
    CHECK_TEXT(service::checkPlain(settings).ok(), here);
  }
  for (const char* far : {"0.0.0.0:80", "[::]:80", "192.0.2.1:80", "nonsense"}) {
    settings.address = far;
    CHECK_TEXT(!service::checkPlain(settings).ok(), far);
  }
  settings.tlsMode = "off-beyond-loopback";
  CHECK(service::checkPlain(settings).ok());
}

TEST(Forwarded, blocksAreReadStrictly) {
  for (const char* good : {"10.0.0.0/8", "192.0.2.1", "::1", "2001:db8::/32", "0.0.0.0/0"}) {
    CHECK_TEXT(service::isAddressBlock(good), good);
  }
  for (const char* bad : {"", "*", "example.org", "10.0.0.0/33", "10.0.0/8", "::1/129", "1.2.3.4/",
                          "10.0.0.0/8/8", "10.0.0.0/-1"}) {
    CHECK_TEXT(!service::isAddressBlock(bad), bad);
  }
}

TEST(Forwarded, ratesCountWhoStandsBehindTheBalancer) {
  test::RelayFixture relay;
  relay.settings.ratePublic = 6;
  relay.settings.trustedProxies = {"192.0.2.0/24"};
  relay.table = service::makeRouteTable(*relay.context);
  const auto ask = [&](const char* client) {
    return relay.ask("GET", "/healthz", "", http::Headers{{"X-Forwarded-For", client}}).status;
  };
  for (int i = 0; i < 2; ++i) LONGS_EQUAL(200, ask("198.51.100.1"));
  LONGS_EQUAL(429, ask("198.51.100.1"));
  LONGS_EQUAL(429, ask("203.0.113.5, 198.51.100.1"));
  LONGS_EQUAL(200, ask("198.51.100.2"));
}
