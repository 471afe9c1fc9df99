// Flows that an earlier version took and this one refuses: what the journal holds of them is read,
// its runs go on and can be ended, and the same content that comes anew is refused. One flow for
// each rule that says Report::laterError, or leaves out what is stored in another way.

#include <string>
#include <vector>

#include "agent/flow/CodeCalls.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::RunId;
using belay::flow::Content;
using belay::flow::Format;
using belay::runtime::Runtime;
using belay::test::TestRuntime;

namespace {

struct Taken {
  const char* rule;
  Format format;
  const char* content;
};

/// Each waits for an approval first.
const std::vector<Taken> kTaken{
    {"whole numbers beyond 2^53 lose digits", Format::kJson,
     R"({"slug":"old","steps":[{"id":"ask","wait":{"approval":{"summary":"?"},"timeout":"1h"}},)"
     R"({"id":"s","run":{"command":["true"]}}],"state":{"x":12345678901234567890}})"},
    {"a form is an object", Format::kYaml,
     "slug: old\nsteps:\n"
     "  - {id: ask, wait: {approval: {summary: '?', form: {type: string}}, timeout: 1h}}\n"},
    {"connections are of the host", Format::kYaml,
     "slug: old\nsteps:\n"
     "  - {id: ask, wait: {approval: {summary: '?'}, timeout: 1h}}\n"
     "  - {id: find, search: {query: q, targets: [connections]}}\n"},
};

std::string digestOf(const Taken& taken) {
  return "sha256:" + belay::crypto::sha256(taken.content).hex();
}

}  // namespace

TEST_GROUP(StoredFlows) {
  TestRuntime host;

  void setup() override { host.boot(); }
  /// As an earlier version did, in a life before this one.
  RunId runOf(const Taken& taken) {
    std::string run;
    CHECK_TEXT(host.tell([&](Runtime& on) -> belay::base::Status {
                     BELAY_TRY(on.journal().putFlow(
                         {digestOf(taken), "old", std::string(belay::flow::formatName(taken.format)),
                          taken.content, host.clock.wallMs()}));
                     belay::runtime::StartRequest request;
                     request.digest = digestOf(taken);
                     request.by = "uid:1000";
                     BELAY_ASSIGN(const auto started, on.start(request));
                     run = started.run.str();
                     return {};
                   }).ok(),
               taken.rule);
    host.boot();
    return *RunId::parse(run);
  }
};

TEST(StoredFlows, areRefusedWhenTheyComeAnew) {
  for (const Taken& taken : kTaken) {
    const auto checked = belay::flow::checkFlow(taken.content, "old", taken.format);
    CHECK_TEXT(!checked.flow, taken.rule);
    LONGS_EQUAL_TEXT(1, checked.diagnostics.size(), taken.rule);
  }
}

TEST(StoredFlows, haveRunsThatCanBeEnded) {
  for (const Taken& taken : kTaken) {
    const RunId run = runOf(taken);
    STRCMP_EQUAL_TEXT("waiting", host.status(run).c_str(), taken.rule);
    CHECK_TEXT(host.tell([&](Runtime& on) {
                     return on.control(run, belay::runtime::Verb::kCancel, "uid:1000");
                   }).ok(),
               taken.rule);
    STRCMP_EQUAL_TEXT("cancelled", host.status(run).c_str(), taken.rule);
  }
  CHECK(!host.log.contains("run.unreadable"));
}

TEST(StoredFlows, haveRunsThatGoOn) {
  const RunId run = runOf(kTaken[0]);
  CHECK(host.decide(host.openWait(), true).ok());
  host.succeed(host.jobs.started().back());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  // As the number was read then.
  STRCMP_CONTAINS("1.2345678901234567e+19", host.state(run).stateJson.c_str());
}

TEST(StoredFlows, whoseTextIsNotTheirsAreNotRead) {
  const Taken& taken = kTaken[0];
  const auto read = belay::flow::storedFlow("{\"slug\": ", "old", "json");
  CHECK(!read.ok() && read.error().code == ErrorCode::kJsonSyntax);
  CHECK(!belay::flow::storedFlow("{\"slug\": \"old\", \"steps\": []}", "old", "json").ok());
  STRCMP_EQUAL(digestOf(taken).c_str(),
               belay::flow::storedFlow(taken.content, "old", "json")->digest.c_str());
}

TEST(StoredFlows, thatAreCodeHaveTheirRecordedCalls) {
  const auto flow = belay::flow::storedFlow(
      "export const flow = {slug: 'old'};\nexport default async function (ctx) {}\n", "old", "js");
  CHECK(flow.ok());
  for (const char* const call :
       {R"({"wait":{"approval":{"summary":"?","form":{"type":"string"}},"timeout":"1h"}})",
        R"({"search":{"query":"q","targets":["connections"]}})"}) {
    CHECK_TEXT(!belay::flow::checkCall(*flow, "ask", call).ok(), call);
    CHECK_TEXT(belay::flow::checkCall(*flow, "ask", call, Content::kStored).ok(), call);
    CHECK_TEXT(belay::flow::callStep(*flow, "ask", call).ok(), call);
  }
}
