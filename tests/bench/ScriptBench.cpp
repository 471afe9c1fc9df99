// Measures what one call of the evaluator costs, in nanoseconds of processor time: the best of
// several rounds, so that other load on the machine does not count.
//
// Prints one line per case: name, value, unit.

#include <algorithm>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>

#include "agent/script/QuickJsEvaluator.h"
#include "common/base/Check.h"
#include "common/base/Clock.h"
#include "common/json/Json.h"
#include "tests/support/FakeScope.h"

namespace {

using belay::base::threadCpuTime;
using belay::script::Module;
using belay::script::Name;
using belay::script::QuickJsEvaluator;

constexpr int kRounds = 9;

double bestNs(int calls, const std::function<void()>& call) {
  call();
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < kRounds; ++round) {
    const auto start = threadCpuTime();
    for (int i = 0; i < calls; ++i) call();
    const auto taken = threadCpuTime() - start;
    best = std::min(best, static_cast<double>(taken.count()) / calls);
  }
  return best;
}

void report(const char* name, double value, const char* unit) {
  std::printf("script.%s %.0f %s\n", name, value, unit);
}

}  // namespace

int main() {
  QuickJsEvaluator evaluator;
  belay::test::FakeScope scope;
  scope.set(Name::kInput, R"({"name":"world","list":[1,2,3]})");
  scope.set(Name::kState, R"({"attempts":3})");
  scope.setStep("build", R"({"status":"succeeded","output":{"exit_code":0,"stdout":)"
                         R"({"text":"all good\n","truncated":false,"ref":null}}})");
  const Module module{"bench", {{"increment", "x => ({a: x.a + 1})"}}, {}};
  const auto tree = belay::json::parse(
      R"({"n":"${{ state.attempts + 1 }}","text":"Hello ${{ input.name }}","plain":[1,"two",null]})");
  BELAY_CHECK(tree.ok());

  report("function_step",
         bestNs(20'000,
                [&] {
                  const auto value =
                      evaluator.callFunction(module, "increment", R"({"a":1})", scope);
                  BELAY_CHECK(value.ok() && value->json == R"({"a":2})");
                }),
         "ns");
  report("code_step",
         bestNs(20'000,
                [&] {
                  const auto value =
                      evaluator.callCode(module, "return {a: input.a + 1};", R"({"a":1})", scope);
                  BELAY_CHECK(value.ok() && value->json == R"({"a":2})");
                }),
         "ns");
  report("expression_on_state",
         bestNs(20'000,
                [&] {
                  const auto value = evaluator.evaluate(module, "state.attempts + 1", scope);
                  BELAY_CHECK(value.ok() && value->json == "4");
                }),
         "ns");
  report("expression_on_step",
         bestNs(20'000,
                [&] {
                  const auto value =
                      evaluator.test(module, "steps.build.output.exit_code === 0", scope);
                  BELAY_CHECK(value.ok() && *value);
                }),
         "ns");
  report("text_output",
         bestNs(20'000,
                [&] {
                  const auto text = evaluator.renderText(
                      module, "It says ${{ steps.build.output.stdout }}", scope);
                  BELAY_CHECK(text.ok() && *text == "It says all good\n");
                }),
         "ns");
  report("tree_of_three",
         bestNs(20'000, [&] { BELAY_CHECK(evaluator.renderValue(module, *tree, scope).ok()); }),
         "ns");
  report(
      "plain_text",
      bestNs(20'000,
             [&] { BELAY_CHECK(evaluator.renderText(module, "no expression in it", scope).ok()); }),
      "ns");
  report("context", static_cast<double>(evaluator.memoryBytes()), "bytes");
  report("new_evaluator",
         bestNs(50,
                [&] {
                  QuickJsEvaluator fresh;
                  BELAY_CHECK(fresh.evaluate(module, "1", scope).ok());
                }),
         "ns");
  return 0;
}
