// The API over its real socket, with a real journal and runtime behind it; only steps that leave
// the process are fakes. What is asked here is what a caller sees: status, envelope, and what later
// reads say.

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>

#include "agent/steps/RunStep.h"
#include "common/base/Text.h"
#include "tests/unit/api/TestHost.h"

#include <CppUTest/TestHarness.h>

using belay::json::Value;
using belay::test::Answer;
using belay::test::TestHost;

namespace {

const std::string kSetFlow = R"(slug: hello
input: {type: object, required: [who], properties: {who: {type: string}}}
steps:
  - id: greet
    set: {greeting: "${{ 'hello ' + input.who }}"}
output: {said: "${{ state.greeting }}"}
)";

const std::string kApprovalFlow = R"(slug: gate
steps:
  - id: review
    wait:
      approval: {summary: "Ship it?", form: {type: object, properties: {ticket: {type: integer}}}}
      timeout: 1h
output: {ok: "${{ steps.review.output.approved }}", by: "${{ steps.review.output.by }}"}
)";

const std::string kCallbackFlow = R"(slug: phone
steps:
  - id: ring
    wait:
      callback: {schema: {type: object, required: [n], properties: {n: {type: integer}}}}
      timeout: 1h
output: {n: "${{ steps.ring.output.body.n }}"}
)";

const std::string kEventFlow = R"(slug: listen
steps:
  - id: hear
    wait: {event: {name: build.finished}, timeout: 1h}
)";

const std::string kJobFlow = R"(slug: work
steps:
  - id: build
    run: {command: [/bin/true]}
)";

}  // namespace

TEST_GROUP(ApiServer) { TestHost host; };

TEST(ApiServer, startsARunOfAFlowFileAndTellsItsEnd) {
  const std::string run = host.startRun(kSetFlow, "succeeded", R"({"who": "you"})");
  const Answer shown = host.get("/v1/runs/" + run);
  STRCMP_EQUAL("succeeded", shown.at("/run/status").c_str());
  STRCMP_EQUAL("hello you", shown.at("/run/output/said").c_str());
  STRCMP_EQUAL("greet", shown.at("/path/0").c_str());
  STRCMP_EQUAL("set", shown.at("/steps/0/family").c_str());
  STRCMP_EQUAL("daemon", shown.envelope.meta.text("source").c_str());
}

TEST(ApiServer, saysWhatIsWrongWithAFlowAndWhere) {
  Value body;
  body.set("content", "slug: x\nsteps:\n  - id: a\n    rum: {command: [ls]}\n")
      .set("file", "x.flow.yaml");
  const Answer answer = host.post("/v1/runs", belay::json::print(body));
  CHECK(!answer.ok());
  LONGS_EQUAL(422, answer.status);
  STRCMP_EQUAL("4", answer.at("/diagnostics/0/line").c_str());
  STRCMP_EQUAL("x.flow.yaml", answer.envelope.error->place.file.c_str());
}

TEST(ApiServer, refusesInputThatDoesNotMatchAndStartsNothing) {
  Value body;
  body.set("content", kSetFlow).set("input", Value(belay::json::Object{}));
  const Answer answer = host.post("/v1/runs", belay::json::print(body));
  STRCMP_EQUAL("BLY-INPUT-INVALID", answer.code().c_str());
  STRCMP_EQUAL("[]", host.get("/v1/runs").at("/runs").c_str());
}

TEST(ApiServer, theSameKeyGivesTheSameRun) {
  Value body;
  body.set("content", kSetFlow).set("input", *belay::json::parse(R"({"who": "a"})"));
  const std::string text = belay::json::print(body);
  const Answer first = host.call("POST", "/v1/runs", text, {{"Idempotency-Key", "k1"}});
  const Answer second = host.call("POST", "/v1/runs", text, {{"Idempotency-Key", "k1"}});
  STRCMP_EQUAL("false", first.at("/existing").c_str());
  STRCMP_EQUAL("true", second.at("/existing").c_str());
  STRCMP_EQUAL(first.at("/run/id").c_str(), second.at("/run/id").c_str());
}

TEST(ApiServer, runsAFlowThatIsOnTheHostBySlug) {
  host.startRun(kSetFlow, "succeeded", R"({"who": "a"})");
  CHECK(host.post("/v1/runs", R"({"flow": "hello", "draft": true, "input": {"who": "b"}})").ok());
  STRCMP_EQUAL("BLY-NOT-FOUND", host.post("/v1/runs", R"({"flow": "helo"})").code().c_str());
}

TEST(ApiServer, takesTheBeginningOfARunsId) {
  const std::string run = host.startRun(kSetFlow, "succeeded", R"({"who": "a"})");
  STRCMP_EQUAL(run.c_str(), host.get("/v1/runs/" + run.substr(0, 12)).at("/run/id").c_str());
  STRCMP_EQUAL("BLY-RUN-NOT-FOUND", host.get("/v1/runs/rzzz").code().c_str());
}

TEST(ApiServer, anApprovalEndsTheWaitAndNamesThePerson) {
  const std::string run = host.startRun(kApprovalFlow, "waiting");
  const Answer waiting = host.get("/v1/runs/" + run);
  CHECK(waiting.at("/run/reason").find("waits for approval: Ship it?") != std::string::npos);
  const std::string wait = host.openWait();
  STRCMP_EQUAL(("belay approve " + wait).c_str(), waiting.at("/actions/1").c_str());
  const Answer answer =
      host.post("/v1/waits/" + wait + "/approve", R"({"comment": "go", "form": {"ticket": 7}})");
  CHECK_TEXT(answer.ok(), answer.text.c_str());
  host.waitFor(run, "succeeded");
  const Answer shown = host.get("/v1/runs/" + run);
  STRCMP_EQUAL("true", shown.at("/run/output/ok").c_str());
  CHECK(shown.at("/run/output/by").starts_with("uid:" + std::to_string(::geteuid())));
  STRCMP_EQUAL("approved", shown.at("/steps/0/wait/status").c_str());
  STRCMP_EQUAL("7", shown.at("/steps/0/wait/body/form/ticket").c_str());
  CHECK(!shown.at("/steps/0/wait/decision").empty());
}

TEST(ApiServer, aRunIdNamesItsOneOpenWait) {
  const std::string run = host.startRun(kApprovalFlow, "waiting");
  CHECK(host.post("/v1/waits/" + run + "/reject").ok());
  host.waitFor(run, "succeeded");
  STRCMP_EQUAL("false", host.get("/v1/runs/" + run).at("/run/output/ok").c_str());
}

TEST(ApiServer, aDecisionAboutAnotherRequestIsRefused) {
  const std::string run = host.startRun(kApprovalFlow, "waiting");
  const std::string digest(64, 'a');
  const Answer answer = host.post("/v1/waits/" + host.openWait() + "/approve",
                                  R"({"request_digest": ")" + digest + R"("})");
  STRCMP_EQUAL("BLY-DECISION-INVALID", answer.code().c_str());
  LONGS_EQUAL(403, answer.status);
  STRCMP_EQUAL("waiting", host.get("/v1/runs/" + run).at("/run/status").c_str());
}

TEST(ApiServer, aFormThatDoesNotMatchLeavesTheWaitOpen) {
  host.startRun(kApprovalFlow, "waiting");
  const Answer answer =
      host.post("/v1/waits/" + host.openWait() + "/approve", R"({"form": {"ticket": "x"}})");
  STRCMP_EQUAL("BLY-SCHEMA-VIOLATION", answer.code().c_str());
  LONGS_EQUAL(422, answer.status);
  CHECK(!host.openWait().empty());
}

TEST(ApiServer, anInputThatWouldLoseDigitsIsRefused) {
  const Answer answer =
      host.post("/v1/runs", R"({"flow": "gate", "input": {"a": [9007199254740993]}})");
  STRCMP_EQUAL("BLY-JSON-SYNTAX", answer.code().c_str());
  STRCMP_CONTAINS("\"/input/a/0\"", answer.text.c_str());
}

TEST(ApiServer, aSecondDecisionComesTooLate) {
  host.startRun(kApprovalFlow, "waiting");
  const std::string wait = host.openWait();
  CHECK(host.post("/v1/waits/" + wait + "/approve").ok());
  STRCMP_EQUAL("BLY-WAIT-CLOSED", host.post("/v1/waits/" + wait + "/reject").code().c_str());
}

TEST(ApiServer, aCallbackOfAnOperatorNeedsNoToken) {
  const std::string run = host.startRun(kCallbackFlow, "waiting");
  const std::string wait = host.openWait();
  STRCMP_EQUAL("BLY-SCHEMA-VIOLATION",
               host.post("/v1/callbacks/" + wait, R"({"n": "x"})").code().c_str());
  CHECK(host.post("/v1/callbacks/" + wait, R"({"n": 3})").ok());
  host.waitFor(run, "succeeded");
  STRCMP_EQUAL("3", host.get("/v1/runs/" + run).at("/run/output/n").c_str());
}

TEST(ApiServer, anEventAnswersTheWaitsForItsName) {
  const std::string run = host.startRun(kEventFlow, "waiting");
  STRCMP_EQUAL("0", host.post("/v1/events", R"({"name": "other"})").at("/answered").c_str());
  STRCMP_EQUAL("1", host.post("/v1/events", R"({"name": "build.finished", "body": {"a": 1}})")
                        .at("/answered")
                        .c_str());
  host.waitFor(run, "succeeded");
  STRCMP_EQUAL("succeeded", host.get("/v1/runs/" + run).at("/run/status").c_str());
}

TEST(ApiServer, pausesResumesAndCancels) {
  const std::string run = host.startRun(kApprovalFlow, "waiting");
  STRCMP_EQUAL("paused", host.post("/v1/runs/" + run + "/pause").at("/run/status").c_str());
  STRCMP_EQUAL("waiting", host.post("/v1/runs/" + run + "/resume").at("/run/status").c_str());
  CHECK(host.post("/v1/runs/" + run + "/cancel").ok());
  host.waitFor(run, "cancelled");
  STRCMP_EQUAL("BLY-RUN-FINISHED", host.post("/v1/runs/" + run + "/pause").code().c_str());
}

TEST(ApiServer, waitingForARunEndsWithItOrWithTheTime) {
  const std::string run = host.startRun(kApprovalFlow, "waiting");
  const Answer late = host.get("/v1/runs/" + run + "/wait?for=10ms");
  CHECK(late.ok());
  CHECK(late.envelope.meta.flag("timed_out"));
  auto parked =
      std::async(std::launch::async, [&] { return host.get("/v1/runs/" + run + "/wait?for=20s"); });
  CHECK(host.post("/v1/waits/" + run + "/approve").ok());
  const Answer ended = parked.get();
  STRCMP_EQUAL("succeeded", ended.at("/run/status").c_str());
  CHECK(!ended.envelope.meta.flag("timed_out"));
}

TEST(ApiServer, anEventStreamEndsWithItsRun) {
  const std::string run = host.startRun(kApprovalFlow, "waiting");
  auto stream =
      std::async(std::launch::async, [&] { return host.readAll("/v1/runs/" + run + "/follow"); });
  CHECK(host.post("/v1/waits/" + run + "/approve").ok());
  const std::string text = stream.get();
  CHECK(text.starts_with(R"({"seq":1,"event":"run_created")"));
  CHECK(text.find(R"("event":"run_finished")") != std::string::npos);
  CHECK(text.ends_with("}\n"));
}

TEST(ApiServer, anEventStreamBeginsWhereItIsAsked) {
  const std::string run = host.startRun(kSetFlow, "succeeded", R"({"who": "a"})");
  CHECK(host.readAll("/v1/runs/" + run + "/follow?after=1").starts_with(R"({"seq":2,)"));
  STRCMP_EQUAL("BLY-RUN-NOT-FOUND", host.get("/v1/runs/rnone/follow").code().c_str());
}

TEST(ApiServer, logsComeInOrderWithoutSecrets) {
  CHECK(host.vault->set("TOKEN", belay::vault::SecretValue("very-secret-value")).ok());
  const std::string run = host.startRun(kJobFlow, "running");
  while (host.performer.started().empty()) ::usleep(1000);
  const auto attempt = host.performer.started().front();
  const auto job = belay::steps::jobIdOf(attempt);
  host.jobs.write(job, belay::jobs::LogStream::kStdout, "one\n");
  host.jobs.write(job, belay::jobs::LogStream::kStderr, "two\n");
  host.jobs.write(job, belay::jobs::LogStream::kStdout, "very-secret-value\n");
  const std::string text = host.readAll("/v1/runs/" + run + "/logs");
  CHECK(text.find("very-secret") == std::string::npos);
  CHECK(text.find("***TOKEN***") != std::string::npos);
  CHECK(text.find(R"("stream":"stderr")") != std::string::npos);
  host.finish(attempt, "{}");
}

TEST(ApiServer, aLogIsFollowedUntilTheRunHasEnded) {
  const std::string run = host.startRun(kJobFlow, "running");
  while (host.performer.started().empty()) ::usleep(1000);
  const auto attempt = host.performer.started().front();
  const auto job = belay::steps::jobIdOf(attempt);
  auto stream = std::async(std::launch::async,
                           [&] { return host.readAll("/v1/runs/" + run + "/logs?follow=true"); });
  host.jobs.write(job, belay::jobs::LogStream::kStdout, "one\n");
  ::usleep(200'000);
  host.jobs.write(job, belay::jobs::LogStream::kStdout, "two\n");
  host.finish(attempt, R"({"exit_code": 0})");
  const std::string text = stream.get();
  CHECK(text.find(R"("text":"one\n")") != std::string::npos);
  CHECK(text.find("two\\n") != std::string::npos);
}

TEST(ApiServer, keysAreChangedAndRead) {
  CHECK(host.post("/v1/kv/default", R"({"operation": "set", "key": "a/b c", "value": {"n": 1}})")
            .ok());
  const Answer got = host.get("/v1/kv/default/value?key=a%2Fb%20c");
  STRCMP_EQUAL_TEXT("1", got.at("/entry/value/n").c_str(), got.text.c_str());
  CHECK(host.post("/v1/kv/default", R"({"operation": "increment", "key": "count", "by": 5})").ok());
  STRCMP_EQUAL("5", host.get("/v1/kv/default?prefix=co").at("/entries/0/value").c_str());
  CHECK(host.post("/v1/kv/default", R"({"operation": "delete", "key": "count"})").ok());
  STRCMP_EQUAL("BLY-NOT-FOUND", host.get("/v1/kv/default/value?key=count").code().c_str());
}

TEST(ApiServer, theValueOfASecretNeverComesBack) {
  const Answer set = host.call("PUT", "/v1/secrets/TOKEN", "hunter2-hunter2",
                               {{"Content-Type", "application/octet-stream"}});
  CHECK_TEXT(set.ok(), set.text.c_str());
  const Answer list = host.get("/v1/secrets");
  STRCMP_EQUAL("TOKEN", list.at("/secrets/0/name").c_str());
  CHECK(list.text.find("hunter2") == std::string::npos);
  CHECK(host.call("DELETE", "/v1/secrets/TOKEN").ok());
  STRCMP_EQUAL("[]", host.get("/v1/secrets").at("/secrets").c_str());
}

TEST(ApiServer, bindsWhatAFlowRequires) {
  Value body;
  body.set("content",
           "slug: tell\nrequires: [{name: chat, type: chat}]\nsteps:\n  - {id: a, set: {x: 1}}\n");
  CHECK(host.post("/v1/flows", belay::json::print(body)).ok());
  CHECK(host.call("PUT", "/v1/flows/tell/bindings/chat", R"({"connection": "team"})").ok());
  STRCMP_EQUAL("team", host.get("/v1/flows/tell").at("/flow/requires/0/connection").c_str());
  STRCMP_EQUAL(
      "BLY-CONNECTION-NOT-FOUND",
      host.call("PUT", "/v1/flows/tell/bindings/chat", R"({"connection": "teem"})").code().c_str());
  STRCMP_EQUAL(
      "BLY-FLOW-UNKNOWN-NAME",
      host.call("PUT", "/v1/flows/tell/bindings/chot", R"({"connection": "team"})").code().c_str());
}

TEST(ApiServer, aContentComesWhole) {
  const std::string content(300'000, 'x');
  const auto stored = host.store->put(content);
  const std::string target = "/v1/resources/" + stored->digest.hex() + "/content";
  CHECK(host.readAll(target) == content);
  STRCMP_EQUAL("BLY-RESOURCE-NOT-FOUND",
               host.get("/v1/resources/" + std::string(64, 'a') + "/content").code().c_str());
}

TEST(ApiServer, looksAfterTheJournal) {
  const std::string run = host.startRun(kSetFlow, "succeeded", R"({"who": "a"})");
  STRCMP_EQUAL("1", host.get("/v1/journal/stats").at("/journal/runs").c_str());
  STRCMP_EQUAL("1", host.post("/v1/journal/verify").at("/runs").c_str());
  const std::string copy = host.folder.at("copy.db");
  CHECK(host.post("/v1/journal/backup", R"({"target": ")" + copy + R"("})").ok());
  STRCMP_EQUAL("BLY-CONFLICT",
               host.post("/v1/journal/backup", R"({"target": ")" + copy + R"("})").code().c_str());
  ::usleep(5000);
  STRCMP_EQUAL("1", host.post("/v1/journal/prune", R"({"older_than": "1ms"})").at("/runs").c_str());
  STRCMP_EQUAL("BLY-RUN-NOT-FOUND", host.get("/v1/runs/" + run).code().c_str());
}

TEST(ApiServer, refusesWhatItDoesNotKnowAndSaysWhatIsNear) {
  const Answer query = host.get("/v1/runs?stat=failed");
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", query.code().c_str());
  const Answer member = host.post("/v1/runs", R"({"flows": "x"})");
  CHECK(member.text.find("did you mean \\\"flow\\\"?") != std::string::npos);
  LONGS_EQUAL(404, host.get("/v1/nothing").status);
  LONGS_EQUAL(405, host.call("DELETE", "/v1/runs").status);
  STRCMP_EQUAL("BLY-JSON-SYNTAX", host.post("/v1/runs", "{").code().c_str());
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT", host.get("/v1/runs?limit=100000").code().c_str());
}

TEST(ApiServer, saysWhoAsks) {
  const Answer answer = host.get("/v1/daemon");
  STRCMP_EQUAL("operator", answer.at("/you/role").c_str());
  STRCMP_EQUAL(std::to_string(::getpid()).c_str(), answer.at("/pid").c_str());
}

TEST(ApiServer, aDrainLetsParkedRequestsGo) {
  const std::string run = host.startRun(kApprovalFlow, "waiting");
  auto parked =
      std::async(std::launch::async, [&] { return host.get("/v1/runs/" + run + "/wait?for=30s"); });
  // Nobody can say from when on it is parked.
  ::sleep(1);
  host.server().drain(std::chrono::seconds{5});
  CHECK(parked.get().envelope.meta.flag("timed_out"));
}

// Another user: only this thread gives up its rights, for as long as it takes to connect.
TEST_GROUP(ApiStrangers) {
  static belay::api::ApiOptions options() {
    belay::api::ApiOptions made;
    made.readers = {"12345"};
    return made;
  }
  TestHost host{options()};

  Answer asUser(uid_t uid, const std::string& method, const std::string& target,
                const std::string& body = {},
                const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    ::chmod(host.folder.path().c_str(), 0755);
    return std::async(std::launch::async,
                      [&] {
                        BELAY_CHECK(::syscall(SYS_setresuid, uid, uid, -1) == 0);
                        Answer answer = host.call(method, target, body, headers);
                        return answer;
                      })
        .get();
  }
};

TEST(ApiStrangers, areRefusedByDefault) {
  if (::geteuid() != 0) return;
  LONGS_EQUAL(403, asUser(54321, "GET", "/v1/runs").status);
  // Nor does a stranger learn what there is not.
  LONGS_EQUAL(403, asUser(54321, "GET", "/v1/nothing").status);
  LONGS_EQUAL(403, asUser(54321, "PATCH", "/v1/runs").status);
  LONGS_EQUAL(403, asUser(54321, "POST", "/v1/events", R"({"name": "x"})").status);
}

TEST(ApiStrangers, readersMayOnlyLook) {
  if (::geteuid() != 0) return;
  LONGS_EQUAL(200, asUser(12345, "GET", "/v1/runs").status);
  LONGS_EQUAL(403, asUser(12345, "POST", "/v1/events", R"({"name": "x"})").status);
  LONGS_EQUAL(403, asUser(12345, "GET", "/v1/secrets").status);
}

TEST(ApiStrangers, answerACallbackWithItsTokenOnly) {
  if (::geteuid() != 0) return;
  host.startRun(kCallbackFlow, "waiting");
  const std::string wait = host.openWait();
  const std::string target = "/v1/callbacks/" + wait;
  STRCMP_EQUAL("BLY-CALLBACK-TOKEN", asUser(54321, "POST", target, R"({"n": 1})").code().c_str());
  STRCMP_EQUAL("BLY-CALLBACK-TOKEN", asUser(54321, "POST", target, R"({"n": 1})",
                                            {{"Authorization", "Bearer token-other"}})
                                         .code()
                                         .c_str());
  CHECK(asUser(54321, "POST", target, R"({"n": 1})", {{"Authorization", "Bearer token-" + wait}})
            .ok());
}
