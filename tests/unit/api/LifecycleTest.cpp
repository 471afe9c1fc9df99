// Drafts, releases and promotions over the API of a host in miniature.

#include "common/json/Json.h"
#include "tests/unit/api/TestHost.h"

#include <CppUTest/TestHarness.h>

using belay::json::Value;
using belay::test::Answer;
using belay::test::TestHost;

namespace {

std::string flowText(const std::string& word) {
  return "slug: hello\nname: Hello\ntags: [greeting, prod]\nrequires: [{name: chat, type: chat}]\n"
         "state: {said: none}\nsteps:\n  - {id: say, set: {said: " +
         word + "}}\n";
}

}  // namespace

TEST_GROUP(Lifecycle) {
  TestHost host;

  Answer put(const std::string& word, Value body = Value(belay::json::Object{})) {
    body.set("content", flowText(word)).set("file", "hello.flow.yaml");
    return host.post("/v1/flows", belay::json::print(body));
  }
  Answer putForced(const std::string& word) { return put(word, Value().set("force", true)); }
  void release(const std::string& word) {
    CHECK(putForced(word).ok());
    CHECK(host.post("/v1/flows/hello/releases", R"({"note": "n"})").ok());
  }
  std::string sourceOf(const std::string& body) {
    const Answer answer = host.post("/v1/runs", body);
    return answer.ok() ? answer.at("/run/source") : answer.code();
  }
};

TEST(Lifecycle, aRunTakesWhatIsLiveUnlessItSaysMore) {
  release("one");
  STRCMP_EQUAL("BLY-FLOW-NOT-LIVE", sourceOf(R"({"flow": "hello"})").c_str());
  CHECK(host.post("/v1/flows/hello/promote", "{}").ok());
  release("two");
  STRCMP_EQUAL("live:1", sourceOf(R"({"flow": "hello"})").c_str());
  STRCMP_EQUAL("release:2", sourceOf(R"({"flow": "hello", "release": "2"})").c_str());
  STRCMP_EQUAL("draft", sourceOf(R"({"flow": "hello", "draft": true})").c_str());
  STRCMP_EQUAL("BLY-RELEASE-NOT-FOUND", sourceOf(R"({"flow": "hello", "release": "3"})").c_str());
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT",
               sourceOf(R"({"flow": "hello", "release": "2", "draft": true})").c_str());
}

TEST(Lifecycle, aStartKeyGivesItsRunWhateverIsLiveNow) {
  release("one");
  CHECK(host.post("/v1/flows/hello/promote", "{}").ok());
  const std::vector<std::pair<std::string, std::string>> key{{"Idempotency-Key", "k"}};
  const Answer first = host.call("POST", "/v1/runs", R"({"flow": "hello"})", key);
  CHECK(host.post("/v1/flows/hello/archive", R"({"undo": false})").ok());
  const Answer second = host.call("POST", "/v1/runs", R"({"flow": "hello"})", key);
  STRCMP_EQUAL(first.at("/run/id").c_str(), second.at("/run/id").c_str());
  STRCMP_EQUAL("BLY-FLOW-ARCHIVED", sourceOf(R"({"flow": "hello"})").c_str());
}

TEST(Lifecycle, aPushOfUnknownOriginReplacesOnlyWhatItNames) {
  const Answer first = put("one");
  STRCMP_EQUAL("BLY-FLOW-DRAFT-CHANGED", put("two").code().c_str());
  CHECK(put("two", Value().set("if_draft", first.at("/digest"))).ok());
  STRCMP_EQUAL("BLY-FLOW-DRAFT-CHANGED",
               put("three", Value().set("if_draft", first.at("/digest"))).code().c_str());
  CHECK(put("four", Value().set("force", true).set("origin", "/f")).ok());
  CHECK(put("five", Value().set("origin", "/f")).ok());
}

TEST(Lifecycle, theListShowsDraftReleaseAndLive) {
  release("one");
  CHECK(host.post("/v1/flows/hello/promote", "{}").ok());
  release("two");
  CHECK(putForced("three").ok());
  const Answer list = host.get("/v1/flows");
  STRCMP_EQUAL("2", list.at("/flows/0/newest_release/number").c_str());
  STRCMP_EQUAL("1", list.at("/flows/0/live/release").c_str());
  STRCMP_EQUAL("false", list.at("/flows/0/archived").c_str());
  STRCMP_EQUAL(list.at("/flows/0/draft_digest").c_str(),
               host.get("/v1/flows/hello").at("/flow/draft_digest").c_str());
}

TEST(Lifecycle, contentsComeByTheirNames) {
  release("one");
  CHECK(host.post("/v1/flows/hello/promote", "{}").ok());
  CHECK(putForced("two").ok());
  STRCMP_EQUAL(flowText("two").c_str(), host.get("/v1/flows/hello/content").at("/content").c_str());
  STRCMP_EQUAL(flowText("one").c_str(),
               host.get("/v1/flows/hello/content?of=live").at("/content").c_str());
  const Answer diff = host.get("/v1/flows/hello/diff");
  STRCMP_EQUAL("live:1", diff.at("/from/name").c_str());
  STRCMP_EQUAL("1", diff.at("/added").c_str());
  STRCMP_EQUAL("+  - {id: say, set: {said: two}}\n", diff.at("/hunks/0/lines/4").c_str());
  STRCMP_EQUAL("true", host.get("/v1/flows/hello/diff?from=1&to=live").at("/same").c_str());
}

TEST(Lifecycle, releasesAreListedInPagesWithWhatWasLive) {
  for (const char* word : {"one", "two", "three"}) {
    release(word);
    CHECK(host.post("/v1/flows/hello/promote", "{}").ok());
  }
  CHECK(host.post("/v1/flows/hello/rollback", "{}").ok());
  const Answer page = host.get("/v1/flows/hello/releases?limit=2");
  STRCMP_EQUAL("3", page.at("/releases/0/number").c_str());
  STRCMP_EQUAL("true", page.at("/releases/1/live").c_str());
  STRCMP_EQUAL("2", page.at("/next_before").c_str());
  STRCMP_EQUAL("true", page.at("/promotions/0/rollback").c_str());
  const Answer next = host.get("/v1/flows/hello/releases?before=2");
  STRCMP_EQUAL("1", next.at("/releases/0/number").c_str());
  STRCMP_EQUAL("(nothing)", next.at("/next_before").c_str());
}

TEST(Lifecycle, anExportIsAnImport) {
  release("one");
  const Answer exported = host.get("/v1/flows/hello/export?release=1");
  CHECK(exported.ok());
  STRCMP_EQUAL("BLY-FLOW-NOT-LIVE", host.get("/v1/flows/hello/export").code().c_str());
  STRCMP_EQUAL("BLY-RELEASE-NOT-FOUND",
               host.get("/v1/flows/hello/export?release=draft").code().c_str());
  TestHost other;
  const Answer imported = other.post("/v1/imports", belay::json::print(exported.data()));
  STRCMP_EQUAL("1", imported.at("/release/number").c_str());
  STRCMP_EQUAL("n", imported.at("/release/note").c_str());
  STRCMP_EQUAL("(nothing)", other.get("/v1/flows/hello").at("/flow/live").c_str());
  STRCMP_EQUAL(
      "true",
      other.post("/v1/imports", belay::json::print(exported.data())).at("/existing").c_str());
  STRCMP_EQUAL(flowText("one").c_str(),
               other.get("/v1/flows/hello/content?of=1").at("/content").c_str());
}

TEST(Lifecycle, anImportThatWasChangedIsRefused) {
  release("one");
  const Value exported = host.get("/v1/flows/hello/export?release=1").data();
  const auto withMember = [&](const char* name, Value value) {
    Value body = exported;
    body.find("export")->set(name, std::move(value));
    return host.post("/v1/imports", belay::json::print(body)).code();
  };
  STRCMP_EQUAL("BLY-FLOW-DIGEST", withMember("content", flowText("evil")).c_str());
  STRCMP_EQUAL("BLY-FLOW-DIGEST", withMember("slug", "other").c_str());
  STRCMP_EQUAL("BLY-FLOW-UNKNOWN-KEY", withMember("content", "slug: hello\nstep: []\n").c_str());
  STRCMP_EQUAL("BLY-UNSUPPORTED", withMember("belay_export", 2).c_str());
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", withMember("format", "xml").c_str());
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", withMember("more", 1).c_str());
}

TEST(Lifecycle, whatIsRequiredAndNotBoundIsSaid) {
  CHECK(put("one").ok());
  const Answer check = host.get("/v1/flows/hello/bindings");
  STRCMP_EQUAL("false", check.at("/ready").c_str());
  STRCMP_EQUAL("chat", check.at("/requires/0/name").c_str());
  STRCMP_EQUAL("it is not bound", check.at("/requires/0/problem").c_str());
  STRCMP_EQUAL("BLY-NOT-FOUND", host.get("/v1/flows/helo/bindings").code().c_str());
}

TEST(Lifecycle, flowsAreFoundByTextAndTag) {
  CHECK(put("one").ok());
  STRCMP_EQUAL("[\"tag\"]", host.get("/v1/search/flows?tag=prod").at("/flows/0/matches").c_str());
  STRCMP_EQUAL("[\"slug\",\"name\"]",
               host.get("/v1/search/flows?text=HELL").at("/flows/0/matches").c_str());
  STRCMP_EQUAL("[\"content\"]",
               host.get("/v1/search/flows?text=said").at("/flows/0/matches").c_str());
  STRCMP_EQUAL("[]", host.get("/v1/search/flows?text=said&tag=pro").at("/flows").c_str());
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", host.get("/v1/search/flows").code().c_str());
}
