// Measures what the evaluation of an expression costs as the engine does it: a fresh RunScope over
// the state of a run, with the outputs of steps that the expression reads, then one call of the
// evaluator. Each call is timed by itself, after the first, which compiles; the median counts, so
// that other load on the machine does not. In microseconds of wall time.
//
// The clock itself costs some 0.05 us of that. Prints one JSON object.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/engine/Engine.h"
#include "agent/flow/Validate.h"
#include "agent/runtime/RunScope.h"
#include "agent/script/QuickJsEvaluator.h"
#include "common/base/Check.h"
#include "common/base/Clock.h"
#include "common/json/Json.h"
#include "tests/support/MemoryOutputs.h"

namespace {

using namespace belay;
using script::Module;
using script::QuickJsEvaluator;

constexpr int kCalls = 20'000;
constexpr std::int64_t kNowMs = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

constexpr const char* kFlow = R"(
slug: bench
input: {type: object, properties: {branch: {type: string}, version: {type: string}}}
steps:
  - {id: build, run: {command: [make]}}
  - {id: test, run: {command: [make, test]}}
  - {id: publish, run: {command: [publish]}}
)";
constexpr const char* kInput =
    R"({"branch":"main","version":"4.2.1","hosts":["a","b","c"],"dry_run":false})";
constexpr const char* kOutput =
    R"({"exit_code":0,"result":{"artifact":"app-4.2.1.tar.gz","bytes":48123,"warnings":[]},)"
    R"("stdout":{"text":"[ 98%] Linking CXX executable app\n[100%] Built target app\nDone.\n",)"
    R"("truncated":false,"ref":null},"stderr":{"text":"","truncated":false,"ref":null}})";

/// A run that has built and tested, and is about to publish.
class Halfway {
 public:
  Halfway() {
    auto flow = flow::parseFlow(kFlow, "bench.flow.yaml", flow::Format::kYaml);
    BELAY_CHECK(flow.ok());
    auto loaded = std::make_shared<runtime::LoadedFlow>();
    loaded->module.digest = flow->digest;
    loaded->flow = std::move(*flow);
    run_.flow = std::move(loaded);
    engine::RunCreated created;
    created.slug = "bench";
    created.flowDigest = run_.flow->flow.digest;
    created.source = "draft";
    created.inputJson = kInput;
    created.stateJson = R"({"attempts":3})";
    created.startedBy = "uid:0 (root)";
    created.firstStep = "build";
    created.seed = 42;
    take(std::move(created));
    finish("build", "test");
    finish("test", "publish");
  }

  runtime::RunScope scope() { return {run_, outputs_, "publish", 1, kNowMs}; }
  const Module& module() const { return run_.flow->module; }

 private:
  void take(engine::EventBody body) {
    BELAY_CHECK(engine::apply(run_.state, engine::Event{kNowMs, std::move(body)}).ok());
  }
  void finish(const char* step, const char* next) {
    engine::StepStarted started;
    started.key = engine::StepKey{step, 1, 1};
    started.renderedJson = "{}";
    take(started);
    engine::StepFinished finished;
    finished.key = started.key;
    finished.outputJson = kOutput;
    finished.next = engine::Next{engine::Next::Kind::kStep, next};
    take(std::move(finished));
  }

  runtime::LiveRun run_;
  test::MemoryOutputs outputs_;
};

double medianUs(const auto& call) {
  call();  // compiles
  std::vector<double> times;
  times.reserve(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    const auto taken = std::chrono::steady_clock::now() - start;
    times.push_back(std::chrono::duration<double, std::micro>(taken).count());
  }
  std::nth_element(times.begin(), times.begin() + kCalls / 2, times.end());
  return times[kCalls / 2];
}

double firstUs(const Module& module, const runtime::RunScope& scope) {
  const auto start = std::chrono::steady_clock::now();
  QuickJsEvaluator fresh;
  BELAY_CHECK(fresh.evaluate(module, "1", scope).ok());
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

int main() {
  Halfway run;
  QuickJsEvaluator evaluator;
  const Module& module = run.module();
  const auto tree = json::parse(
      R"({"command":["publish","${{ steps.build.output.result.artifact }}"],)"
      R"("env":{"VERSION":"${{ input.version }}","BRANCH":"release/${{ input.branch }}"}})");
  BELAY_CHECK(tree.ok());

  // `when`, or a case of `switch`.
  const double condition = medianUs([&] {
    const auto value = evaluator.test(
        module, "steps.test.output.exit_code === 0 && input.branch === 'main'", run.scope());
    BELAY_CHECK(value.ok() && *value);
  });
  // `output`, or `set`.
  const double value = medianUs([&] {
    const auto made = evaluator.evaluate(
        module, "({file: steps.build.output.result.artifact, to: input.hosts.length})",
        run.scope());
    BELAY_CHECK(made.ok() && made->json == R"({"file":"app-4.2.1.tar.gz","to":3})");
  });
  // The text of a step: two expressions.
  const double text = medianUs([&] {
    const auto made = evaluator.renderText(
        module, "Publish ${{ steps.build.output.result.artifact }} of ${{ input.branch }}",
        run.scope());
    BELAY_CHECK(made.ok() && *made == "Publish app-4.2.1.tar.gz of main");
  });
  // All that a step is given: three expressions.
  const double step =
      medianUs([&] { BELAY_CHECK(evaluator.renderValue(module, *tree, run.scope()).ok()); });
  std::printf(R"({"condition_us": %.3f, "value_us": %.3f, "template_us": %.3f, "step_us": %.3f, )"
              R"("first_us": %.1f, "context_bytes": %zu})"
              "\n",
              condition, value, text, step, firstUs(module, run.scope()), evaluator.memoryBytes());
  return 0;
}
