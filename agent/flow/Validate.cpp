#include "agent/flow/Validate.h"

#include <algorithm>

#include "agent/flow/AgentRules.h"
#include "agent/flow/Builder.h"
#include "agent/flow/Bundle.h"
#include "agent/flow/Concurrency.h"
#include "agent/flow/Graph.h"
#include "agent/flow/Include.h"
#include "agent/flow/StepRules.h"
#include "agent/flow/TriggerRules.h"

namespace belay::flow {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

/// All checks of a document that was read.
class FlowCheck {
 public:
  FlowCheck(Report& report, const SyntaxCheck& syntax, const yaml::Document& document, bool isCode)
      : report_(report),
        syntax_(syntax),
        isCode_(isCode),
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
    object(root);
    if (!document_.root.isObject()) return;
    requirements(root);
    checkHandles(root, names_, report_);
    if (isCode_) return;
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
  /// The keys of the flow; expressions of triggers see less than others.
  void object(const Node& root) {
    shapes_.object(root, isCode_ ? codeFlowKeys() : flowKeys());
    checkConcurrency(root, report_, expressions_);
    const auto triggers = root.find("triggers");
    if (!triggers) return;
    TriggerRules(report_, expressions_, syntax_).check(*triggers);
  }

  void tooMany(const Node& steps) {
    if (steps.size() > kStepsMax) return;  // Said already.
    report_.error(ErrorCode::kFlowBadValue, steps,
                  "the flow has " + std::to_string(names_.steps.size()) +
                      " steps with those in lists within steps, at most " +
                      std::to_string(kStepsMax) + " may stand in a file");
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
  const SyntaxCheck& syntax_;
  const bool isCode_;
  const yaml::Document& document_;
  const FlowNames names_;
  Expressions expressions_;
  ShapeCheck shapes_;
};

}  // namespace

Format formatOf(std::string_view fileName) {
  if (fileName.ends_with(".js")) return Format::kCode;
  return fileName.ends_with(".json") ? Format::kJson : Format::kYaml;
}

std::string_view formatName(Format format) {
  constexpr std::string_view kNames[] = {"yaml", "json", "bundle", "js"};
  return kNames[static_cast<std::size_t>(format)];
}

std::optional<Format> formatNamed(std::string_view name) {
  for (const Format format : {Format::kYaml, Format::kJson, Format::kBundle, Format::kCode}) {
    if (formatName(format) == name) return format;
  }
  return std::nullopt;
}

Checked checkFlow(std::string_view text, const std::string& fileName, Format format,
                  const SyntaxCheck& syntax) {
  Report report(fileName, syntax.content);
  Bundle bundle;
  if (format == Format::kBundle) {
    auto parsed = parseBundle(text);
    if (!parsed) {
      report.add(diagnosticOf(parsed.error()));
      return {std::nullopt, std::move(report).take()};
    }
    bundle = std::move(*parsed);
  }
  const bool bundled = format == Format::kBundle;
  const std::string_view content = bundled ? std::string_view(bundle.content) : text;
  const bool isCode = (bundled ? bundle.format : format) == Format::kCode;
  const auto written = readDocument(content, bundled ? bundle.format : format, syntax.content);
  if (!written.ok()) {
    report.add(diagnosticOf(written.error()));
    return {std::nullopt, std::move(report).take()};
  }
  const yaml::Document document = resolveIncludes(*written, bundle.files, report);
  FlowCheck(report, syntax, document, isCode).run();
  if (isCode && syntax.program) {
    const base::Status loaded = syntax.program(content);
    if (!loaded.ok()) report.add(diagnosticOf(loaded.error()));
  }
  Checked checked;
  if (!report.hasErrors())
    checked.flow =
        isCode ? buildCodeFlow(document.root, text, content) : buildFlow(document.root, text);
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
  // style: messages: there is no flow only where there is an error.
  return Error{ErrorCode::kInternal, "the flow was refused without a reason"};
}

Result<Flow> storedFlow(std::string_view text, const std::string& slug, std::string_view format) {
  SyntaxCheck nothing;
  nothing.content = Content::kStored;
  return parseFlow(text, slug, formatNamed(format).value_or(Format::kYaml), nothing);
}

std::vector<Diagnostic> validateFlow(std::string_view text, const std::string& fileName,
                                     Format format, const SyntaxCheck& syntax) {
  return checkFlow(text, fileName, format, syntax).diagnostics;
}

}  // namespace belay::flow
