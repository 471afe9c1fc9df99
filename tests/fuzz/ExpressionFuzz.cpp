// Any text as an expression, a template, a function and the body of one, under small limits. After
// each the interpreter is as good as new, and the same text gives the same value again.

#include <set>
#include <string>

#include "agent/script/QuickJsEvaluator.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Check.h"
#include "common/json/Json.h"
#include "tests/fuzz/Input.h"
#include "tests/support/FakeScope.h"

namespace belay::fuzz {
namespace {

script::Limits smallLimits() {
  script::Limits limits;
  limits.ticks = 50'000;
  limits.cpu = std::chrono::milliseconds{200};
  limits.memoryBytes = 4u << 20;
  limits.outputBytes = 64u << 10;
  return limits;
}

test::FakeScope makeScope() {
  test::FakeScope scope;
  scope.set(script::Name::kInput, R"({"name":"Ada","n":3,"list":[1,2,3],"deep":{"a":{"b":null}}})");
  scope.set(script::Name::kState, R"({"count":1})");
  scope.set(script::Name::kRun, R"({"id":"r1"})");
  scope.setStep("one",
                R"({"output":{"text":"long","truncated":true,"ref":"res://x"},"status":"ok"})");
  return scope;
}

void checkError(const base::Error& error) {
  using base::ErrorCode;
  static const std::set<ErrorCode> known = {
      ErrorCode::kFlowExpressionSyntax, ErrorCode::kExpressionFailed,
      ErrorCode::kExpressionTicks,      ErrorCode::kExpressionMemory,
      ErrorCode::kExpressionStack,      ErrorCode::kExpressionOutput,
      ErrorCode::kFlowUnknownName,      ErrorCode::kLimit};
  BELAY_CHECK(known.count(error.code) == 1);
}

/// Both calls see the same, unless one of them ran out of processor time, which is not counted.
void checkSame(const base::Result<script::Evaluated>& first,
               const base::Result<script::Evaluated>& second) {
  if (!first.ok()) checkError(first.error());
  if (!second.ok()) checkError(second.error());
  if (!first.ok() || !second.ok()) return;
  BELAY_CHECK(first->json == second->json && first->isUndefined == second->isUndefined);
  BELAY_CHECK(json::parse(first->json).ok());
}

class Target {
 public:
  void run(std::string_view text) {
    if (const auto status = checker_.checkExpression(text); !status.ok())
      checkError(status.error());
    if (const auto status = checker_.checkFunction(text); !status.ok()) checkError(status.error());
    if (const auto status = checker_.checkTemplate(text); !status.ok()) checkError(status.error());
    checkSame(evaluator_.evaluate(module_, text, scope_),
              evaluator_.evaluate(module_, text, scope_));
    const auto rendered = evaluator_.renderText(module_, text, scope_);
    if (!rendered.ok()) checkError(rendered.error());
    const std::string input = R"({"n":1})";
    checkSame(evaluator_.callCode(module_, text, input, scope_),
              evaluator_.callCode(module_, text, input, scope_));
    checkUntouched();
  }

 private:
  void checkUntouched() {
    const auto left = evaluator_.evaluate(module_, kProbe, scope_);
    BELAY_CHECK(left.ok() && left->json == R"([6,"Ada",0,true])");
  }

  static constexpr std::string_view kProbe =
      "[[1,2,3].reduce((a, b) => a + b), input.name, Object.keys(Object.prototype).length,"
      " Object.isFrozen(Array.prototype)]";

  script::SyntaxChecker checker_{smallLimits()};
  script::QuickJsEvaluator evaluator_{smallLimits()};
  const script::Module module_{
      "fuzz", {{"twice", "x => x * 2"}}, {{"hello", "Hello ${{ input.name }}"}}};
  const test::FakeScope scope_ = makeScope();
};

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static belay::fuzz::Target target;
  target.run(belay::fuzz::textOf(data, size));
  return 0;
}
