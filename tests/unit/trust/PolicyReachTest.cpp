// Asks the sections ssh, mail and plugin of a policy in tables: rules as an administrator writes
// them, effects as a flow could try them.

#include <string>

#include "agent/trust/Policy.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::Result;
using belay::trust::Policy;
using belay::trust::ReachEffect;
using belay::trust::RenderedEffect;

namespace {

Result<Policy> parse(const std::string& rules) {
  return Policy::parse(belay::json::parse(rules).value(), "policy.yaml",
                       [](const std::string& path) { return path; });
}

RenderedEffect ssh(std::vector<std::string> argv, std::vector<std::string> put = {},
                   const std::string& host = "db.example.com") {
  ReachEffect reach;
  reach.section = "ssh";
  reach.connection = "db";
  reach.facts = {{"hosts", {host}}, {"users", {"deploy"}}, {"put", std::move(put)}, {"get", {}}};
  reach.argv = std::move(argv);
  return {"ssh", "flow-a", "step-1", std::move(reach)};
}

RenderedEffect mail(std::vector<std::string> to) {
  ReachEffect reach;
  reach.section = "mail";
  reach.connection = "post";
  reach.facts = {{"hosts", {"mx"}}, {"from", {"belay@example.com"}}, {"to", std::move(to)}};
  return {"notify", "flow-a", "step-1", std::move(reach)};
}

}  // namespace

TEST_GROUP(PolicyReach) {
  bool allows(const std::string& rules, const RenderedEffect& effect) {
    const auto policy = parse(rules);
    if (!policy) FAIL(policy.error().message.c_str());
    return policy->check(effect, 0).allowed;
  }
  void refuses(const std::string& rules, const char* part) {
    const auto policy = parse(rules);
    CHECK_FALSE(policy.ok());
    STRCMP_CONTAINS(part, policy.error().message.c_str());
  }
};

TEST(PolicyReach, aCommandNeedsARuleForItsConnectionAndEachOfItsWords) {
  const std::string rules =
      R"({"ssh":{"allow":[{"connections":["db"],"argv":["ls",{"operand":true}]}]}})";
  CHECK(allows(rules, ssh({"ls", "/srv"})));
  CHECK_FALSE(allows(rules, ssh({"ls", "-l"})));
  CHECK_FALSE(allows(rules, ssh({"ls", "/", "/"})));
  CHECK_FALSE(allows(rules, ssh({"rm", "/srv"})));
  CHECK_FALSE(allows(R"({"ssh":{"allow":[{"connections":["web"],"argv":["ls"]}]}})", ssh({"ls"})));
  CHECK_FALSE(allows(R"({"ssh":{"allow":[{"connections":["db"]}]}})", ssh({"ls"})));
  CHECK(allows(R"({"ssh":{"allow":[{"connections":["d*"],"argv":[{"any":true},{"rest":"any"}]}]}})",
               ssh({"sh", "-c", "anything"})));
}

TEST(PolicyReach, filesNeedPathsThatNobodyLeaves) {
  const std::string rules =
      R"({"ssh":{"allow":[{"connections":["db"],"put":["/srv/in"],"argv":["ls"]}]}})";
  CHECK(allows(rules, ssh({}, {"/srv/in/a"})));
  CHECK(allows(rules, ssh({"ls"}, {"/srv/in/a", "/srv/in/b/c"})));
  CHECK_FALSE(allows(rules, ssh({}, {"/srv/in/a", "/srv/other"})));
  CHECK_FALSE(allows(rules, ssh({}, {"/srv/in/../other"})));
  CHECK_FALSE(allows(rules, ssh({}, {"/srv/inner"})));
}

TEST(PolicyReach, hostsAndUsersNarrowARule) {
  const auto with = [](const char* more) {
    return R"({"ssh":{"allow":[{"connections":["db"],"argv":["ls"],)" + std::string(more) + "}]}}";
  };
  CHECK(allows(with(R"("hosts":["*.Example.com"])"), ssh({"ls"})));
  CHECK_FALSE(allows(with(R"("hosts":["*.example.org"])"), ssh({"ls"})));
  CHECK(allows(with(R"("users":["dep*"])"), ssh({"ls"})));
  CHECK_FALSE(allows(with(R"("users":["root"])"), ssh({"ls"})));
  CHECK_FALSE(allows(with(R"("flows":["flow-b"])"), ssh({"ls"})));
}

TEST(PolicyReach, aDenialGoesBeforeAllElse) {
  const std::string rules =
      R"({"ssh":{"allow":[{"connections":["db"],"argv":["ls"],"put":["/srv"]}],
          "deny":[{"hosts":["db.example.com"],"put":["/srv/etc"]}]}})";
  CHECK(allows(rules, ssh({"ls"})));
  CHECK_FALSE(allows(rules, ssh({"ls"}, {"/srv/etc/x"})));
  CHECK_FALSE(allows(R"({"ssh":{"allow":[{"connections":["db"],"argv":["ls"]}],"deny":[{}]}})",
                     ssh({"ls"})));
}

TEST(PolicyReach, allRecipientsOfAMailAreNamed) {
  const std::string rules =
      R"({"mail":{"allow":[{"connections":["post"],"to":["*@example.com","Boss@else.org"]}]}})";
  CHECK(allows(rules, mail({"a@example.com", "B@EXAMPLE.COM", "boss@else.org"})));
  CHECK_FALSE(allows(rules, mail({"a@example.com", "a@example.org"})));
  CHECK_FALSE(allows(rules, mail({"a@sub.example.com"})));
  CHECK_FALSE(allows(R"({"mail":{"allow":[{"connections":["post"]}]}})", mail({"a@example.com"})));
}

TEST(PolicyReach, whatIsWrongIsSaidWithItsPlace) {
  refuses(R"({"ssh":{"allow":[{"argv":["ls"]}]}})", "connections is missing");
  refuses(R"({"ssh":{"allow":[{"connections":["db"],"argv":["sh","-c",{"any":true}]}]}})", "exactly");
  refuses(R"({"ssh":{"allow":[{"connections":["db"],"put":["srv"]}]}})", "absolute");
  refuses(R"({"ssh":{"allow":[{"connection":["db"]}]}})", "did you mean connections");
  refuses(R"({"mail":{"allow":[{"connections":["db"],"argv":["x"]}]}})", "argv");
}

TEST(PolicyReach, aRefusalShowsTheRuleThatWouldAllowIt) {
  const auto policy = parse("{}");
  const auto verdict = policy->check(ssh({"ls", "/"}, {"/srv/a"}), 0);
  STRCMP_CONTAINS(R"("connections":["db"])", verdict.change.c_str());
  STRCMP_CONTAINS(R"("argv":["ls","/"])", verdict.change.c_str());
  CHECK(Policy::builtInForUser().check(ssh({"ls"}), 0).allowed);
  CHECK_FALSE(Policy::denyAll().check(ssh({"ls"}), 0).allowed);
}
