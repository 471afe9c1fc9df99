// Reads definitions, right and wrong, and fills secrets in from a source in memory.

#include <map>
#include <string>

#include "agent/vault/Connection.h"
#include "agent/vault/ConnectionStore.h"
#include "common/base/Files.h"
#include "common/json/Json.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::Result;
using belay::vault::ChatConnection;
using belay::json::Value;
using belay::vault::Connection;
using belay::vault::ConnectionStore;
using belay::vault::connectionUrl;
using belay::vault::HttpConnection;
using belay::vault::parseConnection;
using belay::vault::Secret;
using belay::vault::SecretValue;
using belay::test::TempFolder;

namespace {

class MemorySecrets final : public belay::vault::SecretSource {
 public:
  std::map<std::string, std::string, std::less<>> values;

  Result<Secret> secret(std::string_view name) const override {
    const auto found = values.find(name);
    if (found == values.end()) return Error{ErrorCode::kSecretNotFound, std::string(name)};
    return Secret{SecretValue(found->second), 1};
  }
  Result<std::uint64_t> secretVersion(std::string_view name) const override {
    if (values.find(name) == values.end()) return Error{ErrorCode::kSecretNotFound, "none"};
    return std::uint64_t{1};
  }
};

Result<Connection> read(std::string_view json) {
  return parseConnection("api", belay::json::parse(json).value());
}

struct WrongRow {
  const char* json;
  const char* pointer;
};
constexpr WrongRow kWrong[] = {
    {R"({"type":"http","base_url":"https://x","test_path":"x"})", "/connections/api/test_path"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"api_key","secret":"A","header":"Host"}})",
     "/connections/api/auth/header"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"bearer","secret":"A","header":"X"}})",
     "/connections/api/auth/header"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"api_key","secret":"A"},
         "headers":{"x-api-key":{"secret":"B"}}})",
     "/connections/api/auth"},
    {R"([])", "/connections/api"},
    {R"({})", "/connections/api"},
    {R"({"type":"ftp"})", "/connections/api/type"},
    {R"({"type":"http"})", "/connections/api"},
    {R"({"type":"http","base_url":"ftp://x"})", "/connections/api/base_url"},
    {R"({"type":"http","base_url":"https://x/?a=b"})", "/connections/api/base_url"},
    {R"({"type":"http","base_url":"https://x/#f"})", "/connections/api/base_url"},
    {R"({"type":"http","base_url":7})", "/connections/api/base_url"},
    {R"({"type":"http","base_url":"https://x","header":{}})", "/connections/api/header"},
    {R"({"type":"http","base_url":"https://x","headers":[]})", "/connections/api/headers"},
    {R"({"type":"http","base_url":"https://x","headers":{"a b":"c"}})",
     "/connections/api/headers/a b"},
    {R"({"type":"http","base_url":"https://x","headers":{"Host":"c"}})",
     "/connections/api/headers/Host"},
    {R"({"type":"http","base_url":"https://x","headers":{"A":"x\r\ny"}})",
     "/connections/api/headers/A"},
    {R"({"type":"http","base_url":"https://x","headers":{"A":"1","a":"2"}})",
     "/connections/api/headers/a"},
    {R"({"type":"http","base_url":"https://x","headers":{"A":{"secret":"no name"}}})",
     "/connections/api/headers/A"},
    {R"({"type":"http","base_url":"https://x","headers":{"A":{"secret":"-B"}}})",
     "/connections/api/headers/A"},
    {R"({"type":"http","base_url":"https://x","headers":{"A":{"secret":"B","x":1}}})",
     "/connections/api/headers/A/x"},
    {R"({"type":"http","base_url":"https://x","headers":{"Authorization":"Bearer abc"}})",
     "/connections/api/headers/Authorization"},
    {R"({"type":"http","base_url":"https://x","ca_file":"relative"})", "/connections/api/ca_file"},
    {R"({"type":"http","base_url":"https://x","proxy":"http://u:p@proxy:1"})",
     "/connections/api/proxy"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"digest"}})",
     "/connections/api/auth/type"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"bearer"}})",
     "/connections/api/auth/secret"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"bearer","secret":"a.b"}})",
     "/connections/api/auth/secret"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"bearer","secret":"A","user":"u"}})",
     "/connections/api/auth/user"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"bearer","secret":"A","":"u"}})",
     "/connections/api/auth/"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"oauth2","secret":"A","client_id":"i"}})",
     "/connections/api/auth/token_url"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"oauth2","secret":"A","client_id":"i",
         "token_url":"https://t/","scopes":["a b"]}})",
     "/connections/api/auth/scopes/0"},
    {R"({"type":"http","base_url":"https://x","client_cert":"/a.pem"})", "/connections/api"},
    {R"({"type":"http","base_url":"https://x","client_cert":"a.pem","client_key":{"secret":"K"}})",
     "/connections/api/client_cert"},
    {R"({"type":"http","base_url":"https://x","client_cert":"/a.pem","client_key":"K"})",
     "/connections/api/client_key"},
    {R"({"type":"http","base_url":"https://x","addresses":["10.0.0.1/8"]})",
     "/connections/api/addresses/0"},
    {R"({"type":"http","base_url":"https://x","addresses":[]})", "/connections/api/addresses"},
    {R"({"type":"llm"})", "/connections/api"},
    {R"({"type":"llm","api":"x"})", "/connections/api/api"},
    {R"({"type":"llm","api":"openai"})", "/connections/api"},
    {R"({"type":"llm","api":"openai","secret":"K","prices":{"m":{"input":-1}}})",
     "/connections/api/prices/m/input"},
    {R"({"type":"llm","api":"openai","secret":"K","headers":{"Authorization":{"secret":"B"}}})",
     "/connections/api/secret"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"basic","secret":"A"}})",
     "/connections/api/auth"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"basic","secret":"A","user":"a:b"}})",
     "/connections/api/auth/user"},
    {R"({"type":"http","base_url":"https://x","auth":{"type":"bearer","secret":"A"},
         "headers":{"authorization":{"secret":"B"}}})",
     "/connections/api/auth"},
    {R"({"type":"chat"})", "/connections/api"},
    {R"({"type":"chat","url":"https://x","format":"irc"})", "/connections/api/format"},
    {R"({"type":"chat","url":"https://x","format":"slack"})", "/connections/api/url"},
    {R"({"type":"chat","url":"x"})", "/connections/api/url"},
    {R"({"type":"chat","url":"https://x","signing_secret":"A"})",
     "/connections/api/signing_secret"},
    {R"({"type":"chat","url":"https://x","rate_limit":{"max":0,"per":"1s"}})",
     "/connections/api/rate_limit/max"},
    {R"({"type":"http","base_url":"https://x","rate_limit":{"max":1,"per":"2d"}})",
     "/connections/api/rate_limit/per"},
    {R"({"type":"http","base_url":"https://x","rate_limit":{"max":1,"pr":"1s"}})",
     "/connections/api/rate_limit/pr"},
    {R"({"type":"http","base_url":"https://x","rate_limit":5})", "/connections/api/rate_limit"},
    {R"({"type":"chat","url":"https://x","base_url":"https://x"})", "/connections/api/base_url"},
};

}  // namespace

TEST_GROUP(Connection) {
  MemorySecrets secrets;
  const HttpConnection& http(const Result<Connection>& connection) {
    return std::get<HttpConnection>(connection->kind);
  }
};

TEST(Connection, readsAnHttpConnectionWithAllItsKeys) {
  const auto read1 =
      read(R"({"type":"http","base_url":"https://api.test/v1/","ca_file":"/etc/ca.pem",
    "proxy":"http://proxy.test:3128","headers":{"X-Plain":"a","X-Secret":{"secret":"2nd-key"}},
    "auth":{"type":"basic","user":{"secret":"USER"},"secret":"PASSWORD"}})");
  CHECK(read1->type() == "http");
  STRCMP_EQUAL("api.test", http(read1).baseUrl.host.c_str());
  LONGS_EQUAL(2, http(read1).headers.size());
  const std::vector<std::string> names{"2nd-key", "PASSWORD", "USER"};
  CHECK(read1->secretNames() == names);
  LONGS_EQUAL(16, read1->version.size());
}

TEST(Connection, hasALimitWhenItSaysOne) {
  const auto limited =
      read(R"({"type":"http","base_url":"https://x","rate_limit":{"max":10,"per":"1m"}})");
  LONGS_EQUAL(10, limited->rateLimit.max);
  LONGS_EQUAL(60'000, limited->rateLimit.per.count());
  LONGS_EQUAL(0, read(R"({"type":"http","base_url":"https://x"})")->rateLimit.max);
}

TEST(Connection, hasAnotherVersionWhenItsDefinitionChanges) {
  const auto one = read(R"({"type":"http","base_url":"https://x"})");
  const auto same = read(R"({"type":"http","base_url":"https://x"})");
  const auto two = read(R"({"type":"http","base_url":"https://y"})");
  CHECK(one->version == same->version);
  CHECK(one->version != two->version);
}

TEST(Connection, saysWhereADefinitionIsWrong) {
  for (const WrongRow& row : kWrong) {
    const auto result = read(row.json);
    CHECK_FALSE_TEXT(result.ok(), row.json);
    CHECK(result.error().code == ErrorCode::kConnectionInvalid);
    STRCMP_EQUAL_TEXT(row.pointer, result.error().place.pointer.c_str(), row.json);
  }
  const auto misspelt = read(R"({"type":"http","base_ulr":"https://x"})");
  STRCMP_CONTAINS("did you mean base_url?", misspelt.error().message.c_str());
}

TEST(Connection, keepsUrlsBelowItsBase) {
  const auto connection = read(R"({"type":"http","base_url":"https://api.test/v1/"})");
  const auto url = [&](const char* text) { return connectionUrl(http(connection), text); };
  STRCMP_EQUAL("https://api.test/v1/items?x=1", url("/items?x=1")->str().c_str());
  STRCMP_EQUAL("https://api.test/v1/items", url("https://api.test/v1/items")->str().c_str());
  STRCMP_EQUAL("https://api.test/v1", url("https://API.test:443/v1")->str().c_str());
  CHECK(url("/a?next=/../b").ok());
  for (const char* text :
       {"https://api.test/v2/items", "https://api.test/v1items", "https://api.test/",
        "https://evil.test/v1/items", "http://api.test/v1/items", "https://api.test:8443/v1/x",
        "/../v2/items", "/a/%2e%2E/b", "/a/%2e./b", "/a/..", "/a%2f..%2fb",
        "/a%5c..%5cb", "/..;v=1/b", "/a/%2e%2e%3bx/b", "/./a", "relative", "",
        "https://api.test@evil.test/v1/x", "//evil.test\\x", "/a b", "javascript:x"}) {
    CHECK_FALSE_TEXT(url(text).ok(), text);
  }
  STRCMP_EQUAL("api.test", url("//evil.test/x")->host.c_str());
}

TEST(Connection, fillsSecretsInAtTheLastMoment) {
  secrets.values = {{"KEY", "k1"}, {"USER", "me"}, {"PASSWORD", "pw"}};
  const auto connection = read(R"({"type":"http","base_url":"https://x",
    "headers":{"X-Plain":"a","X-Secret":{"secret":"KEY"}},
    "auth":{"type":"basic","user":{"secret":"USER"},"secret":"PASSWORD"}})");
  const auto resolved = belay::vault::resolve(http(connection), secrets);
  LONGS_EQUAL(3, resolved->headers.size());
  CHECK(resolved->headers[0].value.reveal() == "a");
  CHECK(resolved->headers[1].value.reveal() == "k1");
  STRCMP_EQUAL("Authorization", resolved->headers[2].name.c_str());
  CHECK(resolved->headers[2].value.reveal() == "Basic bWU6cHc=");
}

TEST(Connection, bearerTokensGetTheirScheme) {
  secrets.values = {{"TOKEN", "t0ken"}};
  const auto connection =
      read(R"({"type":"http","base_url":"https://x","auth":{"type":"bearer","secret":"TOKEN"}})");
  const auto resolved = belay::vault::resolve(http(connection), secrets);
  CHECK(resolved->headers[0].value.reveal() == "Bearer t0ken");
}

TEST(Connection, apiKeysStandInTheirHeader) {
  secrets.values = {{"KEY", "k3y"}};
  const auto plain =
      read(R"({"type":"http","base_url":"https://x","auth":{"type":"api_key","secret":"KEY"}})");
  const auto resolved = belay::vault::resolve(http(plain), secrets);
  STRCMP_EQUAL("X-API-Key", resolved->headers[0].name.c_str());
  CHECK(resolved->headers[0].value.reveal() == "k3y");
  const auto named = read(
      R"({"type":"http","base_url":"https://x","auth":{"type":"api_key","secret":"KEY","header":"PRIVATE-TOKEN"}})");
  STRCMP_EQUAL("PRIVATE-TOKEN", belay::vault::resolve(http(named), secrets)->headers[0].name.c_str());
}

TEST(Connection, refusesSecretsThatWouldEndALine) {
  secrets.values = {{"TOKEN", "t0ken\n"}};
  for (const char* text :
       {R"({"type":"http","base_url":"https://x","auth":{"type":"bearer","secret":"TOKEN"}})",
        R"({"type":"http","base_url":"https://x","headers":{"X":{"secret":"TOKEN"}}})"}) {
    const auto connection = read(text);
    const auto resolved = belay::vault::resolve(http(connection), secrets);
    CHECK(resolved.error().code == ErrorCode::kConnectionInvalid);
    CHECK(resolved.error().message.find("t0ken") == std::string::npos);
  }
}

TEST(Connection, namesTheSecretThatIsMissing) {
  const auto connection =
      read(R"({"type":"http","base_url":"https://x","auth":{"type":"bearer","secret":"TOKEN"}})");
  const auto resolved = belay::vault::resolve(http(connection), secrets);
  CHECK(resolved.error().code == ErrorCode::kSecretNotFound);
}

TEST(Connection, resolvesChatsWithSecretUrlAndSigningSecret) {
  secrets.values = {
      {"URL", "https://hooks.test/T1/B2/x"}, {"SIGN", "whsec_abc"}, {"BAD", "://sek"}};
  const auto connection = read(
      R"({"type":"chat","format":"slack","url":{"secret":"URL"},"signing_secret":{"secret":"SIGN"}})");
  CHECK(connection->type() == "chat");
  const auto& chat = std::get<ChatConnection>(connection->kind);
  const auto resolved = belay::vault::resolve(chat, secrets);
  CHECK(resolved->url.reveal() == "https://hooks.test/T1/B2/x");
  CHECK(resolved->signingSecret->reveal() == "whsec_abc");
  const auto bad = read(R"({"type":"chat","url":{"secret":"BAD"}})");
  const auto failed = belay::vault::resolve(std::get<ChatConnection>(bad->kind), secrets);
  CHECK(failed.error().message.find("sek") == std::string::npos);
}

TEST_GROUP(ConnectionStore){};

TEST(ConnectionStore, findsByNameAndSuggestsTheNearest) {
  const auto section = belay::json::parse(
      R"({"api":{"type":"http","base_url":"https://x"},"chat":{"type":"chat","url":"https://y"}})");
  const auto store = belay::vault::ConnectionStore::parse(section.value());
  LONGS_EQUAL(2, store->all().size());
  STRCMP_EQUAL("chat", store->find("chat").value()->name.c_str());
  const auto missing = store->find("chats");
  CHECK(missing.error().code == ErrorCode::kConnectionNotFound);
  STRCMP_CONTAINS("did you mean chat?", missing.error().message.c_str());
}

TEST(ConnectionStore, refusesNamesAndSectionsThatCannotBe) {
  const auto parse = [](const char* text) {
    return belay::vault::ConnectionStore::parse(belay::json::parse(text).value());
  };
  CHECK(parse("null").ok());
  CHECK(parse("{}").ok());
  CHECK_FALSE(parse("[]").ok());
  CHECK_FALSE(parse(R"({"Api":{"type":"http","base_url":"https://x"}})").ok());
  CHECK_FALSE(parse(R"({"":{"type":"http","base_url":"https://x"}})").ok());
}

TEST(Connection, aDatabaseIsAFileThatIsReadUnlessItSaysOtherwise) {
  const auto plain = read(R"({"type":"db","file":"/srv/a.db"})");
  CHECK(plain.ok());
  STRCMP_EQUAL("db", std::string(plain->type()).c_str());
  CHECK_FALSE(std::get<belay::vault::DbConnection>(plain->kind).write);
  CHECK(plain->secretNames().empty());
  CHECK(std::get<belay::vault::DbConnection>(
            read(R"({"type":"db","file":"/srv/a.db","write":true})")->kind)
            .write);
  for (const char* wrong :
       {R"({"type":"db"})", R"({"type":"db","file":"a.db"})", R"({"type":"db","file":"/a/../b"})",
        R"({"type":"db","file":"/a/"})", R"({"type":"db","file":"/a//b"})",
        R"({"type":"db","file":"/a","write":"yes"})", R"({"type":"db","file":"/a","url":"x"})"}) {
    CHECK_TEXT(!read(wrong).ok(), wrong);
  }
}
TEST_GROUP(AddedConnections) {
  TempFolder folder;
  const std::string file = folder.at("connections.json");
  const Value settings =
      belay::json::parse(R"({"fixed":{"type":"http","base_url":"https://x"}})").value();
  const Value definition = belay::json::parse(R"({"type":"http","base_url":"https://y"})").value();
  const Value other = belay::json::parse(R"({"type":"http","base_url":"https://z"})").value();
  ConnectionStore open() { return std::move(ConnectionStore::open(settings, file).value()); }
};

TEST(AddedConnections, areThereAgainWhenTheFileIsRead) {
  ConnectionStore store = open();
  const auto made = store.put("api", definition, {77, "uid:1"}, false);
  CHECK_FALSE((*made)->ofSettings);
  const ConnectionStore again = open();
  LONGS_EQUAL(2, again.all().size());
  const auto found = again.find("api").value();
  CHECK(found->version == (*made)->version);
  LONGS_EQUAL(77, found->addedMs);
  STRCMP_EQUAL("uid:1", found->addedBy.c_str());
}

TEST(AddedConnections, whoHoldsOneKeepsItAsItWas) {
  ConnectionStore store = open();
  CHECK(store.put("api", definition, {}, false).ok());
  const auto held = store.find("api").value();
  CHECK(store.put("api", definition, {}, false).error().code == ErrorCode::kConflict);
  CHECK(store.put("api", other, {}, true).ok());
  CHECK(held->version != store.find("api").value()->version);
  CHECK(store.remove("api").ok());
  CHECK(store.find("api").error().code == ErrorCode::kConnectionNotFound);
  CHECK(store.remove("api").error().code == ErrorCode::kConnectionNotFound);
  LONGS_EQUAL(1, open().all().size());
}

TEST(AddedConnections, thoseOfTheSettingsStay) {
  ConnectionStore store = open();
  CHECK(store.put("fixed", definition, {}, true).error().code == ErrorCode::kConflict);
  CHECK(store.remove("fixed").error().code == ErrorCode::kConflict);
  CHECK(store.put("Bad", definition, {}, false).error().code == ErrorCode::kConnectionInvalid);
}

TEST(AddedConnections, aDamagedFileIsNotTakenForAnEmptyOne) {
  for (const char* text : {"", "{}", "[]", R"({"format":"belay-connections","v":2,"connections":{}})",
                           R"({"format":"belay-connections","v":1,"connections":{"a":{}}})",
                           R"({"format":"belay-connections","v":1,"connections":{"a":{"definition":{}}}})"}) {
    CHECK(belay::base::writeFileDurably(file, text, 0600).ok());
    CHECK_FALSE_TEXT(ConnectionStore::open(settings, file).ok(), text);
  }
}

TEST(AddedConnections, aFileThatCannotBeWrittenChangesNothing) {
  auto store = ConnectionStore::open(settings, folder.at("missing/connections.json"));
  CHECK_FALSE(store->put("api", definition, {}, false).ok());
  LONGS_EQUAL(1, store->all().size());
}
