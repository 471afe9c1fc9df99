// Reads the policy file that is shipped: as it is, and with all that it shows uncommented.

#include <string>

#include "agent/trust/Policy.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/yaml/Yaml.h"

#include <CppUTest/TestHarness.h>

using belay::base::Result;
using belay::trust::Policy;

namespace {

constexpr const char* kPath = "config/policy.yaml";

Result<Policy> parse(const std::string& text) {
  const auto document = belay::yaml::parse(text);
  if (!document.ok()) return document.error();
  return Policy::parse(document->root, kPath, [](const std::string& path) { return path; });
}

/// Prose is "# text"; everything else that begins with # is a rule.
std::string uncommented(const std::string& text) {
  std::string out;
  for (const std::string_view line : belay::base::split(text, '\n')) {
    const bool prose = line == "#" || (line.size() > 2 && line.starts_with("# ") && line[2] != ' ');
    if (line.starts_with('#') && !prose) out += std::string(line.substr(1)) + "\n";
  }
  return out;
}

}  // namespace

TEST_GROUP(PolicyFile) { std::string text = belay::base::readFile(kPath, 1u << 20).value(); };

TEST(PolicyFile, allowsNothingAsItIsShipped) {
  const auto policy = parse(text);
  CHECK_TRUE_TEXT(policy.ok(), policy.ok() ? "" : policy.error().message.c_str());
  belay::trust::RunEffect run;
  run.executable = "/usr/bin/true";
  run.argv = {"true"};
  run.cwd = "/";
  CHECK_FALSE(policy->check({"run", "f", "s", run}, 0).allowed);
}

TEST(PolicyFile, showsRulesThatAreValid) {
  const std::string rules = uncommented(text);
  const auto policy = parse(rules);
  CHECK_TRUE_TEXT(policy.ok(), policy.ok() ? "" : policy.error().message.c_str());
  belay::trust::RunEffect run;
  run.executable = "/usr/bin/ls";
  run.argv = {"ls", "-l", "x"};
  run.cwd = "/srv";
  CHECK_FALSE(policy->check({"run", "f", "s", run}, 0).allowed);  // It asks for a profile.
  run.profile = "user";
  CHECK(policy->check({"run", "f", "s", run}, 0).allowed);
  run.cwd = "/tmp";
  CHECK_FALSE(policy->check({"run", "f", "s", run}, 0).allowed);
}

TEST(PolicyFile, showsEveryOption) {
  const std::string rules = uncommented(text);
  for (const char* key : {"id:", "executable:", "argv:", "cwd:", "users:", "env:", "flows:",
                          "prefix:", "hosts:", "ports:", "schemes:", "methods:", "connections:",
                          "addresses:", "deny:", "rest:", "slug:", "pin:", "channel:"}) {
    CHECK_TRUE_TEXT(rules.find(key) != std::string::npos, key);
  }
}

TEST(PolicyFile, saysWhichFlowsNeedAPin) {
  const auto policy = parse(
      "flows: [{id: a, slug: deploy, pin: required, channel: beta}, {slug: '*', pin: optional},"
      " {slug: late, pin: required}]");
  CHECK(policy.ok());
  const auto demand = policy->pinDemand("deploy");
  CHECK(demand.required);
  STRCMP_EQUAL("beta", demand.channel.c_str());
  STRCMP_EQUAL("flows[0] (a)", demand.rule.c_str());
  // The first rule for a flow holds.
  CHECK_FALSE(policy->pinDemand("late").required);
  STRCMP_EQUAL("stable", policy->pinDemand("late").channel.c_str());
  CHECK_FALSE(belay::trust::Policy::denyAll().pinDemand("deploy").required);
}

TEST(PolicyFile, refusesRulesOfFlowsThatSayLessThanTheySeem) {
  for (const char* bad :
       {"flows: [{slug: deploy}]", "flows: [{pin: required}]", "flows: [{slug: a, pin: true}]",
        "flows: [{slug: a, pin: Required}]", "flows: [{slug: 'a*', pin: required}]",
        "flows: [{slug: a, pin: required, chanel: b}]",
        "flows: [{slug: a, pin: required, channel: ''}]", "flows: [deploy]"}) {
    const auto policy = parse(bad);
    CHECK_TRUE_TEXT(!policy.ok(), bad);
    CHECK_TRUE_TEXT(policy.error().code == belay::base::ErrorCode::kSettingsInvalid, bad);
  }
}
