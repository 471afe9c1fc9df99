// Takes the history of one rehearsal as a recorded run, and rehearses other contents of the flow
// with what that run got.
#include <string>

#include "agent/rehearsal/History.h"
#include "tests/unit/rehearsal/Rehearse.h"

#include <CppUTest/TestHarness.h>

using belay::rehearsal::Change;
using belay::rehearsal::Played;
using belay::rehearsal::Scenario;
using belay::test::rehearse;
using belay::test::scriptOf;

namespace {

const std::string kFlow = R"(slug: f
input: {type: object, properties: {n: {type: integer}}}
steps:
  - {id: look, kv: {get: limit}}
  - {id: work, run: {command: [count, "${{ input.n }}"]}, effect: idempotent, retry: {max_attempts: 2, backoff: {initial: 1s, jitter: 0}}}
  - id: route
    switch: [{when: "${{ steps.work.output.stdout > steps.look.output.value }}", next: ask}, {next: end}]
  - {id: ask, wait: {approval: {summary: Go}, timeout: 1h}}
  - {id: done, function: {code: "return 1"}}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

struct Recorded {
  Played played;
  Scenario scenario;
};

Recorded record() {
  const Scenario first = belay::test::scenarioOf(R"(
input: {n: 5}
kv: {limit: 3}
given:
  work: [{fails: {class: exit_code}, takes: 2s}, {output: {exit_code: 0, stdout: "4"}, takes: 3s}]
  ask: {approve: true, comment: ok, takes: 10m}
)");
  Played played = rehearse(kFlow, first);
  auto scenario = belay::rehearsal::scenarioOf("r", played.events, scriptOf(kFlow).flow,
                                               &belay::test::noResource);
  BELAY_CHECK(scenario.ok());
  return {std::move(played), std::move(*scenario)};
}

/// "KIND STEP: WAS > NOW" a line.
std::string changes(const std::string& flow) {
  const Recorded recorded = record();
  const Played now = rehearse(flow, recorded.scenario);
  std::string out;
  for (const Change& change : belay::rehearsal::compare(recorded.played.events, now)) {
    out += std::string(belay::rehearsal::changeName(change.kind)) + " " + change.step + ": " +
           change.was + " > " + change.now + "\n";
  }
  return out;
}

}  // namespace

TEST_GROUP(History){};

TEST(History, theSameContentTakesTheSameWay) {
  STRCMP_EQUAL("", changes(kFlow).c_str());
  const Recorded recorded = record();
  const Played again = rehearse(kFlow, recorded.scenario);
  LONGS_EQUAL(recorded.played.tookMs, again.tookMs);
  LONGS_EQUAL(recorded.played.events.size(), again.events.size());
  // The store was read then, and need not be as it was.
  CHECK(recorded.scenario.given.contains("look"));
}

TEST(History, anotherBranchIsTold) {
  STRCMP_EQUAL("path route: ask > end\n",
               changes(replaced(kFlow, "stdout > steps", "stdout > 2 * steps")).c_str());
}

TEST(History, aStepThatDoesSomethingElseIsTold) {
  STRCMP_EQUAL("rendered work: {\"command\":[\"count\",5]} > {\"command\":[\"recount\",5]}\n",
               changes(replaced(kFlow, "[count,", "[recount,")).c_str());
}

TEST(History, aStepWithoutARecordEndsWhatCanBeSaid) {
  STRCMP_EQUAL("unknown check:  > \n",
               changes(replaced(kFlow, "  - id: route",
                                "  - {id: check, run: {command: [x]}}\n  - id: route"))
                   .c_str());
}

TEST(History, anotherEndIsTold) {
  STRCMP_EQUAL("outcome done: succeeded > failed\noutcome : succeeded > failed\n",
               changes(replaced(kFlow, "return 1", "throw 1")).c_str());
}

TEST(History, whatIsNoHistoryIsRefused) {
  const auto none =
      belay::rehearsal::scenarioOf("r", {}, scriptOf(kFlow).flow, &belay::test::noResource);
  CHECK(!none.ok() && none.error().code == belay::base::ErrorCode::kJournalCorrupt);
}
