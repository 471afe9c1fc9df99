// The page of a request holds everything that its effect and its rendered step hold: each leaf of
// both is looked for on it, for every kind of step, so that a member that nobody thought of fails.

#include "agent/cli/WaitPages.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::json::Value;

namespace {

struct Row {
  const char* name;
  const char* effect;
  const char* rendered;
};

constexpr Row kRows[] = {
    {"run",
     R"({"v":1,"family":"run","flow":"f","step":"s","run":{"executable":"/bin/prog","argv":["prog",
         "-x"],"cwd":"/srv","env":[{"name":"MODE","text":"fast"},{"name":"KEY","secret":"deploy",
         "version":"41"}],"stdin_sha256":"digest-of-stdin","user":"worker","profile":"strong"}})",
     R"({"command":["prog","-x"],"cwd":"/srv","env":{"MODE":"fast","KEY":{"secret":"deploy"}},
         "stdin":"first\nsecond","ok_exit_codes":[0,17],"max_output":4242,"callback":"answer"})"},
    {"http",
     R"({"v":1,"family":"http","flow":"f","step":"s","http":{"method":"PUT","url":
         "https://h.example/p?q=1","connection":"api","connection_version":"version-of-it",
         "connection_secrets":[{"secret":"token","version":"7"}],"headers":[{"name":"X-A",
         "text":"one"}],"body_sha256":"digest-of-body"}})",
     R"({"connection":"a","url":"/p","method":"PUT","query":{"q":1},"headers":{"X-A":"one"},
         "json":{"amount":1200,"to":"mallory"},"ok_status":[299],"response_as":"text"})"},
    {"notify",
     R"({"v":1,"family":"notify","flow":"f","step":"s","http":{"method":"POST","url":{"origin":
         "https://chat.example","secret":"hook","version":"3"},"connection":"team",
         "connection_version":"version-of-it","connection_secrets":[],"headers":[],
         "body_sha256":"digest-of-body"}})",
     R"({"connection":"c","title":"Headline","text":"Message","data":{"channel":"general",
         "ping":true}})"},
    {"a family that is not there yet",
     R"({"v":1,"family":"ssh","flow":"f","step":"s","ssh":{"host":"db-1"},"rights":"root"})",
     R"({"host":"db-1","command":"reboot"})"},
};

/// What is shown of the effect as it comes to on the host, and so not of the step.
bool isShownAsEffect(const std::string& member, const Value& effect) {
  const bool run = effect.find("run") != nullptr;
  const bool http = effect.find("http") != nullptr;
  for (const char* name : {"command", "script", "shell", "cwd", "env"}) {
    if (run && member == name) return true;
  }
  for (const char* name : {"connection", "url", "method", "query", "headers"}) {
    if (http && member == name) return true;
  }
  return false;
}

void hasLeaves(const std::string& page, const Value& value, const char* row) {
  if (value.isObject()) {
    for (const auto& [name, member] : value.asObject()) hasLeaves(page, member, row);
  } else if (value.isArray()) {
    for (const Value& item : value.asArray()) hasLeaves(page, item, row);
  } else if (!value.isString()) {
    CHECK_TEXT(page.find(belay::json::print(value)) != std::string::npos,
               (std::string(row) + ": " + belay::json::print(value) + "\n" + page).c_str());
  } else {
    for (std::string rest = value.asString(); !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      CHECK_TEXT(page.find(rest.substr(0, end)) != std::string::npos,
                 (std::string(row) + ": " + rest + "\n" + page).c_str());
      rest.erase(0, end + 1);
    }
  }
}

}  // namespace

TEST_GROUP(WaitPages){};

TEST(WaitPages, aReviewShowsAllThatItBinds) {
  const belay::cli::Style style(false, 0);
  for (const Row& row : kRows) {
    Value effect = *belay::json::parse(row.effect);
    Value rendered = *belay::json::parse(row.rendered);
    Value request;
    request.set("kind", "review").set("effect_class", "once");
    request.set("effect", effect).set("rendered", rendered);
    const std::string page = belay::cli::effectPage(style, request);
    // Where it stands is the head of the page's request.
    for (const char* name : {"v", "flow", "step"}) effect.erase(name);
    hasLeaves(page, effect, row.name);
    for (const auto& [name, member] : rendered.asObject()) {
      if (!isShownAsEffect(name, effect)) hasLeaves(page, member, row.name);
    }
  }
}

TEST(WaitPages, whatCouldDeceiveIsMadeVisible) {
  Value request;
  request.set("kind", "review");
  Value effect = *belay::json::parse(kRows[2].effect);
  Value rendered;
  rendered.set("title", "a\x1b[2Jb").set("data", "\u202Ec");
  request.set("effect", std::move(effect)).set("rendered", std::move(rendered));
  const std::string page = belay::cli::effectPage(belay::cli::Style(false, 0), request);
  STRCMP_CONTAINS("a\\x1b[2Jb", page.c_str());
  STRCMP_CONTAINS("\\u{202e}c", page.c_str());
  CHECK(page.find('\x1b') == std::string::npos);
}
