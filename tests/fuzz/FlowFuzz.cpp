// Any bytes as a flow file, in YAML, in JSON and as code. What is accepted is read a second time to
// the same flow; what is refused says why, in a line that can be shown.

#include <string>

#include "agent/flow/Validate.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Check.h"
#include "tests/fuzz/Input.h"

namespace belay::fuzz {
namespace {

flow::SyntaxCheck syntaxOf(script::SyntaxChecker& checker) {
  return {[&checker](std::string_view text) { return checker.checkExpression(text); },
          [&checker](std::string_view text) { return checker.checkFunction(text); },
          [&checker](std::string_view text) { return checker.checkCode(text); }};
}

void check(std::string_view text, flow::Format format, const flow::SyntaxCheck& syntax) {
  const flow::Checked checked = flow::checkFlow(text, "any.flow.yaml", format, syntax);
  bool refused = false;
  for (const flow::Diagnostic& diagnostic : checked.diagnostics) {
    refused = refused || diagnostic.severity == flow::Severity::kError;
    BELAY_CHECK(!diagnostic.text().empty());
  }
  BELAY_CHECK(checked.flow.has_value() != refused);
  BELAY_CHECK(checked.diagnostics.size() <= flow::kDiagnosticsMax + 1);
  if (!checked.flow) return;
  BELAY_CHECK(checked.flow->steps.empty() == checked.flow->code.has_value());
  // Releases are read again without the check of the syntax.
  const auto again = flow::parseFlow(text, "any.flow.yaml", format);
  BELAY_CHECK(again.ok() && again->digest == checked.flow->digest);
  BELAY_CHECK(again->steps.size() == checked.flow->steps.size());
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static belay::script::SyntaxChecker checker;
  static const belay::flow::SyntaxCheck syntax = belay::fuzz::syntaxOf(checker);
  const std::string_view text = belay::fuzz::textOf(data, size);
  belay::fuzz::check(text, belay::flow::Format::kYaml, syntax);
  belay::fuzz::check(text, belay::flow::Format::kJson, syntax);
  belay::fuzz::check(text, belay::flow::Format::kCode, syntax);
  return 0;
}
