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

namespace {

const std::string kAbove = R"(slug: above
steps:
  - {id: call, flow: {slug: below, input: {n: 2}}, retry: {max_attempts: 2, backoff: {initial: 1s, jitter: 0}}}
  - {id: tell, run: {command: [tell, "${{ steps.call.run }}", "${{ run.id }}", "${{ run.started_by }}", "${{ String(Math.random()) }}"]}}
output: {got: "${{ steps.call.output }}"}
)";
const std::string kBelow = R"(slug: below
input: {type: object, properties: {n: {type: integer}}}
steps: [{id: job, run: {command: [job]}}]
output: {twice: "${{ input.n * 2 }}"}
)";

/// A history that somebody else than a rehearsal made: another run, of another person.
Scenario recordedAbove(Played& played, const std::string& given) {
  Scenario scenario = belay::test::scenarioOf(given);
  const auto id = belay::base::RunId::parse("r1m8hpr3ssamq5ezy");
  scenario.recorded = Scenario::Recorded{*id, "live:3", "uid:77", 12345};
  played = rehearse(kAbove, scenario, {scriptOf(kBelow)});
  auto again = belay::rehearsal::scenarioOf(id->str(), played.events, scriptOf(kAbove).flow,
                                            &belay::test::noResource);
  BELAY_CHECK(again.ok());
  return std::move(*again);
}

std::string changesOf(const Played& was, const Played& now) {
  std::string out;
  for (const Change& change : belay::rehearsal::compare(was.events, now)) {
    out += std::string(belay::rehearsal::changeName(change.kind)) + " " + change.step + ": " +
           change.was + " > " + change.now + "\n";
  }
  return out;
}

}  // namespace

TEST(History, childrenEndAsTheyDidAndAreNotStarted) {
  Played was;
  const Scenario scenario = recordedAbove(was, R"(
given:
  "below:job": [{fails: {class: connection}, takes: 2s}, {output: {exit_code: 0}, takes: 3s}]
  tell: {output: {exit_code: 0}}
)");
  LONGS_EQUAL(2, scenario.given.at("call").size());
  const Played now = rehearse(kAbove, scenario);
  STRCMP_EQUAL("", now.missing.c_str());
  // What it says of itself and of its child is what it said then.
  STRCMP_EQUAL("", changesOf(was, now).c_str());
  LONGS_EQUAL(was.events.size(), now.events.size());
  LONGS_EQUAL(was.tookMs, now.tookMs);
  STRCMP_EQUAL(R"({"got":{"twice":4}})", now.state.finished->outputJson.c_str());
  const std::string other = replaced(kAbove, "{n: 2}", "{n: 3}");
  STRCMP_EQUAL(
      "rendered call: {\"slug\":\"below\",\"input\":{\"n\":2}} > "
      "{\"slug\":\"below\",\"input\":{\"n\":3}}\n",
      changesOf(was, rehearse(other, scenario)).c_str());
  const std::string more =
      replaced(kAbove, "  - {id: tell", "  - {id: more, flow: {slug: new}}\n  - {id: tell");
  STRCMP_EQUAL("unknown more:  > \n", changesOf(was, rehearse(more, scenario)).c_str());
}

TEST(History, aRetriedRunCountsUntilItsFirstEnd) {
  Played was = record().played;
  auto events = was.events;
  events.push_back({events.size() + 1, "run_retried", 5, R"({"step":"work","by":"uid:1"})"});
  events.push_back({events.size() + 1, "step_finished", 6,
                    R"({"step":"work","visit":2,"outcome":"succeeded","output":{},"next":"end"})"});
  auto scenario =
      belay::rehearsal::scenarioOf("r", events, scriptOf(kFlow).flow, &belay::test::noResource);
  CHECK(scenario.ok());
  CHECK(belay::rehearsal::compare(events, rehearse(kFlow, *scenario)).empty());
}

namespace {

const std::string kCode = R"(export const flow = {slug: 'coded'};
export default async function (ctx, input) {
  const seen = await ctx.step('look', {kv: {get: 'limit'}});
  const [a, b] = await Promise.all([
    ctx.step('work', {run: {command: ['count', String(Math.random())]}}),
    ctx.flow('call', {slug: 'below', input: {n: seen.value}}),
  ]);
  if (b.twice > 4) await ctx.wait('ask', {approval: {summary: 'Go'}, timeout: '1h'});
  return {twice: b.twice};
}
)";

belay::rehearsal::Script codeOf(const std::string& text) {
  auto flow = belay::flow::parseFlow(text, "c.flow.js", belay::flow::Format::kCode);
  if (!flow) std::fprintf(stderr, "%s\n", flow.error().message.c_str());
  BELAY_CHECK(flow.ok());
  const belay::journal::FlowRow row{flow->digest, "coded", "js", text, 0};
  return {std::move(*flow), row};
}

Played playCode(const std::string& text, const Scenario& scenario,
                std::vector<belay::rehearsal::Script> others = {}) {
  others.insert(others.begin(), codeOf(text));
  auto played = belay::rehearsal::play(others, scenario, &belay::test::noResource);
  if (!played) std::fprintf(stderr, "%s\n", played.error().message.c_str());
  BELAY_CHECK(played.ok());
  return std::move(*played);
}

}  // namespace

TEST(History, codeIsHeldAgainstTheRecord) {
  Scenario first = belay::test::scenarioOf(R"(
kv: {limit: 3}
given:
  work: {output: {exit_code: 0}, takes: 2s}
  "below:job": {output: {exit_code: 0}, takes: 5s}
  ask: {approve: true, takes: 10m}
)");
  first.recorded =
      Scenario::Recorded{*belay::base::RunId::parse("r1m8hpr3ssamq5ezy"), "draft", "uid:1", 99};
  const Played was = playCode(kCode, first, {scriptOf(kBelow)});
  auto scenario = belay::rehearsal::scenarioOf("r1m8hpr3ssamq5ezy", was.events, codeOf(kCode).flow,
                                               &belay::test::noResource);
  CHECK(scenario.ok());
  CHECK(scenario->given.contains("look"));
  const auto changes = [&](const std::string& from, const std::string& to) {
    return changesOf(was, playCode(from.empty() ? kCode : replaced(kCode, from, to), *scenario));
  };
  STRCMP_EQUAL("", changes("", "").c_str());
  STRCMP_EQUAL("path call: ask > end\n", changes("b.twice > 4", "b.twice > 40").c_str());
  STRCMP_EQUAL(
      "unknown more:  > \n",
      changes("  if (b", "  await ctx.step('more', {run: {command: ['x']}});\n  if (b").c_str());
  STRCMP_CONTAINS("rendered work: {\"command\":[\"count\"",
                  changes("'count'", "'recount'").c_str());
  STRCMP_CONTAINS("rendered ask: {\"wait\":{\"approval\":{\"summary\":\"Go\"}",
                  changes("'Go'", "'Go on'").c_str());
  STRCMP_CONTAINS("rendered call: ", changes("n: seen.value", "n: 7").c_str());
  STRCMP_EQUAL("outcome : succeeded > failed\n",
               changes("return {", "throw new Error('no'); return {").c_str());
}

namespace {

const std::string kFan = R"(slug: fan
steps:
  - id: fan
    on_error: skip
    parallel:
      branches:
        left: [{id: l1, run: {command: [l1]}}, {id: l2, run: {command: [l2]}}]
        right:
          - {id: r1, run: {command: [r1]}}
          - id: each
            for_each:
              {items: [1, 2], max_parallel: 2, steps: [{id: e1, run: {command: [e1]}}, {id: e2, set: {done: true}}]}
  - {id: last, set: {x: 1}}
)";

/// kFan, recorded with these answers, and rehearsed as `flow` with them.
std::string fanChanges(const std::string& given, const std::string& flow,
                       const std::string& given2 = "") {
  const Scenario first = belay::test::scenarioOf(given);
  const Played was = rehearse(kFan, first);
  auto scenario =
      belay::rehearsal::scenarioOf("r", was.events, scriptOf(kFan).flow, &belay::test::noResource);
  BELAY_CHECK(scenario.ok());
  return changesOf(was,
                   rehearse(flow, given2.empty() ? *scenario : belay::test::scenarioOf(given2)));
}

std::string fanGiven(const std::string& left, const std::string& right) {
  return "given:\n  l1: {output: {exit_code: 0}, takes: " + left +
         "}\n  l2: {output: {exit_code: 0}, takes: " + left +
         "}\n  r1: {output: {exit_code: 0}, takes: " + right +
         "}\n  \"each[0]/e1\": {output: {exit_code: 0}, takes: " + left +
         "}\n  \"each[1]/e1\": {output: {exit_code: 0}, takes: " + right +
         "}\n  e1: {output: {exit_code: 0}, takes: " + right + "}\n";
}

}  // namespace

TEST(History, whichBranchIsAheadIsNoDifference) {
  const std::string slow = fanGiven("9s", "1s"), fast = fanGiven("1s", "9s");
  STRCMP_EQUAL("", fanChanges(slow, kFan).c_str());
  STRCMP_EQUAL("", fanChanges(slow, kFan, fast).c_str());
  STRCMP_EQUAL("", fanChanges(fast, kFan, slow).c_str());
}

TEST(History, aDifferenceWithinABranchIsFound) {
  const std::string slow = fanGiven("9s", "1s"), fast = fanGiven("1s", "9s");
  const std::string without = replaced(kFan, ", {id: l2, run: {command: [l2]}}", "");
  STRCMP_EQUAL("path fan[left]/l1: fan[left]/l2 > end\n", fanChanges(slow, without, fast).c_str());
  const std::string items =
      replaced(kFan, ", {id: e2, set: {done: true}}", ", {id: e3, set: {done: 1}}");
  STRCMP_EQUAL(
      "path fan[right]/each[0]/e1: fan[right]/each[0]/e2 > fan[right]/each[0]/e3\n"
      "path fan[right]/each[1]/e1: fan[right]/each[1]/e2 > fan[right]/each[1]/e3\n",
      fanChanges(fast, items, slow).c_str());
  const std::string more = replaced(kFan, "[{id: l1", "[{id: l0, set: {y: 1}}, {id: l1");
  STRCMP_EQUAL("path fan[left]: fan[left]/l1 > fan[left]/l0\n",
               fanChanges(slow, more, fast).c_str());
  STRCMP_EQUAL("path fan: last > end\n",
               fanChanges(slow, replaced(kFan, "  - {id: last, set: {x: 1}}\n", ""), fast).c_str());
}

TEST(History, howFarTheOthersHadComeWhenOneFailedIsNoDifference) {
  const std::string failing =
      "given:\n  l1: {output: {exit_code: 0}, takes: 1s}\n"
      "  l2: {fails: {class: exit_code}, takes: 9s}\n  e1: {output: {exit_code: 0}, takes: ";
  const std::string early = failing + "60s}\n  r1: {output: {exit_code: 0}, takes: 60s}\n";
  const std::string late = failing + "1s}\n  r1: {output: {exit_code: 0}, takes: 1s}\n";
  STRCMP_EQUAL("", fanChanges(early, kFan, late).c_str());
  STRCMP_EQUAL("", fanChanges(late, kFan, early).c_str());
  // The list that failed took the same way in both, and must.
  STRCMP_EQUAL(
      "path fan[left]: fan[left]/l1 > fan[left]/l0\n",
      fanChanges(early, replaced(kFan, "[{id: l1", "[{id: l0, set: {y: 1}}, {id: l1"), late)
          .c_str());
}

TEST(History, callsOfCodeThatRunTogetherMayEndInAnyOrder) {
  const std::string code = R"(export const flow = {slug: 'coded'};
export default async function (ctx) {
  await Promise.all([ctx.step('a', {run: {command: ['a']}}), ctx.step('b', {run: {command: ['b']}})]);
  await ctx.parallel({
    left: async c => { await c.step('l', {run: {command: ['l']}}); },
    right: async c => { await c.step('r', {run: {command: ['r']}}); await c.step('q', {run: {command: ['q']}}); },
  });
}
)";
  const auto given = [](const char* one, const char* other) {
    return belay::test::scenarioOf("given:\n  a: {output: 1, takes: " + std::string(one) +
                                   "}\n  b: {output: 1, takes: " + other +
                                   "}\n  l: {output: 1, takes: " + one +
                                   "}\n  r: {output: 1, takes: " + other + "}\n  q: {output: 1}\n");
  };
  const Played was = playCode(code, given("1s", "9s"));
  STRCMP_EQUAL("", changesOf(was, playCode(code, given("9s", "1s"))).c_str());
  STRCMP_CONTAINS(
      "q > end\n",
      changesOf(was, playCode(replaced(code, " await c.step('q', {run: {command: ['q']}});", ""),
                              given("9s", "1s")))
          .c_str());
}

TEST(History, whatIsNoHistoryIsRefused) {
  const auto none =
      belay::rehearsal::scenarioOf("r", {}, scriptOf(kFlow).flow, &belay::test::noResource);
  CHECK(!none.ok() && none.error().code == belay::base::ErrorCode::kJournalCorrupt);
}
