// Tables of URLs that are read, refused and resolved. Refused is what two readers could understand
// differently, above all spellings of addresses that hide where a request goes.

#include <array>
#include <string>
#include <string_view>

#include "common/http/Url.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::http::parseUrl;
using belay::http::resolveReference;

namespace {

struct Good {
  const char* text;
  const char* host;
  int port;
  const char* target;
  const char* shown;
};

constexpr std::array<Good, 9> kGood{{
    {"http://a.test", "a.test", 80, "/", "http://a.test/"},
    {"HTTPS://A.Test:443/x?y=%2f#part", "a.test", 443, "/x?y=%2f", "https://a.test/x?y=%2f"},
    {"https://a.test:8443?q", "a.test", 8443, "/?q", "https://a.test:8443/?q"},
    {"http://192.0.2.7:8080/", "192.0.2.7", 8080, "/", "http://192.0.2.7:8080/"},
    {"http://[::1]:81/a%2Fb", "::1", 81, "/a%2Fb", "http://[::1]:81/a%2Fb"},
    {"https://xn--bcher-kva.test/", "xn--bcher-kva.test", 443, "/", "https://xn--bcher-kva.test/"},
    {"http://a_b-c.test./", "a_b-c.test.", 80, "/", "http://a_b-c.test./"},
    {"http://localhost/%20", "localhost", 80, "/%20", "http://localhost/%20"},
    {"http://a/?q[]=1", "a", 80, "/?q[]=1", "http://a/?q[]=1"},
}};

constexpr std::array<const char*, 37> kBad{{
    "",
    "a.test",
    "//a.test/",
    "ftp://a.test/",
    "file:///etc/passwd",
    "http:/a.test",
    "http://",
    "http:///path",
    "http://user@a.test/",
    "http://user:pass@a.test/",
    "http://a.test@b.test/",
    "http://a.test\\@b.test/",
    "http://a.test:/",
    "http://a.test:0/",
    "http://a.test:65536/",
    "http://a.test:80:80/",
    "http://a.test:8a/",
    "http://b\xC3\xBC"
    "cher.test/",
    "http://a.test/\xC3\xBC",
    "http://a.test/a b",
    "http://a.test/a\r\nX: y",
    "http://a.test/%",
    "http://a.test/%g0",
    "http://a..test/",
    "http://.a.test/",
    "http://-a.test/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://0177.0.0.1/",
    "http://1.2.3.4.5/",
    "http://127.0.0.1./",
    "http://[::1/",
    "http://[127.0.0.1]/",
    "http://[fe80::1%25eth0]/",
    "http://a.test/<x>",
}};

struct Reference {
  const char* reference;
  const char* expected;
};

// RFC 3986 §5.4, as far as http goes.
constexpr std::array<Reference, 20> kReferences{{
    {"g", "http://a/b/c/g"},
    {"./g", "http://a/b/c/g"},
    {"g/", "http://a/b/c/g/"},
    {"/g", "http://a/g"},
    {"//g", "http://g/"},
    {"?y", "http://a/b/c/d;p?y"},
    {"g?y", "http://a/b/c/g?y"},
    {"#s", "http://a/b/c/d;p?q"},
    {"g#s", "http://a/b/c/g"},
    {";x", "http://a/b/c/;x"},
    {"", "http://a/b/c/d;p?q"},
    {".", "http://a/b/c/"},
    {"..", "http://a/b/"},
    {"../g", "http://a/b/g"},
    {"../..", "http://a/"},
    {"../../../g", "http://a/g"},
    {"/./g", "http://a/g"},
    {"g;x=1/../y", "http://a/b/c/y"},
    {"https://h.test:444/x", "https://h.test:444/x"},
    {"g?y/../x", "http://a/b/c/g?y/../x"},
}};

}  // namespace

TEST_GROUP(Url){};

TEST(Url, takesApartWhatIsWellFormed) {
  for (const Good& row : kGood) {
    auto url = parseUrl(row.text);
    CHECK_TEXT(url.ok(), row.text);
    STRCMP_EQUAL(row.host, url->host.c_str());
    LONGS_EQUAL(row.port, url->port);
    STRCMP_EQUAL(row.target, url->target.c_str());
    STRCMP_EQUAL(row.shown, url->str().c_str());
  }
}

TEST(Url, refusesWhatCouldBeReadInTwoWays) {
  for (const char* text : kBad) {
    auto url = parseUrl(text);
    CHECK_FALSE_TEXT(url.ok(), text);
    CHECK_TEXT(url.error().code == ErrorCode::kUrlInvalid, text);
  }
}

TEST(Url, noMessageHasAPassword) {
  for (const char* text : {"https://ada:hidden@h.test/x", "https://ada:hid\"den@h.test/",
                           "ftp://ada:hidden@h.test/", "https://ada:hid/den@h.test/?a=@"}) {
    const auto url = parseUrl(text);
    CHECK_FALSE_TEXT(url.ok(), text);
    CHECK_TEXT(url.error().message.find("den") == std::string::npos, url.error().message.c_str());
    STRCMP_CONTAINS("…@h.test/", url.error().message.c_str());
  }
}

TEST(Url, saysHowToWriteAHostThatIsNotAscii) {
  auto url = parseUrl(
      "http://b\xC3\xBC"
      "cher.test/");
  CHECK_FALSE(url.ok());
  STRCMP_CONTAINS("xn--", url.error().message.c_str());
}

TEST(Url, resolvesReferencesAsTheStandardDoes) {
  const auto base = parseUrl("http://a/b/c/d;p?q");
  for (const Reference& row : kReferences) {
    auto url = resolveReference(*base, row.reference);
    CHECK_TEXT(url.ok(), row.reference);
    STRCMP_EQUAL_TEXT(row.expected, url->str().c_str(), row.reference);
  }
}

TEST(Url, neverResolvesToAnotherScheme) {
  const auto base = parseUrl("http://a/");
  CHECK_FALSE(resolveReference(*base, "javascript:alert(1)").ok());
  CHECK_FALSE(resolveReference(*base, "file:///etc/passwd").ok());
}

TEST(Url, tellsOriginsApartBySchemeHostAndPort) {
  const auto a = parseUrl("https://a.test/x");
  CHECK(a->sameOrigin(*parseUrl("https://A.test:443/y")));
  CHECK_FALSE(a->sameOrigin(*parseUrl("http://a.test:443/")));
  CHECK_FALSE(a->sameOrigin(*parseUrl("https://a.test:444/")));
  CHECK_FALSE(a->sameOrigin(*parseUrl("https://b.a.test/")));
}
