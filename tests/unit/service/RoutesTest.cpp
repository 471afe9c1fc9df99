// Walks over the one table: each route is asked with each kind of credential, and only the right
// one passes. What is not in the table is not there.

#include <map>
#include <set>

#include "tests/unit/service/RelayFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using service::RouteRow;
using test::RelayFixture;

namespace {

/// What is asked for, with something in the place of each {name}.
std::string targetOf(const RouteRow& row) {
  std::string out;
  for (const std::string_view part : base::split(row.pattern.substr(1), '/')) {
    out += "/" + (part.starts_with('{') ? std::string("x.y") : std::string(part));
  }
  return out;
}

bool passes(int status) { return status != 401 && status != 403 && status != 409; }

}  // namespace

TEST_GROUP(Routes) {
  RelayFixture relay;
  std::map<std::string, std::string> bearers;

  void setup() override {
    relay.settings.ratePublic = relay.settings.rateEnrol = relay.settings.rateSession = 1'000'000;
    bearers["none"] = "";
    bearers["wrong"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    bearers["fenced"] = relay.session(relay.key);
    bearers["session"] = relay.again(relay.key);
    bearers["enrol"] = relay.newToken("host");
    bearers["release"] = relay.newToken("release");
    bearers["metrics"] = relay.newToken("metrics");
    bearers["approver"] = relay.newToken("approver");
    bearers["bot"] = relay.newToken("bot");
    bearers["starter"] = relay.newToken("starter");
    bearers["role operator"] = relay.newToken("operator");
    bearers["expired"] = relay.newToken("release", 1);
    relay.clock.advance(std::chrono::seconds{2});
  }

  int ask(const RouteRow& row, const std::string& credential) {
    const std::string& secret = bearers[credential];
    const auto headers = secret.empty() ? http::Headers{} : RelayFixture::bearer(secret);
    auto pending = relay.send(std::string(row.method), targetOf(row),
                              row.bodyBytesMax > 0 ? "{}" : "", headers);
    // Admitted is enough: what the handler says of an empty body is another matter.
    return pending.refusal ? pending.refusal->status : 200;
  }
};

TEST(Routes, everyRouteNamesItsClassAndBounds) {
  const std::set<std::string_view> classes{"open",     "enrol",   "statement", "session",
                                           "approver", "release", "starter",   "fleet",
                                           "metrics",  "operator"};
  CHECK(service::routeRows().size() > 10);
  for (const RouteRow& row : service::routeRows()) {
    CHECK_TEXT(classes.count(row.auth) == 1, row.pattern.data());
    CHECK_TEXT(row.bodyBytesMax <= (8u << 20), row.pattern.data());
    CHECK_TEXT(!row.summary.empty(), row.pattern.data());
    const bool reads = row.method == "GET" || row.method == "DELETE";
    CHECK_TEXT(reads == (row.bodyBytesMax == 0), row.pattern.data());
    // Only what is not for everybody goes without a rate.
    CHECK_TEXT((row.rate == service::Rate::kNone) == (row.auth == "operator"), row.pattern.data());
  }
}

TEST(Routes, everyRouteWithEveryCredentialFromTheNetwork) {
  for (const RouteRow& row : service::routeRows()) {
    for (const auto& [name, secret] : bearers) {
      const std::string what = std::string(row.method) + " " + targetOf(row) + " with " + name;
      const bool wanted = row.auth == "open" || row.auth == "statement" || row.auth == name ||
                          (row.auth == "approver" && name == "bot") ||
                          (row.auth == "fleet" && (name == "starter" || name == "role operator"));
      const int status = ask(row, name);
      if (wanted) {
        CHECK_TEXT(passes(status) || row.auth == "statement", what.c_str());
      } else if (row.auth == "operator") {
        LONGS_EQUAL_TEXT(403, status, what.c_str());
      } else if (row.auth == "session" && name == "fenced") {
        LONGS_EQUAL_TEXT(409, status, what.c_str());
      } else {
        const bool another =
            row.auth != "session" &&
            (name == "enrol" || name == "release" || name == "metrics" || name == "approver" ||
             name == "bot" || name == "starter" || name == "role operator");
        LONGS_EQUAL_TEXT(another ? 403 : 401, status, what.c_str());
      }
    }
  }
}

TEST(Routes, onTheUnixSocketOnlyRootAndTheOwnUserAskAndNoHost) {
  relay.local = true;
  for (const uid_t uid : {uid_t{0}, ::geteuid(), uid_t{54321}}) {
    relay.localUid = uid;
    for (const RouteRow& row : service::routeRows()) {
      const bool allowed = row.auth == "operator" || row.auth == "fleet" || row.auth == "metrics" ||
                           row.auth == "open";
      const bool known = uid == 0 || uid == ::geteuid();
      LONGS_EQUAL_TEXT(known && allowed ? 200 : 403, ask(row, "session"), row.pattern.data());
    }
  }
}

TEST(Routes, whatIsNotInTheTableIsNotThere) {
  for (const char* path : {"/", "/v1", "/v1/hosts/", "/v1//poll", "/a/x", "/v1/approvals/", "/c/",
                           "/c/x/y", "/v1/poll/../tokens", "/%2e%2e/healthz"}) {
    LONGS_EQUAL_TEXT(404, relay.ask("GET", path).status, path);
  }
  LONGS_EQUAL(405, relay.ask("GET", "/v1/poll").status);
  LONGS_EQUAL(405, relay.ask("DELETE", "/healthz").status);
}

TEST(Routes, aBodyIsBoundedAndOfItsType) {
  const http::Headers form{{"Content-Type", "application/x-www-form-urlencoded"}};
  LONGS_EQUAL(415, relay.ask("POST", "/v1/session", "a=b", form).status);
  LONGS_EQUAL(413, relay.ask("POST", "/v1/session", std::string(20'000, ' ')).status);
  LONGS_EQUAL(413, relay.ask("POST", "/c/x", std::string((1u << 20) + 1, 'x')).status);
  LONGS_EQUAL(413, relay.ask("GET", "/healthz", "{}").status);
}

TEST(Routes, twoCredentialsAreNone) {
  http::Headers two = RelayFixture::bearer(bearers["session"]);
  two.add("Authorization", "Bearer " + bearers["session"]);
  LONGS_EQUAL(401, relay.ask("POST", "/v1/poll", "{}", two).status);
  LONGS_EQUAL(401, relay
                       .ask("POST", "/v1/poll", "{}",
                            http::Headers{{"Authorization", "Basic " + bearers["session"]}})
                       .status);
}

TEST(Routes, whoAsksTooOftenIsToldSoAndOthersAreNot) {
  relay.settings.ratePublic = 6;
  for (int i = 0; i < 2; ++i) LONGS_EQUAL(200, relay.ask("GET", "/healthz").status);
  const auto slow = relay.ask("GET", "/healthz");
  LONGS_EQUAL(429, slow.status);
  STRCMP_EQUAL("BLY-RATE-LIMITED", slow.code.c_str());
  CHECK(slow.headers.has("Retry-After"));
  // What is not there is counted too, and so is who guesses.
  LONGS_EQUAL(429, relay.ask("GET", "/nothing").status);
  LONGS_EQUAL(429, relay.ask("POST", "/v1/poll", "{}", RelayFixture::bearer("guess")).status);
  relay.address = "192.0.2.2";
  LONGS_EQUAL(200, relay.ask("GET", "/healthz").status);
  relay.address = "192.0.2.1";
  // A host in its session is counted by itself.
  LONGS_EQUAL(200, relay.poll(bearers["session"]).status);
  relay.clock.advance(std::chrono::seconds{10});
  LONGS_EQUAL(200, relay.ask("GET", "/healthz").status);
  LONGS_EQUAL(429, relay.ask("GET", "/healthz").status);
}

TEST(Routes, theApiDescribesItselfWithoutWhatIsLocal) {
  const auto api = json::parse(service::openApi("https://relay.test"));
  CHECK(api.ok());
  const json::Value* const paths = api->find("paths");
  for (const RouteRow& row : service::routeRows()) {
    const json::Value* const path = paths->find(row.pattern);
    const bool there = path && path->find(base::toLower(row.method)) != nullptr;
    LONGS_EQUAL_TEXT(row.auth != "operator", there, row.pattern.data());
  }
}
