// What holds for all effects of a flow: families, secrets, hours.

#include <chrono>
#include <string>

#include "agent/trust/Policy.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::trust::EffectValue;
using belay::trust::HttpEffect;
using belay::trust::Policy;
using belay::trust::RenderedEffect;
using belay::trust::RunEffect;
using belay::trust::SecretVersion;
using belay::trust::Verdict;

namespace {

constexpr const char* kRun = R"("run":{"allow":[{"executable":"/bin/x","argv":["x"],"env":["*"]}]})";

belay::base::Result<Policy> parse(const std::string& bounds) {
  const std::string text = "{" + std::string(kRun) + "," + bounds + "}";
  return Policy::parse(belay::json::parse(text).value(), "p.yaml",
                       [](const std::string& path) { return path; });
}

RenderedEffect command(const char* flow, const char* secret = "") {
  RunEffect what;
  what.executable = "/bin/x";
  what.argv = {"x"};
  what.cwd = "/";
  if (*secret != '\0') what.env.push_back(EffectValue{"TOKEN", "", secret, 1});
  return {"run", flow, "s", std::move(what)};
}

/// Of a time in UTC, in 2026.
std::int64_t at(unsigned month, unsigned day, int hour, int minute = 0) {
  using namespace std::chrono;
  const sys_days date = year{2026} / static_cast<int>(month) / static_cast<int>(day);
  return duration_cast<milliseconds>((date + hours{hour} + minutes{minute}).time_since_epoch())
      .count();
}

std::string refusalOf(const Policy& policy, const RenderedEffect& effect, std::int64_t wallMs) {
  const Verdict verdict = policy.check(effect, wallMs);
  return verdict.allowed ? "" : verdict.rule;
}

std::string whyNot(const std::string& bounds) {
  const auto policy = parse(bounds);
  return policy.ok() ? "" : policy.error().message;
}

}  // namespace

TEST_GROUP(FlowBounds){};

TEST(FlowBounds, familiesThatAreNotNamedAreNotUsed) {
  const auto policy = parse(R"("families":["run","set"])");
  CHECK(policy->checkFamily("run").allowed && policy->checkFamily("set").allowed);
  const Verdict refused = policy->checkFamily("http");
  CHECK(!refused.allowed);
  STRCMP_EQUAL("families", refused.rule.c_str());
  STRCMP_EQUAL("add http to families in p.yaml", refused.change.c_str());
  CHECK(Policy::builtInForUser().checkFamily("http").allowed);
  CHECK(Policy::denyAll().checkFamily("set").allowed);
}

TEST(FlowBounds, aSecretNeedsARuleOfItsFlowWhereThereAreRules) {
  const auto policy =
      parse(R"("secrets":[{"id":"d","names":["DEPLOY_*","ONE"],"flows":["deploy"]},{"names":["ANY"]}])");
  STRCMP_EQUAL("", refusalOf(*policy, command("deploy", "DEPLOY_KEY"), 0).c_str());
  STRCMP_EQUAL("", refusalOf(*policy, command("deploy", "ONE"), 0).c_str());
  STRCMP_EQUAL("", refusalOf(*policy, command("other", "ANY"), 0).c_str());
  STRCMP_EQUAL("", refusalOf(*policy, command("other"), 0).c_str());
  for (const char* name : {"DEPLOY_KEY", "ONE", "ONE2", "DEPLOY"}) {
    STRCMP_EQUAL("secrets", refusalOf(*policy, command("other", name), 0).c_str());
  }
  STRCMP_EQUAL("secrets", refusalOf(*policy, command("deploy", "ONE2"), 0).c_str());
  STRCMP_EQUAL("", refusalOf(*parse(R"("families":["run"])"), command("f", "ANYTHING"), 0).c_str());
}

TEST(FlowBounds, secretsOfConnectionsHeadersAndUrlsCount) {
  const auto policy = parse(
      R"("http":{"allow":[{"hosts":["*"]}]},"secrets":[{"names":["GOOD"]}])");
  HttpEffect http;
  http.method = "GET";
  http.url = belay::http::parseUrl("https://x.test/").value();
  const auto refused = [&](const HttpEffect& what) {
    return refusalOf(*policy, RenderedEffect{"http", "f", "s", what}, 0);
  };
  STRCMP_EQUAL("", refused(http).c_str());
  HttpEffect url = http;
  url.urlSecret = "BAD";
  HttpEffect connection = http;
  connection.connectionSecrets = {SecretVersion{"GOOD", 1}, SecretVersion{"BAD", 1}};
  HttpEffect header = http;
  header.headers.push_back(EffectValue{"x", "", "BAD", 1});
  for (const HttpEffect& each : {url, connection, header}) {
    STRCMP_EQUAL("secrets", refused(each).c_str());
  }
}

TEST(FlowBounds, hoursAreOfTheZoneAndOfTheDayOnWhichTheyBegin) {
  // Monday to Friday, 22:00 to 05:00 in Berlin, which is UTC+1 in winter and UTC+2 in summer.
  const auto policy = parse(
      R"("hours":[{"id":"n","flows":["deploy"],"days":["mon","tue","wed","thu","fri"],"from":"22:00","to":"05:00","zone":"Europe/Berlin"}])");
  CHECK(policy.ok());
  const auto refused = [&](std::int64_t wallMs) {
    return refusalOf(*policy, command("deploy"), wallMs);
  };
  STRCMP_EQUAL("", refusalOf(*policy, command("other"), at(1, 3, 12)).c_str());
  STRCMP_EQUAL("hours[0] (n)", refused(at(1, 5, 20, 59)).c_str());  // Monday, 21:59
  STRCMP_EQUAL("", refused(at(1, 5, 21)).c_str());                  // 22:00
  STRCMP_EQUAL("", refused(at(1, 6, 3, 59)).c_str());               // Tuesday, 04:59
  STRCMP_EQUAL("hours[0] (n)", refused(at(1, 6, 4)).c_str());       // 05:00
  STRCMP_EQUAL("hours[0] (n)", refused(at(1, 5, 2)).c_str());       // Monday, of Sunday's night
  STRCMP_EQUAL("", refused(at(1, 10, 2)).c_str());                  // Saturday, of Friday's
  STRCMP_EQUAL("hours[0] (n)", refused(at(1, 10, 22)).c_str());
  STRCMP_EQUAL("", refused(at(7, 6, 20)).c_str());  // Monday in summer, 22:00
}

TEST(FlowBounds, oneOfSeveralRulesForAFlowIsEnough) {
  const auto policy = parse(
      R"("hours":[{"from":"08:00","to":"10:00"},{"days":["sun"],"from":"10:00","to":"24:00"}])");
  STRCMP_EQUAL("", refusalOf(*policy, command("f"), at(1, 4, 9)).c_str());
  STRCMP_EQUAL("", refusalOf(*policy, command("f"), at(1, 4, 23, 59)).c_str());  // Sunday
  STRCMP_EQUAL("hours[1]", refusalOf(*policy, command("f"), at(1, 5, 11)).c_str());
}

TEST(FlowBounds, mistakesAreSaidWithTheirPlace) {
  STRCMP_EQUAL(
      "policy p.yaml at families[1]: there is no family htpp; did you mean http?",
      whyNot(R"("families":["run","htpp"])").c_str());
  STRCMP_EQUAL("policy p.yaml at families: it must be a list of at least one text",
               whyNot(R"("families":[])").c_str());
  STRCMP_EQUAL("policy p.yaml at secrets[0]: names is missing",
               whyNot(R"("secrets":[{"flows":["x"]}])").c_str());
  STRCMP_CONTAINS("hours[0].form: \"form\" is not known; did you mean from?",
                  whyNot(R"("hours":[{"form":"08:00"}])").c_str());
  STRCMP_EQUAL(
      "policy p.yaml at hours[0].days: each must be mon, tue, wed, thu, fri, sat or sun",
      whyNot(R"("hours":[{"days":["monday"]}])").c_str());
  for (const char* bad : {"8:00", "25:00", "24:01", "12:60", "noon", "12-30"}) {
    STRCMP_EQUAL("policy p.yaml at hours[0].from: it must be a time of the day, as \"08:30\"",
                 whyNot(R"("hours":[{"from":")" + std::string(bad) + R"("}])").c_str());
  }
  STRCMP_EQUAL(
      "policy p.yaml at hours[0]: from and to are the same; leave both out for the whole day",
      whyNot(R"("hours":[{"from":"08:00","to":"08:00"}])").c_str());
  STRCMP_CONTAINS("hours[0].zone", whyNot(R"("hours":[{"zone":"Europe/Berlim"}])").c_str());
}
