// Runs of flows that are code, on a whole runtime: what is asked for and in which order, what a new
// process makes of the record, and what it says when the code no longer fits it.

#include <string>

#include "agent/script/QuickJsEvaluator.h"
#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::RunId;
using belay::flow::FailureClass;
using belay::runtime::Attempt;
using belay::runtime::Runtime;
using belay::runtime::Verb;
using belay::test::TestRuntime;

namespace {

std::string code(const std::string& body, const std::string& more = "") {
  return "export const flow = {slug: 'coded'" + more +
         "};\nexport default async function (ctx, input) {\n" + body + "\n}\n";
}

const char* const kStep = R"({run: {command: ["/bin/true"]}})";

}  // namespace

TEST_GROUP(CodeRuns) {
  TestRuntime host;
  std::size_t taken = 0;

  void setup() override { host.boot(); }
  /// Paths of the attempts that were started since the last time.
  std::string begun() {
    const auto all = host.jobs.started();
    std::string out;
    for (; taken < all.size(); ++taken) out += (out.empty() ? "" : " ") + all[taken].key.path;
    return out;
  }
  Attempt attempt(const std::string& path, std::uint32_t visit = 1) {
    for (const auto& all : {host.jobs.started(), host.jobs.recovered()}) {
      for (const Attempt& one : all) {
        if (one.key.path == path && one.key.visit == visit) return one;
      }
    }
    FAIL(("no attempt of " + path).c_str());
    return {};
  }
  void restart() {
    host.end();
    host.jobs.forget();
    taken = 0;
    host.boot();
  }
};

TEST(CodeRuns, stepsOneAfterAnother) {
  const RunId run = host.start(
      code("const a = await ctx.step('a', " + std::string(kStep) +
           ");\nconst b = await ctx.step('b', " + kStep + ");\nreturn [a.n, b.n, input.x];"),
      R"({"x": 7})");
  STRCMP_EQUAL("a", begun().c_str());
  host.succeed(attempt("a"), R"({"n":1})");
  STRCMP_EQUAL("b", begun().c_str());
  host.succeed(attempt("b"), R"({"n":2})");
  STRCMP_EQUAL("[1,2,7]", host.output(run).c_str());
  STRCMP_EQUAL(
      "run_created code_advanced step_started step_finished code_advanced step_started "
      "step_finished code_advanced run_finished",
      host.history(run).c_str());
}

TEST(CodeRuns, goOnFromTheRecordAfterACrash) {
  const std::string source = code(R"(
    const out = [];
    for (let i = 0; i < 4; i++) {
      const r = await ctx.parallel("p", {a: c => c.step("s", {run: {command: ["/bin/true"]}}),
                                         b: c => c.step("s", {run: {command: ["/bin/true"]}})});
      out.push(r.a.n + r.b.n, Math.random(), Date.now());
      ctx.setState({rounds: i + 1});
    }
    return {out, state: ctx.state};)",
                                  ", state: {rounds: 0}");
  const auto finish = [&](bool crash) {
    TestRuntime fresh;
    fresh.boot();
    const RunId run = fresh.start(source);
    for (int round = 0; round < 4; ++round) {
      const std::string scope = round == 0 ? "p" : "p:" + std::to_string(round + 1);
      for (const char* branch : {"[b]/s", "[a]/s"}) {
        if (crash) {
          fresh.cutPower();
          fresh.jobs.forget();
          fresh.boot();
        }
        for (const auto& all : {fresh.jobs.started(), fresh.jobs.recovered()}) {
          for (const Attempt& one : all) {
            if (one.key.path == scope + branch) {
              fresh.succeed(one, "{\"n\":" + std::to_string(round) + "}");
              goto next;
            }
          }
        }
        FAIL((scope + branch).c_str());
      next:;
      }
    }
    return fresh.output(run);
  };
  STRCMP_EQUAL(finish(false).c_str(), finish(true).c_str());
}

TEST(CodeRuns, aFailedStepIsAnErrorThatCanBeCaught) {
  const RunId run =
      host.start(code("try { await ctx.step('a', " + std::string(kStep) +
                      "); } catch (e) { return [e.code, e.class, e.step, e.message]; }"));
  host.fail(attempt("a"), FailureClass::kExitCode);
  STRCMP_EQUAL(R"(["BLY-TEST","exit_code","a","the world said no"])", host.output(run).c_str());
}

TEST(CodeRuns, aFailureThatNobodyCatchesFailsTheRun) {
  const RunId run = host.start(code("await ctx.step('a', " + std::string(kStep) + ");"));
  host.fail(attempt("a"), FailureClass::kExitCode);
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_EQUAL("a", host.state(run).finished->failedStep.c_str());
  const auto refused = host.tell([&](Runtime& on) { return on.retry(run, "", "me"); });
  CHECK(TestRuntime::failedWith(refused, ErrorCode::kRunState));
  STRCMP_EQUAL(("belay run replay " + run.str()).c_str(), refused.error().actions[0].c_str());
}

TEST(CodeRuns, optionsOfStepsHold) {
  const RunId run = host.start(code(
      R"(const r = await ctx.step('a', {run: {command: ["/bin/true"]}, effect: "idempotent",
           retry: {max_attempts: 2}, on_error: "skip", timeout: "5s"});
         return r === undefined ? "skipped" : r;)"));
  LONGS_EQUAL(5000, attempt("a").timeoutMs);
  host.fail(attempt("a"), FailureClass::kExitCode);
  STRCMP_EQUAL("running", host.status(run).c_str());
  host.pass(std::chrono::seconds{5});
  host.fail(host.jobs.started().back(), FailureClass::kExitCode);
  STRCMP_EQUAL("\"skipped\"", host.output(run).c_str());
}

TEST(CodeRuns, textsAreNoTemplates) {
  const RunId run = host.start(
      code("await ctx.step('a', {run: {command: ['/bin/echo', input.x, '$${{ 1 }}', '$$${{']}});"),
      R"({"x": "${{ 1 + 1 }}"})");
  static_cast<void>(run);
  STRCMP_EQUAL(R"({"command":["/bin/echo","${{ 1 + 1 }}","$${{ 1 }}","$$${{"]})",
               attempt("a").renderedJson.c_str());
}

TEST(CodeRuns, aBadDefinitionIsSaidToTheCode) {
  const RunId run = host.start(code(R"(
    const said = [];
    for (const bad of [{rum: {}}, {run: {comand: ["x"]}}, {run: {command: ["x"]}, next: "y"},
                       {switch: []}, {set: {a: 1}}, {}, 3, {run: {command: ["x"]}, id: "b"},
                       {run: {command: ["x"]}, on_error: "other"},
                       {http: {url: "ftp://x"}}, {notify: {connection: "c", text: "x"}}]) {
      try { await ctx.step("a", bad); said.push("taken"); } catch (e) { said.push(e.code); }
    }
    return said.map(s => s.replace("BLY-FLOW-", "")).join(" ");)"));
  STRCMP_EQUAL(
      "\"UNKNOWN-KEY UNKNOWN-KEY BAD-VALUE BAD-VALUE BAD-VALUE NO-FAMILY WRONG-TYPE BAD-VALUE "
      "BAD-VALUE BAD-VALUE UNKNOWN-NAME\"",
      host.output(run).c_str());
}

TEST(CodeRuns, waitsLeaveMemoryAndComeBack) {
  const RunId run = host.start(code(R"(
    const d = await ctx.wait("ok", {approval: {summary: "Ship?"}, timeout: "1h"});
    await ctx.sleep("rest", "10m");
    return [d.approved, d.by];)"));
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  restart();
  CHECK(host.decide(host.openWait(), true).ok());
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  host.pass(std::chrono::minutes{11});
  STRCMP_EQUAL(R"([true,"uid:1000"])", host.output(run).c_str());
}

TEST(CodeRuns, theTimeIsThatOfTheLastResult) {
  const RunId run = host.start(
      code("const a = Date.now(); await ctx.sleep('s', '1h'); return (Date.now() - a) / 1000;"));
  host.pass(std::chrono::hours{1});
  STRCMP_EQUAL("3600", host.output(run).c_str());
}

TEST(CodeRuns, aFailedBranchEndsTheOthersInTheWorldToo) {
  const RunId run = host.start(code(R"(
    await ctx.parallel({a: c => c.step("x", {run: {command: ["/bin/true"]}}),
                        b: c => c.step("y", {run: {command: ["/bin/true"]}}),
                        w: c => c.wait("z", {event: {name: "e"}, timeout: "1h"})});)"));
  host.fail(attempt("parallel[a]/x"), FailureClass::kExitCode);
  STRCMP_EQUAL("failed", host.status(run).c_str());
  LONGS_EQUAL(1, host.jobs.cancelled().size());
  STRCMP_EQUAL("parallel[b]/y", host.jobs.cancelled()[0].path.c_str());
  CHECK(host.journal->waits({})->empty());
}

TEST(CodeRuns, whatThrowsEndsWhatIsOpen) {
  const RunId run = host.start(code("ctx.step('a', " + std::string(kStep) +
                                    "); await ctx.step('b', " + kStep + "); throw 'enough';"));
  host.succeed(attempt("b"));
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_EQUAL("BLY-CODE-FAILED threw enough", host.errorOf(run).c_str());
  LONGS_EQUAL(1, host.jobs.cancelled().size());
}

TEST(CodeRuns, whatReturnsWaitsForWhatIsOpen) {
  const RunId run = host.start(code("ctx.step('a', " + std::string(kStep) + "); return 1;"));
  STRCMP_EQUAL("running", host.status(run).c_str());
  host.succeed(attempt("a"));
  STRCMP_EQUAL("1", host.output(run).c_str());
}

TEST(CodeRuns, codeThatWaitsForNothingFails) {
  const RunId run = host.start(code("await new Promise(() => {});"));
  STRCMP_CONTAINS("BLY-CODE-STALLED", host.errorOf(run).c_str());
}

TEST(CodeRuns, pauseStopAndCancelHold) {
  const std::string two = code("await ctx.step('a', " + std::string(kStep) +
                               "); await ctx.step('b', " + kStep + "); return 1;");
  const RunId paused = host.start(two);
  CHECK(host.tell([&](Runtime& on) { return on.control(paused, Verb::kPause, "me"); }).ok());
  host.succeed(attempt("a"));
  STRCMP_EQUAL("a", begun().c_str());
  restart();
  STRCMP_EQUAL("paused", host.status(paused).c_str());
  CHECK(host.tell([&](Runtime& on) { return on.control(paused, Verb::kResume, "me"); }).ok());
  STRCMP_EQUAL("b", begun().c_str());
  CHECK(host.tell([&](Runtime& on) { return on.control(paused, Verb::kStop, "me"); }).ok());
  STRCMP_EQUAL("stopping", host.status(paused).c_str());
  host.succeed(attempt("b"));
  STRCMP_EQUAL("stopped", host.status(paused).c_str());
  const RunId cancelled = host.start(two);
  CHECK(host.tell([&](Runtime& on) { return on.control(cancelled, Verb::kCancel, "me"); }).ok());
  STRCMP_EQUAL("cancelled", host.status(cancelled).c_str());
  LONGS_EQUAL(1, host.jobs.cancelled().size());
}

namespace {

/// Does two things that can be undone, one of them twice, and waits.
const char* const kUndone = R"(
  const done = (word) => ({run: {command: [word]},
      compensate: {run: {command: ["undo", word, "${{ 1 }}"]}, effect: "idempotent", timeout: "5s"}});
  await ctx.step("a", done("one"));
  for (const word of ["two", "three"]) await ctx.step("b", done(word));
  await ctx.wait("w", {event: {name: "go"}, timeout: "1h"});
  return 1;)";

}  // namespace

TEST(CodeRuns, whatWasDoneIsUndoneWhenTheRunIsStopped) {
  const RunId run = host.start(code(kUndone));
  host.succeed(attempt("a"));
  host.succeed(attempt("b"));
  host.succeed(attempt("b", 2));
  STRCMP_EQUAL("a b b", begun().c_str());
  restart();
  CHECK(host.tell([&](Runtime& on) { return on.control(run, Verb::kStop, "me"); }).ok());
  STRCMP_EQUAL("b~undo", begun().c_str());
  const Attempt last = attempt("b~undo", 2);
  STRCMP_EQUAL(R"({"command":["undo","three","${{ 1 }}"]})", last.renderedJson.c_str());
  LONGS_EQUAL(5000, last.timeoutMs);
  host.cutPower();
  host.succeed(attempt("b~undo", 2));
  host.fail(attempt("b~undo", 1), FailureClass::kExitCode);
  host.cutPower();
  host.succeed(attempt("a~undo"));
  STRCMP_EQUAL("stopped", host.status(run).c_str());
  const auto end = *host.state(run).finished;
  LONGS_EQUAL(2, end.compensated.size());
  STRCMP_EQUAL("b#2", end.compensated[0].c_str());
  STRCMP_EQUAL("a", end.compensated[1].c_str());
  STRCMP_EQUAL("b", end.uncompensated.front().c_str());
}

TEST(CodeRuns, whatWasDoneIsUndoneWhenTheCodeFailsAndNotWhenItEndsWell) {
  const std::string step = "{run: {command: ['do']}, compensate: {run: {command: ['undo']}}}";
  const RunId run = host.start(
      code("await ctx.parallel('p', {l: c => c.step('a', " + step + ")}); throw 'enough';"));
  host.succeed(attempt("p[l]/a"));
  STRCMP_EQUAL("running", host.status(run).c_str());
  CHECK(host.tell([&](Runtime& on) { return on.control(run, Verb::kPause, "me"); }).ok());
  host.succeed(attempt("p[l]/a~undo"));
  STRCMP_EQUAL("failed", host.status(run).c_str());
  STRCMP_EQUAL("BLY-CODE-FAILED threw enough", host.errorOf(run).c_str());
  STRCMP_EQUAL("p[l]/a", host.state(run).finished->compensated.front().c_str());
  static_cast<void>(begun());
  const RunId well = host.start(code("await ctx.step('a', " + step + "); return 1;"));
  host.succeed(attempt("a"));
  STRCMP_EQUAL("succeeded", host.status(well).c_str());
  STRCMP_EQUAL("a", begun().c_str());
}

TEST(CodeRuns, aCancelUndoesNothingAndSaysSo) {
  const RunId run = host.start(code(kUndone));
  host.succeed(attempt("a"));
  CHECK(host.tell([&](Runtime& on) { return on.control(run, Verb::kCancel, "me"); }).ok());
  STRCMP_EQUAL("cancelled", host.status(run).c_str());
  STRCMP_EQUAL("a", host.state(run).finished->uncompensated.front().c_str());
}

TEST(CodeRuns, compensateIsCheckedWithItsStep) {
  const auto refusal = [this](const std::string& undo) {
    return host.errorOf(host.start(
        code("await ctx.step('a', {run: {command: ['x']}, compensate: " + undo + "});")));
  };
  STRCMP_CONTAINS("compensate needs one of run, http or notify",
                  refusal("{timeout: '5s'}").c_str());
  STRCMP_CONTAINS("BLY-LIMIT compensate may have at most 4096 bytes in code",
                  refusal("{run: {command: ['x'.repeat(5000)]}}").c_str());
  STRCMP_EQUAL("", begun().c_str());
}

TEST(CodeRuns, aCallbackIsHandedOutByTheWaitThatIsOpen) {
  const RunId run = host.start(code(R"(
    const done = ctx.wait("built", {callback: {}, timeout: "1h"});
    await ctx.step("build", {run: {command: ["/bin/true"], callback: "built"}});
    try { await ctx.step("late", {run: {command: ["/bin/true"], callback: "none"}}); }
    catch (e) { return [(await done).body.n, e.code]; })"));
  STRCMP_EQUAL(host.openWait().id.str().c_str(), attempt("build").callbackWait.c_str());
  const auto wait = host.openWait().id;
  host.succeed(attempt("build"));
  CHECK(host.tell([&](Runtime& on) { return on.waits().answerCallback(wait, R"({"n":3})", "me"); })
            .ok());
  STRCMP_EQUAL(R"([3,"BLY-FLOW-UNKNOWN-STEP"])", host.output(run).c_str());
}

TEST(CodeRuns, linesAndStateStandInTheRecord) {
  const RunId run = host.start(code(
      "ctx.setState({n: 2}); ctx.log('begun'); await ctx.step('a', " + std::string(kStep) + ");",
      ", state: {n: 1, m: 1}"));
  STRCMP_EQUAL(R"({"n":2,"m":1})", host.state(run).stateJson.c_str());
  const auto events = host.journal->events(run, 0, 10);
  STRCMP_CONTAINS(R"("logs":["begun"])", (*events)[1].body.c_str());
}

TEST(CodeRuns, manyCallsAtOnceAreBounded) {
  host.settings.code.openMax = 10;
  host.settings.code.callsMax = 15;
  host.boot();
  const RunId run = host.start(code(R"(
    const all = [];
    for (let i = 0; i < 11; i++) all.push(ctx.step("s" + i, {sleep: {for: "1s"}}));
    const failed = (await Promise.allSettled(all)).filter(r => r.status === "rejected");
    const more = [];
    for (let i = 0; i < 6; i++) {
      try { await ctx.step("t" + i, {sleep: {for: "1s"}}); } catch (e) { more.push(e.code); }
    }
    return [failed.length, failed[0].reason.code, more];)"));
  for (int i = 0; i < 10; ++i) host.pass(std::chrono::seconds{2});
  STRCMP_EQUAL(R"([1,"BLY-LIMIT",["BLY-LIMIT"]])", host.output(run).c_str());
}

TEST(CodeRuns, manyCallsEndThatWaitTogether) {
  const RunId run = host.start(code(R"(
    const all = await ctx.forEach("each", Array.from({length: 1500}, (_, i) => i), {maxParallel: 500},
        async (item, i, c) => { await c.step("s", {sleep: {for: "1s"}}); return item; });
    return all.length;)"));
  for (int i = 0; i < 5; ++i) host.pass(std::chrono::seconds{1});
  STRCMP_EQUAL("1500", host.output(run).c_str());
}

TEST(CodeRuns, programsOfRunsThatWaitStayInMemoryWithinABound) {
  const std::string source =
      code("let n = 0; while (n < 3) { await ctx.sleep('s', '1m'); n++; } return n;");
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{2} << 20}) {
    host.settings.restingBytes = bytes;
    host.boot();
    std::vector<RunId> runs;
    for (int i = 0; i < 12; ++i) runs.push_back(host.start(source));
    std::size_t inMemory = 0;
    for (const RunId& run : runs) {
      STRCMP_EQUAL("waiting", host.status(run).c_str());
      if (host.runtime->isInMemoryForTest(run)) ++inMemory;
    }
    // The one that waits since the shortest time is there, and not all are.
    CHECK_EQUAL(bytes > 0, host.runtime->isInMemoryForTest(runs.back()));
    CHECK(bytes > 0 ? inMemory > 1 && inMemory < runs.size() : inMemory == 0);
    for (int i = 0; i < 3; ++i) host.pass(std::chrono::minutes{1});
    for (const RunId& run : runs) STRCMP_EQUAL("3", host.output(run).c_str());
  }
}

TEST(CodeRuns, programsBeyondTheBoundAreMadeAgain) {
  host.settings.programsKept = 1;
  host.boot();
  const std::string source =
      code("let n = 0; for (const s of ['a', 'b', 'c']) n += (await ctx.step(s, " +
           std::string(kStep) + ")).n; return n;");
  const RunId one = host.start(source);
  const RunId two = host.start(source);
  for (const char* step : {"a", "b", "c"}) {
    for (const RunId& run : {one, two}) {
      for (const Attempt& attempt : host.jobs.started()) {
        if (attempt.run == run && attempt.key.path == step) host.succeed(attempt, R"({"n":2})");
      }
    }
  }
  STRCMP_EQUAL("6", host.output(one).c_str());
  STRCMP_EQUAL("6", host.output(two).c_str());
}

// --- Divergence. A run is pinned to its code, so the tests put other code under the same digest.

TEST_GROUP(CodeDivergence) {
  TestRuntime host;
  RunId run;

  static std::string step(const std::string& name, const std::string& command = "/bin/true") {
    return "await ctx.step('" + name + "', {run: {command: ['" + command + "']}});\n";
  }
  /// Runs up to the wait, then goes on with the other code, and says what became of it.
  std::string goOnWith(const std::string& other) {
    const std::string source =
        code(step("a") + "await ctx.sleep('s', '1h'); await ctx.sleep('t', '1h');");
    host.boot();
    run = host.start(source);
    host.succeed(host.jobs.started().front());
    host.pass(std::chrono::hours{1});
    host.wire = [this, other](belay::runtime::Steps&) {
      auto flow = belay::flow::parseFlow(code(other), "x.flow.js", belay::flow::Format::kCode);
      CHECK(flow.ok());
      flow->digest = (*host.journal->run(run))->flowDigest;
      static_cast<void>(host.runtime->flows().put(std::move(*flow)));
    };
    host.boot();
    host.pass(std::chrono::hours{1});
    return host.status(run) + " " + host.errorOf(run);
  }
};

TEST(CodeDivergence, codeThatDoesTheSameGoesOn) {
  STRCMP_EQUAL("succeeded  ", goOnWith("let unused = 1;" + step("a") +
                                       "await ctx.sleep('s', '1h'); await ctx.sleep('t', '1h');")
                                  .c_str());
}

TEST(CodeDivergence, anotherNameIsSaid) {
  const std::string said = goOnWith(step("b") + "await ctx.sleep('s', '1h');");
  STRCMP_CONTAINS("failed BLY-CODE-DIVERGED at step b the record has step a {", said.c_str());
  STRCMP_CONTAINS("the code asked for step b {", said.c_str());
  STRCMP_CONTAINS(("recorded with " + std::string(belay::script::interpreterVersion()) +
                   ", run again with " + std::string(belay::script::interpreterVersion()))
                      .c_str(),
                  said.c_str());
  STRCMP_CONTAINS("code_advanced run_finished", host.history(run).c_str());
  CHECK(host.journal->waits({})->empty());
}

TEST(CodeDivergence, anotherDefinitionIsSaid) {
  STRCMP_CONTAINS("/bin/false", goOnWith(step("a", "/bin/false")).c_str());
}

TEST(CodeDivergence, aStepTooManyIsSaid) {
  STRCMP_CONTAINS(
      "the record has step s {\"sleep\":{\"for\":\"1h\"}}, and the code asked for step x",
      goOnWith(step("a") + step("x") + "await ctx.sleep('s', '1h');").c_str());
}

TEST(CodeDivergence, aStepTooEarlyIsSaid) {
  STRCMP_CONTAINS("the record has nothing more, and the code asked for step s",
                  goOnWith("const a = ctx.step('a', {run: {command: ['/bin/true']}});"
                           "await ctx.sleep('s', '1h'); await a;")
                      .c_str());
}

TEST(CodeDivergence, aStepThatIsMissingIsSaid) {
  STRCMP_CONTAINS("the code asked for nothing more",
                  goOnWith(step("a") + "await new Promise(() => {});").c_str());
  STRCMP_CONTAINS("the record has step s", host.errorOf(run).c_str());
}

TEST(CodeDivergence, anEndTooEarlyIsSaid) {
  STRCMP_CONTAINS("BLY-CODE-DIVERGED at step t the record has step t",
                  goOnWith(step("a") + "await ctx.sleep('s', '1h');").c_str());
}
