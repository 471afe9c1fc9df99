// Connections for programs of steps: right and wrong definitions in a table, their secrets by name,
// and the definition with the secrets in their places.

#include "agent/vault/Connection.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::Result;
using belay::vault::parseConnection;
using belay::vault::Secret;
using belay::vault::SecretSource;
using belay::vault::SecretValue;
using belay::vault::ToolConnection;

namespace {

constexpr const char* kKey =
    R"("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJlYWxseS1ub3QtYS1rZXktYnV0LTMyLWJ5dGVz")";

class NamedSecrets final : public SecretSource {
 public:
  Result<Secret> secret(std::string_view name) const override {
    if (name == "BYTES") return Secret{SecretValue("\xff\xfe"), 1};
    return Secret{SecretValue("value of " + std::string(name)), 1};
  }
  Result<std::uint64_t> secretVersion(std::string_view) const override { return 1; }
};

std::string ssh(const std::string& more) {
  return R"({"type":"ssh","host":"db.example.com","user":"deploy","key":{"secret":"KEY"})" + more +
         "}";
}

}  // namespace

TEST_GROUP(ToolConnection) {
  auto parse(const std::string& text) {
    return parseConnection("c", belay::json::parse(text).value());
  }
  void refused(const std::string& text, const char* part) {
    const auto read = parse(text);
    CHECK_FALSE(read.ok());
    CHECK(read.error().code == ErrorCode::kConnectionInvalid);
    STRCMP_CONTAINS(part, read.error().message.c_str());
  }
};

TEST(ToolConnection, anSshServerNeedsHostUserAndAKeyInTheVault) {
  const auto read = parse(ssh(R"(,"port":2222,"passphrase":{"secret":"PASS"},"jump":"gate",
      "connect_timeout":"5s","host_keys":[)" + std::string(kKey) + "]"));
  CHECK(read.ok());
  CHECK_EQUAL(std::string("ssh"), std::string(read->type()));
  CHECK(read->secretNames() == (std::vector<std::string>{"KEY", "PASS"}));
  refused(R"({"type":"ssh","user":"a","key":{"secret":"K"}})", "host is missing");
  refused(R"({"type":"ssh","host":"a","user":"b"})", "key is missing");
  refused(R"({"type":"ssh","host":"a","user":"b","key":"-----BEGIN"})", "{secret: NAME}");
  refused(ssh(R"(,"password":{"secret":"P"})"), "password");
  refused(ssh(R"(,"port":0)"), "65535");
  refused(ssh(R"(,"host_keys":["AAAA"])"), "list of the server's keys");
  refused(ssh(R"(,"host_keys":[])"), "list of the server's keys");
  refused(ssh(R"(,"jump":"A B")"), "[a-z0-9]");
  refused(ssh(R"(,"connect_timeout":"1h")"), "10m");
  refused(R"({"type":"ssh","host":"-oProxyCommand=id","user":"b","key":{"secret":"K"}})", "begin with -");
  refused(R"({"type":"ssh","host":"a b","user":"b","key":{"secret":"K"}})", "without spaces");
}

TEST(ToolConnection, aMailServerDoesNotGetAPasswordInTheClear) {
  CHECK(parse(R"({"type":"smtp","host":"mx","from":"Belay <b@x.org>"})").ok());
  CHECK(parse(R"({"type":"smtp","host":"mx","from":"b@x.org","user":"u","password":{"secret":"P"}})").ok());
  refused(R"({"type":"smtp","host":"mx","from":"b@x.org","user":"u"})", "together");
  refused(R"({"type":"smtp","host":"mx","from":"b@x.org","tls":"none","user":"u","password":{"secret":"P"}})",
          "not encrypted");
  refused(R"({"type":"smtp","host":"mx","from":"b@x.org","tls":"maybe"})", "starttls, implicit or none");
}

TEST(ToolConnection, aPluginsMembersAreItsOwn) {
  const auto read = parse(R"({"type":"plugin","plugin":"postgres","with":{"host":"db",
      "users":[{"name":"a","password":{"secret":"P1"}}],"password":{"secret":"P2"}}})");
  CHECK(read.ok());
  CHECK(read->secretNames() == (std::vector<std::string>{"P1", "P2"}));
  refused(R"({"type":"plugin","plugin":"postgres","with":{"password":{"secret":"a b"}}})", "/with/password");
  refused(R"({"type":"plugin"})", "plugin is missing");
}

TEST(ToolConnection, theTestOfAPluginIsWhatAStepWouldSay) {
  CHECK(parse(R"({"type":"plugin","plugin":"x","test":{"sql":"select 1"}})").ok());
  refused(R"({"type":"plugin","plugin":"x","test":"select 1"})", "without secrets");
  refused(R"({"type":"plugin","plugin":"x","test":{"a":[{"secret":"S"}]}})", "without secrets");
}

TEST(ToolConnection, secretsStandInTheirPlacesForOneUse) {
  const auto read = parse(R"({"type":"plugin","plugin":"p","with":{"a":[1,{"secret":"S"}],"b":"t"}})");
  const auto filled = belay::vault::withSecrets(std::get<ToolConnection>(read->kind).fields, NamedSecrets());
  CHECK_EQUAL(std::string(R"({"plugin":"p","with":{"a":[1,"value of S"],"b":"t"}})"),
              belay::json::print(*filled));
  CHECK_FALSE(belay::vault::withSecrets(belay::json::parse(R"({"secret":"BYTES"})").value(), NamedSecrets()).ok());
}
