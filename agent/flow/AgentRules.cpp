#include "agent/flow/AgentRules.h"

#include <algorithm>

#include "agent/flow/FamilyKeys.h"
#include "agent/flow/ShapeCheck.h"
#include "common/json/Json.h"

namespace belay::flow {

using base::Error;
using base::ErrorCode;

namespace {

/// What must go together in one definition.
void checkKeys(const Node& handle, Report& report) {
  const std::string adapter = handle.value.text("adapter");
  const auto agent = handle.find("agent");
  if (agent && !adapter.empty()) {
    report.errorAtName(ErrorCode::kFlowBadValue, *agent,
                       "an agent has both agent and adapter, only one may stand",
                       "the host's settings say the adapter of its agents");
  }
  const auto command = handle.find("command");
  if (command && adapter != "command") {
    report.errorAtName(ErrorCode::kFlowBadValue, *command,
                       "command means nothing without adapter: command");
  }
  if (command && command->value.text("prompt_mode") == "flag" &&
      command->value.text("prompt_flag").empty()) {
    report.error(ErrorCode::kFlowMissingKey, *command,
                 "prompt_mode: flag needs the key \"prompt_flag\"");
  }
  const auto binary = handle.find("binary");
  if (adapter == "command" && !binary) {
    report.error(ErrorCode::kFlowMissingKey, handle,
                 "the adapter command needs the key \"binary\"");
  }
  if (binary && adapter.empty()) {
    report.errorAtName(ErrorCode::kFlowBadValue, *binary, "binary means nothing without adapter",
                       "the host's settings say the binary of its agents");
  }
}

}  // namespace

void checkHandleName(const Node& name, const FlowNames& names, Report& report) {
  if (!name.value.isString()) return;
  const std::string& text = name.value.asString();
  if (std::find(names.agents.begin(), names.agents.end(), text) != names.agents.end()) return;
  std::string hint = didYouMean(text, names.agents);
  if (hint.empty()) hint = "add to agents: {" + text + ": {adapter: claude-code}}";
  report.error(ErrorCode::kFlowUnknownName, name, "the flow has no agent " + quoted(text),
               std::move(hint));
}

void checkHandles(const Node& root, const FlowNames& names, Report& report) {
  const auto handles = root.find("agents");
  if (!handles || !handles->value.isObject()) return;
  for (std::size_t i = 0; i < handles->size() && !report.full(); ++i) {
    const Node handle = handles->child(i);
    if (!handle.value.isObject()) continue;
    checkKeys(handle, report);
    const auto fallback = handle.find("fallback");
    for (std::size_t k = 0; fallback && fallback->value.isArray() && k < fallback->size(); ++k) {
      const Node name = fallback->child(k);
      checkHandleName(name, names, report);
      if (name.value.isString() && name.value.asString() == handle.name)
        report.error(ErrorCode::kFlowBadValue, name, "an agent cannot fall back to itself");
    }
  }
}

base::Status checkHostAgents(const json::Value& section) {
  if (section.isNull()) return {};
  BELAY_ASSIGN(const yaml::Document document, yaml::parseJson(json::print(section)));
  Report report("agents");
  const FlowNames names;
  const SyntaxCheck nothing;
  Expressions expressions(report, nothing, names);
  ShapeCheck shapes(report, expressions, names, document);
  const Node root{document.root, document.places};
  shapes.value(root, {.name = "agents",
                      .shape = Shape::kMap,
                      .flags = kEmpty,
                      .object = &kHandleObject,
                      .names = Names::kIdentifier,
                      .values = Shape::kObject});
  for (std::size_t i = 0; root.value.isObject() && i < root.size(); ++i) {
    const Node handle = root.child(i);
    if (!handle.value.isObject()) continue;
    checkKeys(handle, report);
    if (handle.value.text("adapter").empty())
      // style: messages: of settings, which AgentStepTest has.
      report.error(ErrorCode::kFlowMissingKey, handle, "an agent of the host needs an adapter");
    for (const char* key : {"fallback", "agent"}) {
      if (const auto found = handle.find(key))
        // style: messages: of settings too.
        report.errorAtName(ErrorCode::kFlowBadValue, *found, "stands in flows, not in settings");
    }
  }
  for (Diagnostic& found : std::move(report).take()) {
    if (found.severity != Severity::kError) continue;
    std::string hint = found.hint.empty() ? "" : "; " + found.hint;
    // style: messages: what was said, as an error.
    return Error{ErrorCode::kSettingsInvalid,
                 "agents" + found.place.pointer + ": " + found.message + std::move(hint)};
  }
  return {};
}

}  // namespace belay::flow
