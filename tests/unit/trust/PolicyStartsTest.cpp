// The section `starts` of a policy: what is not written is refused, and what is wrong is named with
// its place.

#include <string>

#include "agent/trust/Policy.h"
#include "common/yaml/Yaml.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using trust::Policy;

namespace {

base::Result<Policy> read(const char* text) {
  const auto document = yaml::parse(text);
  BELAY_CHECK(document.ok());
  return Policy::parse(document->root, "policy.yaml", [](const std::string& path) { return path; });
}

Policy policyOf(const char* text) {
  auto policy = read(text);
  CHECK_TEXT(policy.ok(), policy.ok() ? "" : policy.error().message.c_str());
  return *policy;
}

void isWrong(const char* text, const char* where) {
  const auto policy = read(text);
  CHECK_TEXT(!policy.ok(), text);
  CHECK_TEXT(policy.error().code == base::ErrorCode::kSettingsInvalid, text);
  CHECK_TEXT(policy.error().message.find(where) != std::string::npos,
             policy.error().message.c_str());
}

}  // namespace

TEST_GROUP(PolicyStarts){};

TEST(PolicyStarts, withoutARuleNobodyStartsAnything) {
  for (const Policy& policy : {Policy::builtInForUser(), Policy::denyAll(), policyOf("starts: {}"),
                               policyOf("flows: []"), policyOf("starts: {expires: 1h}")}) {
    CHECK(!policy.checkStart("deploy", "ada").allowed);
    CHECK(!policy.startable("deploy"));
    CHECK(!policy.tellsOfFlows());
    CHECK(policy.checkStart("deploy", "ada").status().error().code ==
          base::ErrorCode::kPolicyRefused);
  }
}

TEST(PolicyStarts, aRuleNamesFlowsAndPersons) {
  const Policy policy = policyOf(
      "starts:\n  allow:\n    - {id: nightly, flows: [report, clean], persons: [ada]}\n"
      "    - {flows: [deploy]}\n  expires: 30m\n");
  STRCMP_EQUAL("starts.allow[0] (nightly)", policy.checkStart("report", "ada").rule.c_str());
  CHECK(!policy.checkStart("report", "bob").allowed);
  CHECK(policy.checkStart("deploy", "bob").allowed);
  CHECK(!policy.checkStart("other", "ada").allowed);
  CHECK(policy.checkStart("other", "ada").message.find("ada") != std::string::npos);
  CHECK(policy.startable("clean") && policy.startable("deploy") && !policy.startable("other"));
  CHECK(policy.startExpires() == std::chrono::minutes{30});
  CHECK(policy.tellsOfFlows() && policy.discovery() == trust::Discovery::kStartable);
  CHECK(policyOf("starts: {allow: [{flows: ['*']}]}").checkStart("any", "who").allowed);
}

TEST(PolicyStarts, theRelayIsToldWhatThePolicySays) {
  CHECK(policyOf("starts: {discovery: all}").tellsOfFlows());
  const Policy none = policyOf("starts: {allow: [{flows: ['*']}], discovery: none}");
  CHECK(!none.tellsOfFlows() && none.startable("deploy"));
  CHECK(Policy::denyAll().startExpires() == std::chrono::hours{24});
}

TEST(PolicyStarts, whatIsWrongIsNamed) {
  isWrong("starts: 1", "starts");
  isWrong("starts: {alow: []}", "did you mean allow?");
  isWrong("starts: {allow: [{persons: [ada]}]}", "starts.allow[0]: flows is missing");
  isWrong("starts: {allow: [{flows: [Deploy!]}]}", "starts.allow[0].flows");
  isWrong("starts: {allow: [{flows: [a], persons: ['a b']}]}", "starts.allow[0].persons");
  isWrong("starts: {allow: [{flows: [a], person: [b]}]}", "did you mean persons?");
  isWrong("starts: {expires: 2y}", "starts.expires");
  isWrong("starts: {expires: 0s}", "starts.expires");
  isWrong("starts: {discovery: some}", "startable, all or none");
}

TEST(PolicyStarts, whoHasSignedAStartIsAPerson) {
  const Policy policy = policyOf("approvals: {persons: {'uid:1000': zoe}}");
  STRCMP_EQUAL("ada", policy.personOf("starter:ada").c_str());
  STRCMP_EQUAL("zoe", policy.personOf("uid:1000 (starter)").c_str());
  STRCMP_EQUAL("", policy.personOf("uid:1001 (starter:ada)").c_str());
}
