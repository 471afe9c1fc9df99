#include <memory>
#include <string>
#include <vector>

#include "agent/script/Program.h"
#include "common/base/Check.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::Status;
using belay::script::Limits;
using belay::script::Program;
using belay::script::ProgramCall;
using belay::script::ProgramCalls;
using belay::script::ProgramEnd;
using belay::script::ProgramStart;
using belay::script::Settlement;

namespace {

/// Remembers what was called, and refuses what is named "refused".
class Calls final : public ProgramCalls {
 public:
  Status take(const ProgramCall& call) override {
    if (call.path == "refused") return Error{ErrorCode::kFlowUnknownKey, "no such key"};
    made += (made.empty() ? "" : " ") + call.path;
    if (call.visit > 1) made += "#" + std::to_string(call.visit);
    definitions.push_back(call.definitionJson);
    return {};
  }
  std::string take() { return std::exchange(made, {}); }

  std::string made;
  std::vector<std::string> definitions;
};

std::string inFunction(const std::string& body) {
  return "export const flow = {slug: 'x'};\n"
         "export default async function (ctx, input) {\n" +
         body + "\n}\n";
}

}  // namespace

TEST_GROUP(Program) {
  Calls calls;
  ProgramStart given;
  Limits limits;
  std::unique_ptr<Program> program;

  /// What the body asks for at once.
  std::string begin(const std::string& body) {
    given.source = inFunction(body);
    given.seed = 7;
    given.nowMs = 1'700'000'000'000;
    auto loaded = Program::load(given, limits, calls);
    if (!loaded.ok()) return loaded.error().message;
    program = std::move(*loaded);
    const Status started = program->start();
    return started.ok() ? calls.take() : started.error().message;
  }
  std::string settle(const std::string& path, const std::string& json, std::uint32_t visit = 1) {
    Settlement settlement{path, visit, true, json, "", 0};
    const Status settled = program->settle(settlement);
    return settled.ok() ? calls.take() : settled.error().message;
  }
  std::string fail(const std::string& path, const std::string& message = "it failed") {
    Settlement settlement;
    settlement.path = path;
    settlement.ok = false;
    settlement.failureJson = R"({"code":"BLY-STEP-FAILED","class":"timeout","step":")" + path +
                             R"(","message":")" + message + R"(","output":{"n":1}})";
    const Status settled = program->settle(settlement);
    return settled.ok() ? calls.take() : settled.error().message;
  }
  std::string output() {
    if (!program->end()) return "(goes on)";
    if (program->end()->failure)
      return program->end()->failure->code + " " + program->end()->failure->message;
    return program->end()->outputJson;
  }
  ErrorCode refusal(const std::string& source) {
    const Status checked = belay::script::checkProgram(source);
    return checked.ok() ? ErrorCode::kInternal : checked.error().code;
  }
};

TEST(Program, asksForStepsAndGoesOnWithWhatTheyGive) {
  given.inputJson = R"({"who":"you"})";
  STRCMP_EQUAL("greet", begin(R"(
    const r = await ctx.step("greet", {run: {command: ["echo", input.who]}});
    const again = await ctx.step("again", {function: {code: "1"}});
    return {said: `${r.stdout}`, again};)")
                            .c_str());
  STRCMP_EQUAL(R"({"run":{"command":["echo","you"]}})", calls.definitions[0].c_str());
  STRCMP_EQUAL("again",
               settle("greet", R"({"stdout":{"text":"hi","truncated":false,"ref":null}})").c_str());
  CHECK(!program->end());
  settle("again", "2");
  STRCMP_EQUAL(R"({"said":"hi","again":2})", output().c_str());
}

TEST(Program, givesVisitsToStepsThatComeAgain) {
  STRCMP_EQUAL("lint", begin(R"(
    for (let i = 0; i < 2; i++) await ctx.step("lint", {run: {script: "x"}});)")
                           .c_str());
  STRCMP_EQUAL("lint#2", settle("lint", "1").c_str());
  settle("lint", "1", 1);  // The first visit again: not the one that is open.
  CHECK(!program->end());
  settle("lint", "1", 2);
  STRCMP_EQUAL("", output().c_str());
}

TEST(Program, refusesANameThatIsStillOpen) {
  STRCMP_EQUAL("a", begin(R"(
    const first = ctx.step("a", {run: {script: "x"}});
    try { await ctx.step("a", {run: {script: "x"}}); } catch (e) { return [e.class, e.code, e.step]; }
  )")
                        .c_str());
  settle("a", "1");
  STRCMP_EQUAL(R"(["invalid","BLY-FLOW-DUPLICATE-STEP","a"])", output().c_str());
}

TEST(Program, refusesNamesThatAreNone) {
  begin(R"(
    const bad = [];
    for (const name of ["", "A", "a/b", 1, undefined, "a".repeat(65)]) {
      try { await ctx.step(name, {}); } catch (e) { bad.push(e.code); }
    }
    return bad.length + bad[0];)");
  STRCMP_EQUAL(R"("6BLY-FLOW-BAD-SLUG")", output().c_str());
}

TEST(Program, rejectsWithAStepError) {
  begin(R"(
    try { await ctx.step("a", {run: {script: "x"}}); }
    catch (e) {
      return [e instanceof StepError, e instanceof Error, e.name, e.code, e.class, e.step, e.message,
              e.output.n];
    })");
  fail("a");
  STRCMP_EQUAL(R"([true,true,"StepError","BLY-STEP-FAILED","timeout","a","it failed",1])",
               output().c_str());
}

TEST(Program, givesARefusedCallAsAnInvalidStepError) {
  begin(R"(try { await ctx.step("refused", {rum: 1}); }
           catch (e) { return [e.code, e.class, e.step, e.message]; })");
  STRCMP_EQUAL(R"(["BLY-FLOW-UNKNOWN-KEY","invalid","refused","no such key"])", output().c_str());
}

TEST(Program, failsWithTheStepErrorThatNobodyCatches) {
  begin(R"(await ctx.step("a", {run: {script: "x"}});)");
  fail("a", "no luck");
  CHECK(program->end() && program->end()->failure);
  STRCMP_EQUAL("BLY-STEP-FAILED", program->end()->failure->code.c_str());
  STRCMP_EQUAL("timeout", program->end()->failure->kind.c_str());
  STRCMP_EQUAL("a", program->end()->failure->step.c_str());
}

TEST(Program, saysWhereItThrew) {
  begin("  input.missing.member;");
  STRCMP_EQUAL(
      "BLY-CODE-FAILED TypeError: cannot read property 'member' of undefined (line 3, column 16)",
      output().c_str());
}

TEST(Program, runsBranchesTogetherAndGivesTheirValuesByName) {
  STRCMP_EQUAL("fan[left]/a fan[right]/b", begin(R"(
    return await ctx.parallel("fan", {
      left: async c => (await c.step("a", {run: {script: "x"}})) + 1,
      right: c => c.step("b", {run: {script: "x"}})});)")
                                               .c_str());
  settle("fan[right]/b", "10");
  settle("fan[left]/a", "20");
  STRCMP_EQUAL(R"({"left":21,"right":10})", output().c_str());
}

TEST(Program, givesFurtherParallelPartsPathsOfTheirOwn) {
  STRCMP_EQUAL("parallel[a]/s", begin(R"(
    for (let i = 0; i < 2; i++) await ctx.parallel({a: c => c.step("s", {run: {script: "x"}})});
    await ctx.forEach("each", [1], async (item, i, c) => {
      await c.parallel("deep", {in: d => d.step("s", {run: {script: "x"}})});
    });)")
                                    .c_str());
  STRCMP_EQUAL("parallel:2[a]/s", settle("parallel[a]/s", "1").c_str());
  STRCMP_EQUAL("each[0]/deep[in]/s", settle("parallel:2[a]/s", "1").c_str());
}

TEST(Program, endsTheOtherBranchesWhenOneFails) {
  STRCMP_EQUAL("parallel[a]/x parallel[b]/y", begin(R"(
    let wentOn = false;
    try {
      await ctx.parallel({
        a: c => c.step("x", {run: {script: "x"}}),
        b: async c => { try { await c.step("y", {run: {script: "x"}}); } finally { wentOn = true; } }});
    } catch (e) {
      const r = await ctx.step("after", {run: {script: "x"}});
      return [e.step, wentOn, r];
    })")
                                                  .c_str());
  STRCMP_EQUAL("after", fail("parallel[a]/x").c_str());
  LONGS_EQUAL(1, program->takeCancelled().size());
  settle("parallel[b]/y", "1");  // Came before it was ended: nobody hears it.
  settle("after", "3");
  STRCMP_EQUAL(R"(["parallel[a]/x",false,3])", output().c_str());
}

TEST(Program, waitsForAllBranchesWhenAskedTo) {
  begin(R"(
    try {
      await ctx.parallel("p", {
        a: c => { throw new Error("at once"); },
        b: c => c.step("y", {run: {script: "x"}})}, {failFast: false});
    } catch (e) { return e.message; })");
  CHECK(!program->end());
  LONGS_EQUAL(0, program->takeCancelled().size());
  settle("p[b]/y", "1");
  STRCMP_EQUAL(R"("at once")", output().c_str());
}

TEST(Program, goesThroughItemsAsManyAtATimeAsAskedFor) {
  STRCMP_EQUAL("each[0]/s each[1]/s", begin(R"(
    return ctx.forEach("each", ["a", "b", "c"], {maxParallel: 2},
        async (item, i, c) => item + i + await c.step("s", {run: {script: "x"}}));)")
                                          .c_str());
  STRCMP_EQUAL("each[2]/s", settle("each[1]/s", "\"y\"").c_str());
  settle("each[0]/s", "\"x\"");
  settle("each[2]/s", "\"z\"");
  STRCMP_EQUAL(R"(["a0x","b1y","c2z"])", output().c_str());
}

TEST(Program, goesThroughItemsOneByOneOtherwise) {
  STRCMP_EQUAL("each[0]/s", begin(R"(
    return ctx.forEach("each", [1, 2], (item, i, c) => c.step("s", {run: {script: "x"}}));)")
                                .c_str());
  STRCMP_EQUAL("each[1]/s", settle("each[0]/s", "1").c_str());
  settle("each[1]/s", "2");
  STRCMP_EQUAL("[1,2]", output().c_str());
}

TEST(Program, takesPromisesAsJavaScriptDoes) {
  STRCMP_EQUAL("a b", begin(R"(
    const first = await Promise.race([ctx.step("a", {run: {script: "x"}}),
                                      ctx.step("b", {run: {script: "x"}})]);
    return first;)")
                          .c_str());
  settle("b", "\"b\"");
  STRCMP_EQUAL("(goes on)", output().c_str());  // a still runs, and may not be lost
  settle("a", "\"a\"");
  STRCMP_EQUAL("\"b\"", output().c_str());
}

TEST(Program, failsByWhatWasCalledAndNeverLookedAt) {
  STRCMP_EQUAL("lost", begin(R"(ctx.step("lost", {run: {script: "x"}}); return 1;)").c_str());
  STRCMP_EQUAL("(goes on)", output().c_str());
  fail("lost");
  STRCMP_EQUAL("BLY-STEP-FAILED it failed", output().c_str());
}

TEST(Program, takesNoOffenceAtAFailureThatIsLookedAtLater) {
  begin(R"(
    const early = ctx.step("early", {run: {script: "x"}});
    await ctx.step("late", {run: {script: "x"}});
    try { await early; } catch (e) { return "caught"; })");
  fail("early");
  CHECK(!program->end());
  settle("late", "1");
  STRCMP_EQUAL("\"caught\"", output().c_str());
}

TEST(Program, isStalledWhenNothingCanGoOn) {
  begin("await new Promise(() => {});");
  CHECK(program->isStalled());
  begin(R"(await ctx.step("a", {run: {script: "x"}});)");
  CHECK(!program->isStalled());
}

TEST(Program, keepsStateAndLines) {
  given.stateJson = R"({"n":1,"deep":{"a":1}})";
  begin(R"(
    ctx.setState({m: ctx.state.n + 1, deep: {b: 2}});
    ctx.log("n is " + ctx.state.n);
    try { ctx.state.deep.b = 3; } catch (e) { ctx.log(e.name); }
    try { ctx.setState([1]); } catch (e) { ctx.log(e.message); }
    return ctx.state;)");
  STRCMP_EQUAL(R"({"n":1,"deep":{"b":2},"m":2})", program->takeState()->c_str());
  STRCMP_EQUAL("", program->takeState()->c_str());
  const auto logs = program->takeLogs();
  LONGS_EQUAL(3, logs.size());
  STRCMP_EQUAL("n is 1", logs[0].c_str());
  STRCMP_EQUAL("TypeError", logs[1].c_str());
}

TEST(Program, hasTheClockAndTheRandomnessOfTheRun) {
  const std::string body = R"(
    const out = [Date.now(), new Date().toISOString(), Math.random()];
    await ctx.step("a", {run: {script: "x"}});
    return [...out, Date.now(), Math.random(), Math.random()];)";
  const auto run = [&] {
    begin(body);
    CHECK(program->settle({"a", 1, true, "1", "", 1'700'000'005'000}).ok());
    return output();
  };
  const std::string first = run();
  CHECK(first.starts_with(R"([1700000000000,"2023-11-14T22:13:20.000Z",0.)"));
  CHECK(first.find("1700000005000") != std::string::npos);
  STRCMP_EQUAL(first.c_str(), run().c_str());
  given.seed = 7;
}

TEST(Program, handsOutputsToCallsAsTheyAre) {
  begin(R"(
    const r = await ctx.step("a", {run: {script: "x"}});
    await ctx.step("b", {run: {command: ["cat", r.stdout], env: {KEY: {secret: "key"}}}});
    await ctx.wait("c", {approval: {summary: "?", artifacts: [r.diff]}, timeout: "1h"});
    await ctx.sleep("d", "5m");
    await ctx.sleep("e", {until: "2030-01-01T00:00:00Z"});
    await ctx.flow("f", {slug: "other", input: {a: 1}}, {on_error: "skip"});)");
  settle("a", R"({"stdout":{"text":"hi","truncated":false,"ref":null},"diff":{"ref":"res://d"}})");
  settle("b", "1");
  settle("c", "1");
  settle("d", "1");
  settle("e", "1");
  STRCMP_EQUAL(
      R"({"run":{"command":["cat",{"text":"hi","truncated":false,"ref":null}],"env":{"KEY":{"secret":"key"}}}})",
      calls.definitions[1].c_str());
  STRCMP_EQUAL(
      R"({"wait":{"approval":{"summary":"?","artifacts":[{"ref":"res://d"}]},"timeout":"1h"}})",
      calls.definitions[2].c_str());
  STRCMP_EQUAL(R"({"sleep":{"for":"5m"}})", calls.definitions[3].c_str());
  STRCMP_EQUAL(R"({"sleep":{"until":"2030-01-01T00:00:00Z"}})", calls.definitions[4].c_str());
  STRCMP_EQUAL(R"({"on_error":"skip","flow":{"slug":"other","input":{"a":1}}})",
               calls.definitions[5].c_str());
}

TEST(Program, refusesDefinitionsThatAreNoJson) {
  begin(R"(
    const out = [];
    const loop = {}; loop.self = loop;
    for (const bad of [{run: {command: [() => 1]}}, {n: NaN}, loop, {n: 1n}]) {
      try { await ctx.step("a", bad); } catch (e) { out.push(e.class); }
    }
    return out;)");
  STRCMP_EQUAL(R"(["invalid","invalid","invalid","invalid"])", output().c_str());
}

TEST(Program, hasNoWayOut) {
  given.inputJson = "{}";
  begin(R"(
    const seen = [typeof eval, typeof require, typeof process, typeof setTimeout, typeof fetch,
                  typeof std, typeof os, typeof input.constructor];
    for (const make of [() => Function("return 1")(), () => (async () => 1).constructor("return 1"),
                        () => { globalThis.x = 1; }, () => { Array.prototype.x = 1; },
                        () => { Promise.prototype.then = 1; }, () => { StepError.x = 1; },
                        () => { ctx.step = 1; }]) {
      try { make(); seen.push("made"); } catch (e) { seen.push(e.name); }
    }
    try { await import("os"); seen.push("loaded"); } catch (e) { seen.push(e.name); }
    return seen.join(" ");)");
  STRCMP_EQUAL(
      "\"undefined undefined undefined undefined undefined undefined undefined function TypeError "
      "TypeError TypeError TypeError TypeError TypeError TypeError ReferenceError\"",
      output().c_str());
}

TEST(Program, boundsWorkBetweenTwoResults) {
  limits.ticks = 200'000;
  STRCMP_CONTAINS("ticks between two results", begin("for (;;);").c_str());
  STRCMP_CONTAINS("ticks between two results", begin("for (;;) await null;").c_str());
  STRCMP_CONTAINS("ticks between two results",
                  begin("const f = () => Promise.resolve().then(f); f(); await f();").c_str());
  STRCMP_CONTAINS("ticks between two results",
                  begin("for (;;) { try { for (;;); } catch (e) {} }").c_str());
}

TEST(Program, boundsMemoryOverAllItsResults) {
  limits.memoryBytes = 4u << 20;
  STRCMP_CONTAINS("more memory than",
                  begin("const a = []; for (;;) a.push('x'.repeat(1e5) + a.length);").c_str());
  begin(R"(
    const all = [];
    for (let i = 0; ; i++) all.push(await ctx.step("s" + i, {run: {script: "x"}}) + i);)");
  std::string said;
  int count = 0;
  const std::string large = "\"" + std::string(100'000, 'x') + "\"";
  for (; count < 200 && said.find("memory") == std::string::npos; ++count)
    said = settle("s" + std::to_string(count), large);
  STRCMP_CONTAINS("more memory than", said.c_str());
  CHECK(count > 20 && count < 60);
}

TEST(Program, collectsWhatItLeavesBehind) {
  limits.memoryBytes = 4u << 20;
  begin(R"(
    for (let i = 0; i < 400; i++) {
      const r = await ctx.step("s", {run: {script: "x"}});
      const a = {r: r + i}; a.self = a;
    })");
  const std::string large = "\"" + std::string(50'000, 'x') + "\"";
  for (std::uint32_t i = 1; i <= 400; ++i) settle("s", large, i);
  STRCMP_EQUAL("", output().c_str());
}

TEST(Program, boundsTheStack) {
  begin("const f = () => f() + 1; f();");
  STRCMP_CONTAINS("BLY-EXPRESSION-STACK the code nests calls too deeply", output().c_str());
}

TEST(Program, refusesWhatCannotBeLoaded) {
  struct Row {
    const char* bad;
    const char* said;
    const char* good;
  };
  const char* good = "export default () => 1;";
  const Row rows[] = {
      {"export const flow = {slug: 'x'};", "the code exports no function as default", good},
      {"export default 1;", "the code exports no function as default", good},
      {"import os from 'os'; export default () => os;",
       "the code imports a module, and a flow has none", good},
      {"export default () => 1; throw new Error('no');",
       "the code threw when it was loaded: Error: no",
       "export default () => { throw new Error('no'); };"},
      {"const at = {}; at.x.y; export default () => 1;",
       "the code threw when it was loaded: TypeError: cannot read property 'y' of undefined",
       "const at = {x: {}}; at.x.y; export default () => 1;"},
      {"await null; await new Promise(() => {}); export default () => 1;",
       "the code waits outside of its function",
       "await null; export default async () => { await new Promise(() => {}); };"},
      {"export default () => {\n  const = 1;\n}",
       "the code is not valid JavaScript: variable name expected",
       "export default () => {\n  const a = 1;\n}"},
  };
  for (const Row& row : rows) {
    const Status checked = belay::script::checkProgram(row.bad);
    CHECK_FALSE_TEXT(checked.ok(), row.bad);
    CHECK_TEXT(checked.error().code == ErrorCode::kFlowCode, row.bad);
    STRCMP_EQUAL(row.said, checked.error().message.c_str());
    CHECK_TEXT(belay::script::checkProgram(row.good).ok(), row.good);
  }
  const Status endless = belay::script::checkProgram("for (;;); export default () => 1;");
  CHECK(endless.error().code == ErrorCode::kExpressionTicks);
  const Status syntax = belay::script::checkProgram(rows[6].bad);
  LONGS_EQUAL(2, syntax.error().place.line);
  LONGS_EQUAL(9, syntax.error().place.column);
}

TEST(Program, saysWhatIsWrongWithACallOfItsContext) {
  struct Row {
    const char* bad;
    const char* said;
    const char* good;
  };
  const Row rows[] = {
      {R"(await ctx.step("A b", {run: {script: "x"}}))",
       R"(BLY-FLOW-BAD-SLUG: the name of a step must be [a-z0-9][a-z0-9_-]{0,63}, is "A b")",
       R"(ctx.step("a-b", {run: {script: "x"}}))"},
      {R"(await ctx.parallel("P", {left: async () => 1}))",
       R"(BLY-FLOW-BAD-SLUG: the name of parallel and forEach must be [a-z0-9][a-z0-9_-]{0,63}, is "P")",
       R"(await ctx.parallel("p", {left: async () => 1}))"},
      {R"(ctx.step("a", {run: {script: "x"}}); await ctx.step("a", {run: {script: "x"}}))",
       R"(BLY-FLOW-DUPLICATE-STEP: "a" has not ended yet: what goes on at the same time needs names of its own)",
       R"(ctx.step("a", {run: {script: "x"}}); ctx.step("b", {run: {script: "x"}}))"},
      {R"(await ctx.parallel("p", [async () => 1]), await ctx.parallel("q", {}))",
       "BLY-FLOW-BAD-VALUE: parallel takes an object of functions by name: "
       "{left: c => c.step(…), right: …}",
       R"(await ctx.parallel("p", {left: async () => 1, right: async () => 2}))"},
      {R"(await ctx.parallel("p", {left: 1}))",
       "BLY-FLOW-BAD-VALUE: parallel takes an object of functions by name: "
       "{left: c => c.step(…), right: …}",
       R"(await ctx.parallel("p", {left: () => 1}))"},
      {R"(await ctx.forEach("f", {a: 1}, async (item) => item))",
       "BLY-FLOW-BAD-VALUE: forEach takes a name, a list, options and a function: "
       "(item, index, c) => …",
       R"(await ctx.forEach("f", [1], async (item) => item))"},
      {R"(await ctx.forEach("f", [1], {maxParallel: 0}, async (item) => item))",
       "BLY-FLOW-BAD-VALUE: maxParallel must be a whole number from 1 on",
       R"(await ctx.forEach("f", [1], {maxParallel: 1}, async (item) => item))"},
      {"ctx.setState([1])", "undefined: setState takes an object: {name: value}",
       "ctx.setState({a: 1})"},
  };
  const auto saidOf = [this](const char* call) {
    begin("try { " + std::string(call) + "; } catch (e) { return `${e.code}: ${e.message}`; }");
    if (!program->end()) settle("a", "1");
    return output();
  };
  for (const Row& row : rows) {
    STRCMP_EQUAL(belay::json::print(belay::json::Value(row.said)).c_str(), saidOf(row.bad).c_str());
    CHECK_FALSE_TEXT(saidOf(row.good).starts_with('"'), row.good);
  }
}

TEST(Program, takesFiveThousandResults) {
  begin(R"(
    let sum = 0;
    for (let i = 0; i < 5000; i++) sum += (await ctx.step("s" + i, {function: {code: "1"}})).n;
    return sum;)");
  for (int i = 0; i < 5000; ++i) settle("s" + std::to_string(i), R"({"n":2})");
  STRCMP_EQUAL("10000", output().c_str());
}
