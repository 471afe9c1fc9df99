#include <algorithm>

#include "agent/flow/ShapeCheck.h"
#include "agent/script/Template.h"
#include "common/base/Ids.h"
#include "common/base/SecretName.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/json/Schema.h"

namespace belay::flow {

using base::ErrorCode;

namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kNameMax = 64;

bool isVariable(std::string_view name) {
  const auto isPart = [](char c) {
    return kLetters.find(c) != std::string_view::npos || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
         std::all_of(name.begin(), name.end(), isPart);
}

/// RFC 9110 §5.6.2: token.
bool isToken(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return kLetters.find(c) != std::string_view::npos || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

/// Fields that frame the message or its connection: the client writes them.
bool isFraming(std::string_view name) {
  constexpr std::string_view kFraming[] = {
      "host", "content-length", "transfer-encoding", "connection",
      "te",   "trailer",        "upgrade",           "expect"};
  const std::string lower = base::toLower(name);
  return std::find(std::begin(kFraming), std::end(kFraming), lower) != std::end(kFraming);
}

}  // namespace

void ShapeCheck::map(const Node& node, const KeyRow& row) {
  if (!isObject(node, quoted(row.name))) return;
  if (!within(node, row, static_cast<double>(node.size()), "members")) return;
  for (std::size_t i = 0; i < node.size() && !report_.full(); ++i) {
    const Node member = node.child(i);
    if (mapName(member, row.names)) mapValue(member, row);
  }
}

bool ShapeCheck::mapName(const Node& member, Names names) {
  const std::string_view name = member.name;
  std::string problem;
  switch (names) {
    case Names::kAny:
      if (name.empty()) problem = "a name must not be empty";
      if (script::mayHoldExpression(name)) problem = "an expression cannot stand in a name";
      break;
    case Names::kIdentifier:
      if (!base::isIdentifier(name))
        problem = quoted(name) + " must match [a-z0-9][a-z0-9_-]{0,63}";
      break;
    case Names::kFunction:
      if (!isVariable(name) || name.size() > kNameMax)
        problem = quoted(name) + " must match [A-Za-z_][A-Za-z0-9_]{0,63}";
      break;
    case Names::kVariable:
      if (!isVariable(name))
        problem = quoted(name) + " is no name of an environment variable: [A-Za-z_][A-Za-z0-9_]*";
      else if (name.starts_with("BELAY_"))
        problem = quoted(name) + " begins with BELAY_, which the host sets itself";
      break;
    case Names::kHeader:
      if (!isToken(name))
        problem = quoted(name) + " is no name of a header field";
      else if (isFraming(name))
        problem = quoted(name) + " is written by the client itself";
      break;
  }
  if (problem.empty()) return true;
  const bool identifies = names == Names::kIdentifier || names == Names::kFunction;
  report_.errorAtName(identifies ? ErrorCode::kFlowBadSlug : ErrorCode::kFlowBadValue, member,
                      std::move(problem));
  return false;
}

void ShapeCheck::mapValue(const Node& member, const KeyRow& row) {
  if (row.values == Shape::kAny) return any(member, true);
  if (row.values == Shape::kObject) return object(member, *row.object);
  if (isSecret(member.value)) {
    if (row.flags & kSecrets) return secret(member);
    report_.error(ErrorCode::kFlowSecretMisplaced, member, "a secret cannot stand here",
                  "secrets may stand in env of run and agent, and in headers of http");
    return;
  }
  const bool scalars = row.values == Shape::kNumber;
  const auto isScalar = [](const json::Value& value) { return value.isNumber() || value.isBool(); };
  const KeyRow item{.name = row.name, .flags = row.flags, .least = row.flags & kEmpty ? 0.0 : 1.0};
  if (scalars && member.value.isArray()) {
    for (std::size_t i = 0; i < member.size() && !report_.full(); ++i) {
      const Node child = member.child(i);
      if (!isScalar(child.value)) static_cast<void>(text(child, item));
    }
    return;
  }
  if (!scalars || !isScalar(member.value)) static_cast<void>(text(member, item));
}

bool ShapeCheck::isSecret(const json::Value& value) const {
  return value.isObject() && value.asObject().size() == 1 && value.asObject()[0].first == "secret";
}

void ShapeCheck::secret(const Node& node) {
  const Node name = node.child(0);
  if (!isText(name) || !expressions_.refuse(name)) return;
  if (base::isSecretName(name.value.asString())) return;
  report_.error(ErrorCode::kFlowBadValue, name,
                "must match " + std::string(base::kSecretNamePattern) + ", is " +
                    quoted(name.value.asString()));
}

void ShapeCheck::prompt(const Node& node, const KeyRow& row) {
  if (!node.value.isObject()) {
    static_cast<void>(text(node, row));
    return;
  }
  constexpr KeyRow kKeys[]{
      {.name = "template", .shape = Shape::kIdentifier, .flags = kRequired}};
  object(node, {.what = "a prompt", .keys = kKeys});
}

/// A value of any type: the expressions in its texts, and no secrets.
void ShapeCheck::any(const Node& node, bool templates) {
  if (report_.full()) return;
  if (node.value.isString()) {
    if (templates)
      expressions_.checkText(node);
    else
      static_cast<void>(expressions_.refuse(node));
    return;
  }
  if (isSecret(node.value) && node.child(0).value.isString()) {
    report_.error(ErrorCode::kFlowSecretMisplaced, node,
                  "a secret cannot stand here, it would be recorded",
                  "secrets may stand in env of run and agent, and in headers of http");
    return;
  }
  for (std::size_t i = 0; i < node.size() && !report_.full(); ++i) {
    const Node child = node.child(i);
    if (node.value.isObject() && script::mayHoldExpression(child.name)) {
      report_.errorAtName(ErrorCode::kFlowBadValue, child, "an expression cannot stand in a name");
    }
    any(child, templates);
  }
}

void ShapeCheck::jsonSchema(const Node& node) {
  if (!isObject(node, quoted(node.name))) return;
  any(node, false);
  const std::vector<json::Violation> problems = json::Schema::problemsOf(node.value);
  for (const json::Violation& violation : problems) {
    if (report_.full()) return;
    Diagnostic diagnostic;
    diagnostic.code = ErrorCode::kSchemaInvalid;
    diagnostic.place.pointer = node.pointer() + violation.pointer;
    const yaml::Mark mark = document_.placeOf(diagnostic.place.pointer).key;
    diagnostic.place.line = mark.line;
    diagnostic.place.column = mark.column;
    const std::size_t hint = violation.message.find("; ");
    const std::size_t last = violation.pointer.rfind('/');
    diagnostic.message = (last == std::string::npos ? "the JSON Schema "
                                                    : violation.pointer.substr(last + 1) + " ") +
                         violation.message.substr(0, hint);
    if (hint != std::string::npos) diagnostic.hint = violation.message.substr(hint + 2);
    report_.add(std::move(diagnostic));
  }
  if (!problems.empty()) return;
  const bool isForm = node.name == "form";
  const auto type = isForm || node.name == "input" ? node.find("type") : std::nullopt;
  if (type && type->value != json::Value("object")) {
    report_.laterError(ErrorCode::kFlowBadValue, *type,
                       std::string(isForm ? "a form" : "the input of a flow") +
                           " is an object: type must be object",
                       "put the schema of a single value under properties");
  }
}

void ShapeCheck::step(const Node& node, bool templates) {
  if (!isText(node)) return;
  const std::string& name = node.value.asString();
  if (script::mayHoldExpression(name)) {
    if (templates)
      expressions_.checkText(node);
    else
      report_.error(ErrorCode::kFlowBadValue, node, "next of a case must be a step's id or end",
                    "use next of a step for an expression");
    return;
  }
  if (name == "end" || names_.hasStep(name)) return;
  std::vector<std::string_view> known = names_.steps;
  known.push_back("end");
  report_.error(ErrorCode::kFlowUnknownStep, node, "the flow has no step " + quoted(name),
                didYouMean(name, known));
}

void ShapeCheck::onError(const Node& node) {
  if (!isText(node) || isTemplate(node, {.name = node.name})) return;
  const std::string& name = node.value.asString();
  if (name == "fail" || name == "skip" || names_.hasStep(name)) return;
  std::vector<std::string_view> known = names_.steps;
  known.insert(known.end(), {"fail", "skip"});
  std::string hint = didYouMean(name, known);
  if (name == "continue" || name == "ignore") hint = "write skip to go on";
  report_.error(ErrorCode::kFlowUnknownStep, node,
                quoted(name) + " is not fail, skip or a step of the flow", std::move(hint));
}

}  // namespace belay::flow
