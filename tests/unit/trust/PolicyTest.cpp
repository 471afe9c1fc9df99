// Asks the policy in tables: the rules are text as an administrator writes them, the effects are
// what a flow could try.

#include <string>

#include "agent/trust/Policy.h"
#include "common/http/Resolver.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::Result;
using belay::trust::EffectValue;
using belay::trust::HttpEffect;
using belay::trust::Policy;
using belay::trust::RenderedEffect;
using belay::trust::RunEffect;
using belay::trust::Verdict;

namespace {

/// As a host on which /bin leads to /usr/bin, and python3 to python3.11.
std::string resolvePath(const std::string& path) {
  if (path == "/bin/sh" || path == "/usr/bin/sh") return "/usr/bin/dash";
  if (path == "/usr/bin/python3") return "/usr/bin/python3.11";
  if (path == "/srv/link") return "/srv/work";
  return path;
}

Result<Policy> parse(const char* rules) {
  return Policy::parse(belay::json::parse(rules).value(), "/etc/belay/policy.yaml", resolvePath);
}

RenderedEffect command(const char* executable, std::vector<std::string> argv,
                       const char* cwd = "/srv/work") {
  RunEffect what;
  what.executable = executable;
  what.argv = std::move(argv);
  what.cwd = cwd;
  return {"run", "flow-a", "step-1", std::move(what)};
}

RenderedEffect withEnv(RenderedEffect effect, const char* name) {
  EffectValue value;
  value.name = name;
  std::get<RunEffect>(effect.what).env.push_back(value);
  return effect;
}

RenderedEffect request(const char* method, const char* url, const char* flow = "flow-a") {
  HttpEffect what;
  what.method = method;
  what.url = belay::http::parseUrl(url).value();
  return {"http", flow, "step-1", std::move(what)};
}

bool reaches(const Policy& policy, const char* text) {
  belay::http::Address address;
  CHECK_TRUE_TEXT(belay::http::parseAddress(text, 443, address), text);
  return policy.checkAddress(address).allowed;
}

constexpr const char* kRules = R"({
  "run": {
    "allow": [
      {"id": "git-am", "executable": "/usr/bin/git",
       "argv": ["git", "-C", {"prefix": "/srv/work/"}, "am", {"any": true}],
       "cwd": ["/srv/link", "/var/tmp"], "env": ["LANG", "GIT_AUTHOR_*"]},
      {"id": "cat", "executable": "/usr/bin/cat", "argv": ["cat", {"operand": true}]},
      {"id": "echo", "executable": "/usr/bin/echo", "argv": ["echo", {"rest": "operand"}]},
      {"id": "ls", "executable": "/usr/bin/ls", "argv": ["ls", {"rest": "any"}], "flows": ["flow-a"]},
      {"id": "deploy", "executable": "/bin/sh", "argv": ["sh", "/opt/deploy.sh"],
       "users": ["deploy"]},
      {"id": "exact", "executable": "/usr/bin/true", "argv": ["true"]}
    ],
    "deny": [
      {"id": "no-secrets", "executable": "/usr/bin/cat", "argv": ["cat", {"prefix": "/etc/"}]},
      {"id": "not-in-tmp", "cwd": ["/tmp"]},
      {"id": "no-preload", "env": ["LD_*"]}
    ]
  },
  "http": {
    "allow": [
      {"id": "api", "hosts": ["api.test", "*.corp.test"], "methods": ["GET", "POST"]},
      {"id": "dev", "hosts": ["dev.test"], "schemes": ["http", "https"], "ports": [8080, 443]},
      {"id": "only-b", "hosts": ["b.test"], "flows": ["flow-b"]},
      {"id": "by-connection", "hosts": ["*"], "methods": ["POST"], "connections": ["chat"]}
    ],
    "deny": [
      {"id": "no-prod", "hosts": ["prod.corp.test"]},
      {"id": "no-delete", "methods": ["DELETE"]}
    ],
    "addresses": ["127.0.0.1", "169.254.10.0/24", "fd00:ec2::254"]
  }
})";

struct RunRow {
  bool allowed;
  const char* rule;
  RenderedEffect effect;
};

struct WrongRow {
  const char* rules;
  const char* pointer;
};
constexpr WrongRow kWrong[] = {
    {R"([])", ""},
    {R"({"runs":{}})", "/runs"},
    {R"({"run":{"alow":[]}})", "/run/alow"},
    {R"({"run":{"allow":{}}})", "/run/allow"},
    {R"({"run":{"allow":[{"argv":["x"]}]}})", "/run/allow/0"},
    {R"({"run":{"allow":[{"executable":"/usr/bin/git"}]}})", "/run/allow/0"},
    {R"({"run":{"allow":[{"executable":"git","argv":["git"]}]}})", "/run/allow/0/executable"},
    {R"({"run":{"allow":[{"executable":"/x","argv":[]}]}})", "/run/allow/0/argv"},
    {R"({"run":{"allow":[{"executable":"/x","argv":[7]}]}})", "/run/allow/0/argv/0"},
    {R"({"run":{"allow":[{"executable":"/x","argv":[{"any":false}]}]}})", "/run/allow/0/argv/0"},
    {R"({"run":{"allow":[{"executable":"/x","argv":[{"prefix":""}]}]}})", "/run/allow/0/argv/0"},
    {R"({"run":{"allow":[{"executable":"/x","argv":["x",{"any":true,"prefix":"a"}]}]}})",
     "/run/allow/0/argv/1"},
    {R"({"run":{"allow":[{"executable":"/x","argv":["x",{"rest":"any"},"y"]}]}})",
     "/run/allow/0/argv/1"},
    {R"({"run":{"allow":[{"executable":"/x","argv":[{"rest":"any"}]}]}})", "/run/allow/0/argv/0"},
    {R"({"run":{"allow":[{"executable":"/x","argv":["x"],"cwd":["rel"]}]}})", "/run/allow/0/cwd"},
    {R"({"run":{"allow":[{"executable":"/x","argv":["x"],"env":[]}]}})", "/run/allow/0/env"},
    {R"({"run":{"allow":[{"executable":"/x","argv":["x"],"id":"A B"}]}})", "/run/allow/0/id"},
    {R"({"run":{"allow":[{"executable":"/bin/sh","argv":["sh","-c",{"any":true}]}]}})",
     "/run/allow/0/argv"},
    {R"({"run":{"allow":[{"executable":"/usr/bin/python3","argv":["python3",{"rest":"operand"}]}]}})",
     "/run/allow/0/argv"},
    {R"({"run":{"allow":[{"executable":"/usr/bin/env","argv":["env",{"prefix":"git"}]}]}})",
     "/run/allow/0/argv"},
    {R"({"http":{"allow":[{"methods":["GET"]}]}})", "/http/allow/0"},
    {R"({"http":{"allow":[{"hosts":["a*b"]}]}})", "/http/allow/0/hosts"},
    {R"({"http":{"allow":[{"hosts":["https://a"]}]}})", "/http/allow/0/hosts"},
    {R"({"http":{"allow":[{"hosts":["a"],"ports":[0]}]}})", "/http/allow/0/ports/0"},
    {R"({"http":{"allow":[{"hosts":["a"],"ports":["443"]}]}})", "/http/allow/0/ports/0"},
    {R"({"http":{"allow":[{"hosts":["a"],"schemes":["ftp"]}]}})", "/http/allow/0/schemes"},
    {R"({"http":{"allow":[{"hosts":["a"],"methods":["get"]}]}})", "/http/allow/0/methods"},
    {R"({"http":{"addresses":["10.0.0.1/8"]}})", "/http/addresses/0"},
    {R"({"http":{"addresses":["10.0.0.0/33"]}})", "/http/addresses/0"},
    {R"({"http":{"addresses":["localhost"]}})", "/http/addresses/0"},
};

}  // namespace

TEST_GROUP(Policy) {
  Policy policy = parse(kRules).value();
  Policy builtIn = Policy::builtInForUser();

  void expect(const std::vector<RunRow>& rows) {
    for (const RunRow& row : rows) {
      const Verdict verdict = policy.check(row.effect, 0);
      const std::string what = belay::trust::effectJson(row.effect);
      CHECK_EQUAL_TEXT(row.allowed, verdict.allowed, what.c_str());
      STRCMP_CONTAINS_TEXT(row.rule, verdict.rule.c_str(), what.c_str());
      CHECK_EQUAL(row.allowed, verdict.status().ok());
    }
  }
};

TEST(Policy, allowsCommandsElementByElement) {
  const std::string am = "/srv/work/a.patch";
  expect({
      {true, "git-am", command("/usr/bin/git", {"git", "-C", "/srv/work/repo", "am", am})},
      {true, "git-am", command("/usr/bin/git", {"git", "-C", "/srv/work/repo", "am", "--abort"})},
      {false, "run.allow", command("/usr/bin/git", {"git", "-C", "/srv/work/repo", "am"})},
      {false, "run.allow", command("/usr/bin/git", {"git", "-C", "/srv/work/repo", "am", am, "x"})},
      {false, "run.allow", command("/usr/bin/git", {"git", "-C", "/srv/work/repo", "push", am})},
      {false, "run.allow", command("/usr/bin/git", {"git", "-C", "/srv/other", "am", am})},
      {false, "run.allow", command("/usr/bin/git", {"git", "-C", "/srv/work/../../etc", "am", am})},
      {false, "run.allow", command("/usr/bin/git", {"git", "-C", "/srv/work/..", "am", am})},
      {false, "run.allow", command("/srv/work/git", {"git", "-C", "/srv/work/repo", "am", am})},
      {false, "run.allow", command("/usr/bin/git", {"sh", "-C", "/srv/work/repo", "am", am})},
      {true, "exact", command("/usr/bin/true", {"true"})},
      {false, "run.allow", command("/usr/bin/true", {"true", ""})},
      {false, "run.allow", command("/usr/bin/true", {})},
      {true, "cat", command("/usr/bin/cat", {"cat", "file"})},
      {false, "run.allow", command("/usr/bin/cat", {"cat", "--help"})},
      {true, "echo", command("/usr/bin/echo", {"echo"})},
      {true, "echo", command("/usr/bin/echo", {"echo", "a", "b"})},
      {false, "run.allow", command("/usr/bin/echo", {"echo", "a", "-n"})},
  });
}

TEST(Policy, boundsFolderUserFlowAndEnvironment) {
  const std::vector<std::string> am{"git", "-C", "/srv/work/r", "am", "x"};
  RenderedEffect other = command("/usr/bin/ls", {"ls", "-l"});
  other.flow = "flow-b";
  RenderedEffect asDeploy = command("/usr/bin/dash", {"sh", "/opt/deploy.sh"});
  std::get<RunEffect>(asDeploy.what).user = "deploy";
  RenderedEffect asRoot = asDeploy;
  std::get<RunEffect>(asRoot.what).user = "root";
  expect({
      {true, "git-am", command("/usr/bin/git", am, "/srv/work")},
      {true, "git-am", command("/usr/bin/git", am, "/var/tmp/x/y")},
      {false, "run.allow", command("/usr/bin/git", am, "/srv/workshop")},
      {false, "run.allow", command("/usr/bin/git", am, "/srv/work/../../etc")},
      {false, "run.allow", command("/usr/bin/git", am, "/")},
      {true, "git-am", withEnv(command("/usr/bin/git", am), "LANG")},
      {true, "git-am", withEnv(command("/usr/bin/git", am), "GIT_AUTHOR_NAME")},
      {false, "run.allow", withEnv(command("/usr/bin/git", am), "GIT_SSH_COMMAND")},
      {false, "run.allow", withEnv(command("/usr/bin/true", {"true"}), "LANG")},
      {true, "ls", command("/usr/bin/ls", {"ls", "-l", "x"})},
      {false, "run.allow", other},
      {true, "deploy", asDeploy},
      {false, "run.allow", asRoot},
  });
}

TEST(Policy, deniesBeforeItAllows) {
  expect({
      {false, "no-secrets", command("/usr/bin/cat", {"cat", "/etc/shadow"})},
      {false, "not-in-tmp", command("/usr/bin/true", {"true"}, "/tmp/x")},
      {false, "no-preload", withEnv(command("/usr/bin/true", {"true"}), "LD_PRELOAD")},
      {false, "no-prod", request("GET", "https://prod.corp.test/")},
      {false, "no-delete", request("DELETE", "https://api.test/")},
  });
}

TEST(Policy, allowsRequestsByHostPortSchemeAndMethod) {
  expect({
      {true, "api", request("GET", "https://api.test/x")},
      {true, "api", request("POST", "https://API.test:443/x")},
      {true, "api", request("GET", "https://a.b.corp.test/")},
      {false, "http.allow", request("GET", "https://corp.test/")},
      {false, "http.allow", request("GET", "https://evilcorp.test/")},
      {false, "http.allow", request("GET", "https://api.test.evil.test/")},
      {false, "http.allow", request("GET", "http://api.test/")},
      {false, "http.allow", request("GET", "https://api.test:8443/")},
      {false, "http.allow", request("PUT", "https://api.test/")},
      {true, "dev", request("GET", "http://dev.test:8080/")},
      {true, "dev", request("HEAD", "https://dev.test/")},
      {false, "http.allow", request("GET", "http://dev.test/")},
      {false, "http.allow", request("POST", "http://dev.test:8080/")},
      {true, "only-b", request("GET", "https://b.test/", "flow-b")},
      {false, "http.allow", request("GET", "https://b.test/", "flow-a")},
  });
}

TEST(Policy, allowsByConnection) {
  RenderedEffect notify = request("POST", "https://anywhere.test/");
  notify.family = "notify";
  expect({{false, "http.allow", notify}});
  std::get<HttpEffect>(notify.what).connection = "chat";
  expect({{true, "by-connection", notify}});
}

TEST(Policy, matchesHostsWithATrailingDot) {
  RenderedEffect effect = request("GET", "https://prod.corp.test/");
  std::get<HttpEffect>(effect.what).url.host = "prod.corp.test.";
  expect({{false, "no-prod", effect}});
}

TEST(Policy, citesTheRuleAndSaysHowToChangeIt) {
  const Verdict none = policy.check(command("/usr/bin/curl", {"curl", "https://x"}), 0);
  const auto error = none.status().error();
  CHECK(error.code == ErrorCode::kPolicyRefused);
  STRCMP_CONTAINS("step-1 of flow flow-a", error.message.c_str());
  STRCMP_CONTAINS("/usr/bin/curl", error.message.c_str());
  STRCMP_CONTAINS(
      "; add to run.allow in /etc/belay/policy.yaml: "
      R"({"executable":"/usr/bin/curl","argv":["curl","https://x"]})",
      error.message.c_str());
  const Verdict denied = policy.check(request("DELETE", "https://api.test/"), 0);
  STRCMP_EQUAL("narrow or remove http.deny[1] (no-delete) in /etc/belay/policy.yaml",
               denied.change.c_str());
}

TEST(Policy, whatItSuggestsIsARuleThatAllows) {
  const RenderedEffect effect = withEnv(command("/usr/bin/make", {"make", "check \"all\""}), "CC");
  const std::string change = policy.check(effect, 0).change;
  const std::string rule = change.substr(change.find('{'));
  const auto again = parse((R"({"run":{"allow":[)" + rule + "]}}").c_str());
  CHECK(again->check(effect, 0).allowed);
  const RenderedEffect patch = request("PATCH", "http://x.test:81/y");
  const std::string line = policy.check(patch, 0).change;
  const auto web = parse((R"({"http":{"allow":[)" + line.substr(line.find('{')) + "]}}").c_str());
  CHECK(web->check(patch, 0).allowed);
}

TEST(Policy, leavesWhatStaysInTheJournalAlone) {
  for (const char* family : {"function", "kv", "set", "sleep", "wait", "switch"}) {
    const RenderedEffect effect{family, "f", "s", {}};
    CHECK(policy.check(effect, 0).allowed);
    CHECK(Policy::denyAll().check(effect, 0).allowed);
  }
  for (const char* family : {"run", "http", "ssh", "agent", "belay-step-x", ""}) {
    const RenderedEffect effect{family, "f", "s", {}};
    CHECK_FALSE(policy.check(effect, 0).allowed);
    CHECK_FALSE(builtIn.check(effect, 0).allowed);
  }
}

TEST(Policy, withoutAFileAUserMayRunAndRequest) {
  CHECK(builtIn.check(command("/usr/bin/dash", {"sh", "-c", "anything"}), 0).allowed);
  CHECK(builtIn.check(request("DELETE", "http://anything.test:81/"), 0).allowed);
  CHECK(reaches(builtIn, "127.0.0.1"));
  CHECK(reaches(builtIn, "::1"));
  CHECK(reaches(builtIn, "10.1.2.3"));
  CHECK(reaches(builtIn, "2001:db8::1"));
}

TEST(Policy, withoutAFileTheSystemMayDoNothing) {
  CHECK_FALSE(Policy::denyAll().check(command("/usr/bin/true", {"true"}), 0).allowed);
  CHECK_FALSE(Policy::denyAll().check(request("GET", "https://api.test/"), 0).allowed);
  CHECK_FALSE(parse("null")->check(command("/usr/bin/true", {"true"}), 0).allowed);
  CHECK_FALSE(parse("{}")->check(request("GET", "https://api.test/"), 0).allowed);
}

TEST(Policy, neverReachesMetadataByAnyName) {
  for (const char* address :
       {"169.254.169.254", "169.254.0.1", "fe80::1", "febf::1", "fd00:ec2::254", "100.100.100.200",
        "168.63.129.16", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
        "::169.254.169.254", "0.0.0.0", "240.0.0.1", "::", "224.0.0.1", "255.255.255.255", "ff02::1"}) {
    CHECK_FALSE_TEXT(reaches(builtIn, address), address);
  }
  for (const char* near : {"169.253.255.255", "169.255.0.0", "fec0::1", "100.100.100.201"}) {
    CHECK_TRUE_TEXT(reaches(builtIn, near), near);
  }
}

TEST(Policy, withAFileThisHostIsReachedOnlyWhenListed) {
  const Policy plain = parse("{}").value();
  for (const char* address :
       {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"}) {
    CHECK_FALSE_TEXT(reaches(plain, address), address);
  }
  for (const char* address : {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
                              "fd12:3456::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"}) {
    CHECK_FALSE_TEXT(reaches(plain, address), address);
    CHECK_TRUE_TEXT(reaches(builtIn, address), address);
  }
  for (const char* address : {"9.255.255.255", "172.32.0.1", "192.167.255.255", "203.0.113.7"})
    CHECK_TRUE_TEXT(reaches(plain, address), address);
  CHECK(reaches(policy, "127.0.0.1"));
  CHECK(reaches(policy, "::ffff:127.0.0.1"));
  CHECK_FALSE(reaches(policy, "127.0.0.2"));
  CHECK_FALSE(reaches(policy, "64:ff9b::7f00:1"));
  CHECK(reaches(policy, "169.254.10.20"));
  CHECK_FALSE(reaches(policy, "169.254.11.20"));
  CHECK(reaches(policy, "fd00:ec2::254"));
}

TEST(Policy, saysWhereAFileIsWrong) {
  for (const WrongRow& row : kWrong) {
    const auto read = parse(row.rules);
    CHECK_FALSE_TEXT(read.ok(), row.rules);
    CHECK(read.error().code == ErrorCode::kSettingsInvalid);
    STRCMP_EQUAL_TEXT(row.pointer, read.error().place.pointer.c_str(), row.rules);
    STRCMP_EQUAL("/etc/belay/policy.yaml", read.error().place.file.c_str());
  }
  STRCMP_CONTAINS("did you mean allow?", parse(R"({"run":{"alow":[]}})").error().message.c_str());
}

TEST(Policy, takesShellsWithTheirExactArguments) {
  const auto exact =
      parse(R"({"run":{"allow":[{"executable":"/bin/sh","argv":["sh","-c","exit 0"]}]}})");
  CHECK(exact->check(command("/usr/bin/dash", {"sh", "-c", "exit 0"}), 0).allowed);
  CHECK_FALSE(exact->check(command("/usr/bin/dash", {"sh", "-c", "exit 1"}), 0).allowed);
  CHECK_FALSE(exact->check(command("/usr/bin/dash", {"sh", "-c", "exit 0", "x"}), 0).allowed);
}

TEST_GROUP(RenderedEffect){};

TEST(RenderedEffect, isTheSameBytesForTheSameEffect) {
  RenderedEffect effect = withEnv(command("/usr/bin/git", {"git", "am"}), "LANG");
  const std::string json = belay::trust::effectJson(effect);
  STRCMP_EQUAL(R"({"v":1,"family":"run","flow":"flow-a","step":"step-1","run":{)"
               R"("executable":"/usr/bin/git","argv":["git","am"],"cwd":"/srv/work",)"
               R"("env":[{"name":"LANG","text":""}],"stdin_sha256":"","user":"","profile":""}})",
               json.c_str());
  CHECK(belay::trust::effectDigest(json) == belay::trust::effectDigest(std::string(json)));
  std::get<RunEffect>(effect.what).argv.back() = "am ";
  CHECK(belay::trust::effectDigest(belay::trust::effectJson(effect)) !=
        belay::trust::effectDigest(json));
}

TEST(RenderedEffect, namesSecretsAndNeverHoldsThem) {
  HttpEffect what;
  what.method = "POST";
  what.url = belay::http::parseUrl("https://hooks.test/T1/credential?x=credential").value();
  what.urlSecret = "HOOK";
  what.urlSecretVersion = 3;
  EffectValue header;
  header.name = "X-Token";
  header.secret = "TOKEN";
  header.secretVersion = 18446744073709551615u;
  what.headers.push_back(header);
  const std::string json = belay::trust::effectJson({"notify", "f", "s", what});
  CHECK(json.find("credential") == std::string::npos);
  STRCMP_CONTAINS(R"({"origin":"https://hooks.test","secret":"HOOK","version":"3"})", json.c_str());
  STRCMP_CONTAINS(R"("version":"18446744073709551615")", json.c_str());
  what.urlSecret.clear();
  STRCMP_CONTAINS("https://hooks.test/T1/credential?x=credential",
                  belay::trust::effectJson({"notify", "f", "s", what}).c_str());
}
