#include "agent/flow/Validate.h"

#include <algorithm>

#include "agent/flow/Builder.h"
#include "agent/flow/Graph.h"
#include "agent/flow/StepRules.h"
#include "common/base/Units.h"

namespace belay::flow {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

/// Without "YAML at line 3, column 5: ", which a diagnostic says in its own way.
std::string withoutPlace(const std::string& message) {
  const bool placed = message.starts_with("YAML at line ") || message.starts_with("JSON at line ");
  return placed ? message.substr(message.find(": ") + 2) : message;
}

Diagnostic diagnosticOf(const Error& error) {
  Diagnostic diagnostic;
  diagnostic.code = error.code;
  diagnostic.message = withoutPlace(error.message);
  diagnostic.place = error.place;
  if (!error.actions.empty()) diagnostic.hint = error.actions.front();
  return diagnostic;
}

/// All checks of a document that was read.
class FlowCheck {
 public:
  FlowCheck(Report& report, const SyntaxCheck& syntax, const yaml::Document& document)
      : report_(report),
        document_(document),
        names_(gatherNames(document.root)),
        expressions_(report, syntax, names_),
        shapes_(report, expressions_, names_, document) {}

  void run() {
    const Node root{document_.root, document_.places};
    if (document_.root.isNull()) {
      report_.error(ErrorCode::kFlowMissingKey, root, "the file is empty",
                    "a flow begins with slug: NAME");
      return;
    }
    shapes_.object(root, flowKeys());
    if (!document_.root.isObject()) return;
    input(root);
    requirements(root);
    const auto steps = root.find("steps");
    if (!steps || !steps->value.isArray() || steps->size() == 0) return;
    if (names_.steps.size() > kStepsMax) return tooMany(*steps);
    StepRules rules(report_, shapes_, expressions_, names_);
    rules.check(*steps);
    const auto last = root.find("on_failure");
    if (last) rules.check(*last);
    // A way may run through what is wrong already; then it is not known which steps are lost.
    const bool waysAreKnown = !report_.has(
        {ErrorCode::kFlowUnknownKey, ErrorCode::kFlowUnknownStep, ErrorCode::kFlowWrongType,
         ErrorCode::kFlowMissingKey, ErrorCode::kFlowNoFamily, ErrorCode::kFlowDuplicateStep});
    if (!waysAreKnown) return;
    reportUnreachable(*steps, report_);
    if (last) reportUnreachable(*last, report_);
  }

 private:
  void tooMany(const Node& steps) {
    if (steps.size() > kStepsMax) return;  // Said already.
    report_.error(ErrorCode::kFlowBadValue, steps,
                  "the flow has " + std::to_string(names_.steps.size()) +
                      " steps with those in lists within steps, at most " +
                      std::to_string(kStepsMax) + " may stand in a file");
  }

  void input(const Node& root) {
    const auto node = root.find("input");
    const auto type = node ? node->find("type") : std::nullopt;
    if (!type || (type->value.isString() && type->value.asString() == "object")) return;
    report_.error(ErrorCode::kFlowBadValue, *type,
                  "the input of a flow is an object: type must be object",
                  "put the schema of a single value under properties");
  }

  void requirements(const Node& root) {
    const auto node = root.find("requires");
    if (!node || !node->value.isArray()) return;
    std::vector<std::string> seen;
    for (std::size_t i = 0; i < node->size() && !report_.full(); ++i) {
      const Node entry = node->child(i);
      const auto name = entry.find("name");
      if (!name || !name->value.isString()) continue;
      if (std::find(seen.begin(), seen.end(), name->value.asString()) != seen.end()) {
        report_.error(ErrorCode::kFlowBadValue, *name,
                      "requires has the name " + quoted(name->value.asString()) + " twice");
      }
      if (seen.size() < 64) seen.push_back(name->value.asString());
    }
  }

  Report& report_;
  const yaml::Document& document_;
  const FlowNames names_;
  Expressions expressions_;
  ShapeCheck shapes_;
};

Result<yaml::Document> read(std::string_view text, Format format) {
  if (text.size() > kFlowBytesMax) {
    return Error{ErrorCode::kFlowTooLarge, "the file has " + base::formatBytes(text.size()) +
                                               ", a flow at most " +
                                               base::formatBytes(kFlowBytesMax)};
  }
  yaml::Limits limits;
  // Escaped as JSON it may be six times as long, and still a record that can be parsed again.
  limits.textBytesMax = 4 * kFlowBytesMax;
  auto document =
      format == Format::kJson ? yaml::parseJson(text, limits) : yaml::parse(text, limits);
  if (document.ok() || document.error().code != ErrorCode::kLimit) return document;
  // No bound of the settings: the file is at fault, as with anything else in it that is refused.
  Error error = std::move(document).error();
  error.code = format == Format::kJson ? ErrorCode::kJsonSyntax : ErrorCode::kYamlRefused;
  return error;
}

}  // namespace

Format formatOf(std::string_view fileName) {
  return fileName.ends_with(".json") ? Format::kJson : Format::kYaml;
}

Checked checkFlow(std::string_view text, const std::string& fileName, Format format,
                  const SyntaxCheck& syntax) {
  Report report(fileName);
  const Result<yaml::Document> document = read(text, format);
  if (!document.ok()) {
    report.add(diagnosticOf(document.error()));
    return {std::nullopt, std::move(report).take()};
  }
  FlowCheck(report, syntax, *document).run();
  Checked checked;
  if (!report.hasErrors()) checked.flow = buildFlow(document->root, text);
  checked.diagnostics = std::move(report).take();
  return checked;
}

Result<Flow> parseFlow(std::string_view text, const std::string& fileName, Format format,
                       const SyntaxCheck& syntax) {
  Checked checked = checkFlow(text, fileName, format, syntax);
  if (checked.flow) return std::move(*checked.flow);
  for (Diagnostic& diagnostic : checked.diagnostics) {
    if (diagnostic.severity != Severity::kError) continue;
    std::vector<std::string> actions;
    if (!diagnostic.hint.empty()) actions.push_back(std::move(diagnostic.hint));
    actions.push_back("belay flow validate " + fileName);
    return Error{diagnostic.code, std::move(diagnostic.message), std::move(actions)}.at(
        std::move(diagnostic.place));
  }
  return Error{ErrorCode::kInternal, "the flow was refused without a reason"};
}

std::vector<Diagnostic> validateFlow(std::string_view text, const std::string& fileName,
                                     Format format, const SyntaxCheck& syntax) {
  return checkFlow(text, fileName, format, syntax).diagnostics;
}

}  // namespace belay::flow
