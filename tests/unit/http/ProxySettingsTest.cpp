// Tables of NO_PROXY rules, and environments as maps. What curl, Go and Python agree on must hold
// here too; where they differ the header says what is done.

#include <array>
#include <map>
#include <string>

#include "common/http/ProxySettings.h"

#include <CppUTest/TestHarness.h>

using belay::http::isLoopback;
using belay::http::NoProxy;
using belay::http::parseProxy;
using belay::http::parseUrl;
using belay::http::ProxySettings;

namespace {

struct Row {
  const char* rules;
  const char* host;
  int port;
  bool direct;
};

constexpr std::array<Row, 31> kRows{{
    {"", "a.test", 80, false},
    {"*", "a.test", 80, true},
    {"corp.test", "corp.test", 443, true},
    {"corp.test", "x.corp.test", 443, true},
    {"corp.test", "acorp.test", 443, false},
    {"corp.test", "corp.test.evil.test", 443, false},
    {".corp.test", "corp.test", 443, true},
    {".corp.test", "x.corp.test", 443, true},
    {".corp.test", "acorp.test", 443, false},
    {"*.corp.test", "x.corp.test", 443, true},
    {"Corp.TEST", "x.cORP.test", 443, true},
    {"corp.test.", "corp.test", 443, true},
    {"corp.test", "corp.test.", 443, true},
    {"a.test, b.test", "b.test", 80, true},
    {"a.test b.test", "b.test", 80, true},
    {"a.test:8080", "a.test", 8080, true},
    {"a.test:8080", "a.test", 80, false},
    {"a.test:99999", "a.test", 80, false},
    {"10.0.0.0/8", "10.255.1.2", 80, true},
    {"10.0.0.0/8", "11.0.0.1", 80, false},
    {"10.0.0.0/33", "10.0.0.1", 80, false},
    {"192.0.2.0/25", "192.0.2.127", 80, true},
    {"192.0.2.0/25", "192.0.2.128", 80, false},
    {"0.0.0.0/0", "8.8.8.8", 80, true},
    {"192.0.2.1", "192.0.2.1", 80, true},
    {"192.0.2.1", "192.0.2.10", 80, false},
    {"192.0.2.1:8080", "192.0.2.1", 8080, true},
    {"2001:db8::/32", "2001:db8:1::1", 443, true},
    {"2001:db8::/32", "2001:db9::1", 443, false},
    {"[2001:db8::1]:443", "2001:db8::1", 443, true},
    {"10.0.0.0/8", "10.example.test", 80, false},
}};

belay::base::EnvironmentLookup environmentOf(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

std::string proxyFor(const ProxySettings& settings, const char* url) {
  const auto* proxy = settings.select(*parseUrl(url));
  return proxy == nullptr ? "direct" : proxy->host + ":" + std::to_string(proxy->port);
}

}  // namespace

TEST_GROUP(ProxySettings){};

TEST(ProxySettings, knowsWhichHostsNoProxyMeans) {
  for (const Row& row : kRows) {
    const bool direct = NoProxy(row.rules).matches(row.host, static_cast<std::uint16_t>(row.port));
    CHECK_EQUAL_TEXT(row.direct, direct, (std::string(row.rules) + " / " + row.host).c_str());
  }
}

TEST(ProxySettings, neverProxiesLoopback) {
  auto settings =
      ProxySettings::fromEnvironment(environmentOf({{"all_proxy", "http://p.test:3128"}}));
  for (const char* url : {"http://localhost/", "http://LOCALHOST:81/", "https://127.9.9.9/",
                          "http://[::1]/", "http://x.localhost/"}) {
    STRCMP_EQUAL_TEXT("direct", proxyFor(*settings, url).c_str(), url);
  }
  STRCMP_EQUAL("p.test:3128", proxyFor(*settings, "http://128.0.0.1/").c_str());
  CHECK_FALSE(isLoopback("localhost.test"));
}

TEST(ProxySettings, readsTheLowerCaseNameFirst) {
  auto settings =
      ProxySettings::fromEnvironment(environmentOf({{"https_proxy", "http://low.test:1"},
                                                    {"HTTPS_PROXY", "http://up.test:2"},
                                                    {"NO_PROXY", "b.test"}}));
  STRCMP_EQUAL("low.test:1", proxyFor(*settings, "https://a.test/").c_str());
  STRCMP_EQUAL("direct", proxyFor(*settings, "https://b.test/").c_str());
  STRCMP_EQUAL("direct", proxyFor(*settings, "http://a.test/").c_str());
}

TEST(ProxySettings, neverReadsHttpProxyInUpperCase) {
  auto settings =
      ProxySettings::fromEnvironment(environmentOf({{"HTTP_PROXY", "http://evil.test:1"}}));
  STRCMP_EQUAL("direct", proxyFor(*settings, "http://a.test/").c_str());
}

TEST(ProxySettings, anEmptyLowerCaseNameSwitchesTheUpperCaseOneOff) {
  auto settings = ProxySettings::fromEnvironment(
      environmentOf({{"https_proxy", ""}, {"HTTPS_PROXY", "http://up.test:2"}}));
  STRCMP_EQUAL("direct", proxyFor(*settings, "https://a.test/").c_str());
}

TEST(ProxySettings, decodesUserAndPasswordForBasicAuthentication) {
  auto proxy = parseProxy("http://us%20er:p%40ss%3A@p.test:3128/");
  CHECK(proxy.ok());
  STRCMP_EQUAL("us er", proxy->user.c_str());
  STRCMP_EQUAL("p@ss:", proxy->password.c_str());
  STRCMP_EQUAL("Basic dXMgZXI6cEBzczo=", proxy->authorization().c_str());
}

TEST(ProxySettings, refusesProxiesThatItCannotUseWithoutShowingTheirPassword) {
  for (const char* text :
       {"socks5://u:secret@p.test:1080", "https://u:secret@p.test:443", "http://u:secret@p.test",
        "http://u:sec%ret@p.test:1", "http://u:secret@p test:1", "http://u:secret@:1"}) {
    auto proxy = parseProxy(text);
    CHECK_FALSE_TEXT(proxy.ok(), text);
    CHECK_TEXT(proxy.error().message.find("sec") == std::string::npos, text);
  }
}

TEST(ProxySettings, namesTheVariableThatIsWrong) {
  auto settings =
      ProxySettings::fromEnvironment(environmentOf({{"ALL_PROXY", "socks5://p.test:1080"}}));
  CHECK_FALSE(settings.ok());
  STRCMP_CONTAINS("all_proxy", settings.error().message.c_str());
}
