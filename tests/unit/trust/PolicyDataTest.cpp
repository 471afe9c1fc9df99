// The sections `db` and `search` of a policy: what is not written is refused, and what is wrong is
// named with its place.

#include <string>

#include "agent/trust/Policy.h"
#include "common/yaml/Yaml.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using trust::DbEffect;
using trust::Policy;

namespace {

base::Result<Policy> read(const char* text) {
  const auto document = yaml::parse(text);
  BELAY_CHECK(document.ok());
  return Policy::parse(document->root, "policy.yaml", [](const std::string& path) { return path; });
}

trust::Verdict check(const Policy& policy, const std::string& connection, const std::string& file,
                     bool write, const std::string& flow = "report") {
  DbEffect db;
  db.connection = connection;
  db.file = file;
  db.driver = "sqlite";
  db.sql = "select 1";
  db.write = write;
  return policy.check({"db", flow, "step", std::move(db)}, 0);
}

}  // namespace

TEST_GROUP(PolicyData){};

TEST(PolicyData, withoutARuleNoDatabaseIsAsked) {
  CHECK(check(Policy::builtInForUser(), "a", "/a.db", true).allowed);
  CHECK_FALSE(check(Policy::denyAll(), "a", "/a.db", false).allowed);
  for (const char* text : {"db: {}", "flows: []"}) {
    CHECK_FALSE(check(*read(text), "a", "/a.db", false).allowed);
  }
  const trust::Verdict refused = check(*read("db: {}"), "a", "/a.db", true);
  CHECK(refused.change.find(R"({"connections":["a"],"write":true})") != std::string::npos);
}

TEST(PolicyData, rulesNameConnectionsFilesFlowsAndWriting) {
  const Policy policy = *read(
      "db:\n  allow:\n    - {id: shop, connections: [\"shop-*\"], files: [/srv/shop], flows: [report]}\n"
      "    - {connections: [own], write: true}\n"
      "  deny:\n    - {files: [/srv/shop/secret.db]}\n    - {connections: [own], flows: [reader], write: true}\n");
  STRCMP_EQUAL("db.allow[0] (shop)", check(policy, "shop-1", "/srv/shop/a.db", false).rule.c_str());
  CHECK_FALSE(check(policy, "shop-1", "/srv/shop/a.db", true).allowed);
  CHECK_FALSE(check(policy, "shop-1", "/srv/shopping/a.db", false).allowed);
  CHECK_FALSE(check(policy, "shop-1", "/srv/shop/../a.db", false).allowed);
  CHECK_FALSE(check(policy, "shop-1", "/srv/shop/a.db", false, "other").allowed);
  CHECK_FALSE(check(policy, "shop-1", "/srv/shop/secret.db", false).allowed);
  CHECK(check(policy, "own", "/anywhere.db", true).allowed);
  CHECK_FALSE(check(policy, "own", "/anywhere.db", true, "reader").allowed);
  CHECK(check(policy, "own", "/anywhere.db", false, "reader").allowed);
}

TEST(PolicyData, searchOfTheHostIsForFlowsThatAreNamed) {
  CHECK(Policy::builtInForUser().checkHostSearch("a").allowed);
  CHECK_FALSE(Policy::denyAll().checkHostSearch("a").allowed);
  const Policy policy = *read("search: {host: [a]}");
  CHECK(policy.checkHostSearch("a").allowed);
  CHECK(policy.checkHostSearch("b").status().error().code == base::ErrorCode::kPolicyRefused);
  CHECK(read("search: {host: [\"*\"]}")->checkHostSearch("b").allowed);
}

TEST(PolicyData, saysWhereItIsWrong) {
  for (const auto& [text, where] :
       {std::pair{"db: {alow: []}", "allow"}, std::pair{"db: {allow: [{files: [/a]}]}", "connections"},
        std::pair{"db: {allow: [{connections: [a], files: [b]}]}", "files"},
        std::pair{"db: {allow: [{connections: [a], write: often}]}", "write"},
        std::pair{"search: {host: [A]}", "host"}, std::pair{"search: {hosts: [a]}", "host"}}) {
    const auto policy = read(text);
    CHECK_FALSE(policy.ok());
    CHECK_TEXT(policy.error().message.find(where) != std::string::npos,
               policy.error().message.c_str());
  }
}
