#include "agent/flow/CodeCalls.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "agent/flow/Builder.h"
#include "agent/flow/Family.h"
#include "agent/flow/StepRules.h"
#include "agent/script/TextOutput.h"
#include "common/json/Json.h"

namespace belay::flow {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

struct Instead {
  std::string_view key;
  std::string_view write;
};

// What the language of steps has and code does by itself.
constexpr std::array<Instead, 8> kInstead{{
    {"when", "write: if (…) await ctx.step(…)"},
    {"next", "what follows is what the code does next"},
    {"max_visits", "count the rounds in the code"},
    {"switch", "write: if (…) … else …"},
    {"parallel", "write: await ctx.parallel({left: c => …, right: c => …})"},
    {"for_each",
     "write: await ctx.forEach(name, items, {maxParallel}, async (item, index, c) => …)"},
    {"loop", "write: for (…) or while (…)"},
    {"set", "write: ctx.setState({name: value})"},
}};

/// Takes their meaning from texts that look like expressions.
void escape(std::string& text) {
  for (std::size_t at = text.find("${{"); at != std::string::npos; at = text.find("${{", at + 2))
    text.insert(at, "$");
}

void escapeAll(Value& value) {
  if (value.isArray()) {
    for (Value& item : value.asArray()) escapeAll(item);
  } else if (value.isObject()) {
    for (json::Member& member : value.asObject()) escapeAll(member.second);
  } else if (value.isString() && value.asString().find("${{") != std::string::npos) {
    std::string text = value.asString();
    escape(text);
    value = Value(std::move(text));
  }
}

/// Puts texts in the place of text outputs.
void flatten(Value& value) {
  if (script::isTextOutput(value)) {
    value = Value(*script::textOf(value));
  } else if (value.isArray()) {
    for (Value& item : value.asArray()) flatten(item);
  } else if (value.isObject()) {
    for (json::Member& member : value.asObject()) flatten(member.second);
  }
}

void flattenArtifacts(Value& step) {
  Value* wait = step.find("wait");
  Value* approval = wait ? wait->find("approval") : step.find("review");
  Value* artifacts = approval ? approval->find("artifacts") : nullptr;
  if (!artifacts || !artifacts->isArray()) return;
  for (Value& artifact : artifacts->asArray()) {
    const std::string reference = artifact.text("ref");
    if (reference.starts_with("res://")) artifact = Value(reference);
  }
}

/// The call as a step of a file. The condition of an event is an expression, as everywhere.
Result<Value> stepValue(std::string_view name, std::string_view definitionJson) {
  BELAY_ASSIGN(Value definition, json::parse(definitionJson));
  if (!definition.isObject()) {
    return Error{ErrorCode::kFlowWrongType,
                 "a step must be an object, like {run: {command: [\"true\"]}}"};
  }
  if (definition.find("id")) {
    return Error{ErrorCode::kFlowBadValue, "\"id\" is the first argument of the call"};
  }
  Value* wait = definition.find("wait");
  Value* event = wait ? wait->find("event") : nullptr;
  const Value* match = event ? event->find("match") : nullptr;
  const Value kept = match ? *match : Value();
  escapeAll(definition);
  if (match) event->set("match", kept);
  Value step;
  step.set("id", name);
  for (json::Member& member : definition.asObject()) step.asObject().push_back(std::move(member));
  return step;
}

Status refuseControl(const Value& step) {
  const Value* onError = step.find("on_error");
  if (onError && onError->isString() && onError->asString() != "fail" &&
      onError->asString() != "skip") {
    return Error{ErrorCode::kFlowBadValue,
                 "on_error is fail or skip in code; write try and catch for anything else"};
  }
  for (const auto& [key, write] : kInstead) {
    if (!step.find(key)) continue;
    return Error{ErrorCode::kFlowBadValue,
                 "\"" + std::string(key) + "\" is not for steps of code; " + std::string(write)};
  }
  return {};
}

Status refuseLargeUndo(const Value& step) {
  const Value* undo = step.find("compensate");
  if (!undo || json::print(*undo).size() <= kUndoBytesMax) return {};
  return Error{ErrorCode::kLimit, "compensate may have at most " + std::to_string(kUndoBytesMax) +
                                      " bytes in code; keep what is large in a file, and name it"};
}

}  // namespace

bool isKeyOfCalls(std::string_view key) {
  return key != "id" && std::none_of(kInstead.begin(), kInstead.end(),
                                     [key](const Instead& row) { return row.key == key; });
}

Status checkCall(const Flow& flow, std::string_view name, std::string_view definitionJson,
                 Content content) {
  BELAY_ASSIGN(Value step, stepValue(name, definitionJson));
  BELAY_TRY(refuseControl(step));
  BELAY_TRY(refuseLargeUndo(step));
  flattenArtifacts(step);
  flatten(step);
  json::Array list;
  list.push_back(std::move(step));
  BELAY_ASSIGN(const yaml::Document document, yaml::parseJson(json::print(Value(std::move(list)))));
  Report report(std::string(name), content);
  const FlowNames names = gatherCallNames(flow.code->metadata, document.root);
  const SyntaxCheck nothing;  // Borrowed below: it must outlive what looks at expressions.
  Expressions expressions(report, nothing, names);
  ShapeCheck shapes(report, expressions, names, document);
  StepRules(report, shapes, expressions, names).check(Node{document.root, document.places});
  if (!report.hasErrors()) return {};
  for (Diagnostic& found : std::move(report).take()) {
    if (found.severity != Severity::kError) continue;
    return Error{found.code, found.message + (found.hint.empty() ? "" : "; " + found.hint)};
  }
  return {};
}

Result<CallStep> callStep(const Flow& flow, std::string_view name,
                          std::string_view definitionJson) {
  BELAY_ASSIGN(const Value value, stepValue(name, definitionJson));
  const auto& members = value.asObject();
  const bool hasFamily = std::any_of(members.begin(), members.end(), [](const json::Member& m) {
    return findFamily(m.first) != nullptr;
  });
  // style: messages: whoever comes here has asked checkCall, which says what is missing.
  if (!hasFamily) return Error{ErrorCode::kFlowNoFamily, "a call without a family"};
  CallStep call;
  call.step = buildStep(value, flow, flow.code->metadata);
  call.step.maxVisits = std::numeric_limits<std::uint32_t>::max();
  if (!call.step.spec.empty()) {
    BELAY_ASSIGN(call.spec, json::parse(call.step.spec));
  }
  if (!value.find("compensate")) return call;
  // As the code wrote it: it is escaped when it is made a step itself.
  BELAY_ASSIGN(const Value definition, json::parse(definitionJson));
  call.undoJson = json::print(*definition.find("compensate"));
  call.step.undo = 0;
  return call;
}

}  // namespace belay::flow
