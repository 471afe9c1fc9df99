#include "agent/flow/ShapeCheck.h"

#include <algorithm>
#include <vector>

#include "agent/script/Template.h"
#include "common/base/Ids.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Characters.h"
#include "common/json/Json.h"

namespace belay::flow {

using base::ErrorCode;

namespace {

std::vector<std::string_view> namesOf(std::span<const KeyRow> keys) {
  std::vector<std::string_view> out;
  for (const KeyRow& key : keys) out.push_back(key.name);
  return out;
}

std::string numberText(double number) { return json::print(json::Value(number)); }

}  // namespace

bool ShapeCheck::isObject(const Node& node, std::string_view what) {
  if (node.value.isObject()) return true;
  report_.error(ErrorCode::kFlowWrongType, node,
                std::string(what) + " must be an object, is " + std::string(kindWords(node.value)));
  return false;
}

void ShapeCheck::object(const Node& node, const ObjectRow& row) {
  if (!isObject(node, row.what)) return;
  for (std::size_t i = 0; i < node.size() && !report_.full(); ++i) {
    const Node member = node.child(i);
    if (const KeyRow* key = row.find(member.name))
      value(member, *key);
    else
      unknownKey(member, row.what, namesOf(row.keys), row.later);
  }
  required(node, row.keys, row.what);
  exactlyOne(node, row);
}

void ShapeCheck::unknownKey(const Node& member, std::string_view what,
                            std::span<const std::string_view> known,
                            std::span<const std::string_view> later) {
  if (report_.full()) return;
  if (std::find(later.begin(), later.end(), member.name) != later.end()) {
    report_.errorAtName(
        ErrorCode::kFlowUnknownKey, member,
        quoted(member.name) + " in " + std::string(what) + " is not supported by this version");
    return;
  }
  report_.errorAtName(ErrorCode::kFlowUnknownKey, member,
                      "unknown key " + quoted(member.name) + " in " + std::string(what),
                      didYouMean(member.name, known));
}

void ShapeCheck::required(const Node& node, std::span<const KeyRow> keys, std::string_view what) {
  for (const KeyRow& key : keys) {
    if (!(key.flags & kRequired) || node.value.find(key.name) || report_.full()) continue;
    // Where "nxt" has been reported, "next" is not missing.
    const std::span<const std::string_view> only(&key.name, 1);
    const json::Object& members = node.value.asObject();
    const bool misspelt = std::any_of(
        members.begin(), members.end(),
        [&](const json::Member& member) { return base::nearest(member.first, only).has_value(); });
    if (misspelt) continue;
    report_.error(ErrorCode::kFlowMissingKey, node,
                  std::string(what) + " needs the key " + quoted(key.name));
  }
}

void ShapeCheck::exactlyOne(const Node& node, const ObjectRow& row) {
  if (row.exactlyOne.empty()) return;
  std::vector<std::string_view> found;
  bool unknown = false;
  for (const json::Member& member : node.value.asObject()) {
    const auto named = std::find(row.exactlyOne.begin(), row.exactlyOne.end(), member.first);
    if (named != row.exactlyOne.end()) found.push_back(*named);
    unknown |= row.find(member.first) == nullptr;
  }
  // An unknown key is probably the one that is missing, and has been reported.
  if (found.empty() && !unknown) {
    report_.error(ErrorCode::kFlowMissingKey, node,
                  std::string(row.what) + " needs one of " + listOf(row.exactlyOne));
  }
  if (found.size() > 1) {
    report_.error(ErrorCode::kFlowBadValue, node,
                  std::string(row.what) + " has both " + std::string(found[0]) + " and " +
                      std::string(found[1]) + ", only one of " + listOf(row.exactlyOne) +
                      " may stand");
  }
}

void ShapeCheck::value(const Node& node, const KeyRow& row) {
  if (report_.full()) return;
  switch (row.shape) {
    case Shape::kText:
    case Shape::kScript:
    case Shape::kSql:
      static_cast<void>(text(node, row));
      return;
    case Shape::kIdentifier:
      return identifier(node);
    case Shape::kFunctionName:
      return functionName(node);
    case Shape::kItemName:
      if (isText(node)) expressions_.checkItemName(node);
      return;
    case Shape::kExpression:
      return expression(node);
    case Shape::kFlag:
      if (!isTemplate(node, row)) flag(node);
      return;
    case Shape::kInteger:
    case Shape::kNumber:
      if (!isTemplate(node, row)) number(node, row);
      return;
    case Shape::kDuration:
      if (!isTemplate(node, row)) duration(node, row);
      return;
    case Shape::kInstant:
      if (!isTemplate(node, row)) instant(node);
      return;
    case Shape::kSize:
      return size(node, row);
    case Shape::kRelease:
      return release(node);
    case Shape::kChoice:
      return choice(node, row);
    case Shape::kWords:
      if (node.value.isArray()) return list(node, row);
      static_cast<void>(text(node, row));
      return;
    case Shape::kTextList:
    case Shape::kIntegerList:
    case Shape::kChoiceList:
      return list(node, row);
    case Shape::kMap:
      return map(node, row);
    case Shape::kAny:
      return any(node, true);
    case Shape::kConstants:
      if (isObject(node, node.name)) any(node, false);
      return;
    case Shape::kJsonSchema:
      return jsonSchema(node);
    case Shape::kObject:
      return objectOr(node, row);
    case Shape::kObjectList:
    case Shape::kSteps:
      return objectList(node, row);
    case Shape::kBranches:
      return branches(node, row);
    case Shape::kNext:
      return step(node, true);
    case Shape::kStep:
      return step(node, false);
    case Shape::kPrompt:
      return prompt(node, row);
    case Shape::kOnError:
      return onError(node);
  }
}

void ShapeCheck::objectOr(const Node& node, const KeyRow& row) {
  if ((row.flags & kOrChoice) && !node.value.isObject()) return choice(node, row);
  if ((row.flags & kOrTrue) && node.value.isBool() && node.value.asBool()) return;
  object(node, *row.object);
}

bool ShapeCheck::isText(const Node& node, bool quoteHint) {
  if (node.value.isString()) return true;
  std::string hint;
  if (quoteHint && (node.value.isNumber() || node.value.isBool())) {
    hint = "put it into quotes as it stands";  // What stood there may have had zeros in front.
  }
  report_.error(ErrorCode::kFlowWrongType, node,
                "must be text, is " + std::string(kindWords(node.value)), std::move(hint));
  return false;
}

/// True when an expression gives the value, which can then only be checked when it runs.
bool ShapeCheck::isTemplate(const Node& node, const KeyRow& row) {
  if (!node.value.isString() || !script::mayHoldExpression(node.value.asString())) return false;
  if (row.flags & kTemplate)
    expressions_.checkText(node);
  else
    static_cast<void>(expressions_.refuse(node));
  return true;
}

bool ShapeCheck::within(const Node& node, const KeyRow& row, double measure,
                        std::string_view unit) {
  if (measure >= row.least && measure <= row.most) return true;
  const bool low = measure < row.least;
  const double bound = low ? row.least : row.most;
  report_.error(ErrorCode::kFlowBadValue, node,
                (low ? "must have at least " : "must have at most ") + numberText(bound) + " " +
                    std::string(unit.substr(0, unit.size() - (bound == 1 ? 1 : 0))) + ", has " +
                    numberText(measure));
  return false;
}

bool ShapeCheck::text(const Node& node, const KeyRow& row) {
  if (node.value.isArray() && row.shape == Shape::kText && !isText(node)) return false;
  if (!isText(node)) return false;
  const std::string& content = node.value.asString();
  if (row.shape == Shape::kScript) {
    expressions_.refuseInScript(node);
  } else if (row.shape == Shape::kSql) {
    expressions_.refuseInSql(node);
  } else if (row.flags & (kFunctionSource | kCode)) {
    (row.flags & kCode) ? expressions_.checkCode(node) : expressions_.checkFunction(node);
  } else if (isTemplate(node, row)) {
    return true;
  }
  return within(node, row, static_cast<double>(json::countCharacters(content)), "characters");
}

void ShapeCheck::identifier(const Node& node) {
  if (!isText(node) || isTemplate(node, {.name = node.name})) return;
  if (base::isIdentifier(node.value.asString())) return;
  std::string fixed = base::toLower(node.value.asString().substr(0, 64));
  for (char& c : fixed) {
    if (c == ' ' || c == '.' || c == '/') c = '-';
  }
  report_.error(ErrorCode::kFlowBadSlug, node,
                "must match [a-z0-9][a-z0-9_-]{0,63}, is " + quoted(node.value.asString()),
                base::isIdentifier(fixed) ? "write \"" + fixed + "\"" : "");
}

void ShapeCheck::functionName(const Node& node) {
  if (!isText(node) || isTemplate(node, {.name = node.name})) return;
  const std::string& name = node.value.asString();
  if (std::find(names_.functions.begin(), names_.functions.end(), name) != names_.functions.end())
    return;
  report_.error(ErrorCode::kFlowUnknownName, node, "the flow has no function " + quoted(name),
                didYouMean(name, names_.functions));
}

void ShapeCheck::expression(const Node& node) {
  if (node.value.isBool()) return;
  if (isText(node, false)) expressions_.checkSole(node);
}

void ShapeCheck::flag(const Node& node) {
  if (node.value.isBool()) return;
  std::string hint;
  if (node.value.isString()) {
    const std::string word = base::toLower(node.value.asString());
    if (word == "yes" || word == "on" || word == "true") hint = "write true";
    if (word == "no" || word == "off" || word == "false") hint = "write false";
  }
  report_.error(ErrorCode::kFlowWrongType, node,
                "must be true or false, is " + std::string(kindWords(node.value)), std::move(hint));
}

void ShapeCheck::number(const Node& node, const KeyRow& row) {
  const bool whole = row.shape == Shape::kInteger;
  if (!node.value.isNumber() || (whole && !node.value.isInteger())) {
    report_.error(ErrorCode::kFlowWrongType, node,
                  std::string(whole ? "must be a whole number, is " : "must be a number, is ") +
                      (node.value.isNumber() ? numberText(node.value.asNumber())
                                             : std::string(kindWords(node.value))),
                  node.value.isString() ? "write it without quotes" : "");
    return;
  }
  const double number = node.value.asNumber();
  if (number >= row.least && number <= row.most) return;
  report_.error(ErrorCode::kFlowBadValue, node,
                "must be from " + numberText(row.least) + " to " + numberText(row.most) + ", is " +
                    numberText(number));
}

void ShapeCheck::duration(const Node& node, const KeyRow& row) {
  if (node.value.isNumber()) {
    report_.error(ErrorCode::kFlowWrongType, node, "must be a duration with its unit, is a number",
                  "write for example " + numberText(node.value.asNumber()) + "s or " +
                      numberText(node.value.asNumber()) + "m");
    return;
  }
  if (!isText(node)) return;
  if ((row.flags & kNone) && node.value.asString() == "none") return;
  const auto parsed = base::parseDuration(node.value.asString());
  if (!parsed.ok()) return report_.error(ErrorCode::kFlowBadValue, node, parsed.error().message);
  const auto ms = static_cast<double>(parsed->count());
  if (ms < row.least) {
    report_.error(ErrorCode::kFlowBadValue, node,
                  row.least <= 1
                      ? "must be longer than 0s"
                      : "must be at least " + base::formatDuration(std::chrono::milliseconds(
                                                  static_cast<std::int64_t>(row.least))));
  }
  if (ms > row.most) {
    report_.error(ErrorCode::kFlowBadValue, node,
                  "must be at most " + base::formatDuration(std::chrono::milliseconds(
                                           static_cast<std::int64_t>(row.most))));
  }
}

void ShapeCheck::instant(const Node& node) {
  if (!isText(node)) return;
  const auto parsed = base::parseInstant(node.value.asString());
  if (!parsed.ok()) report_.error(ErrorCode::kFlowBadValue, node, parsed.error().message);
}

void ShapeCheck::size(const Node& node, const KeyRow& row) {
  double bytes = 0;
  if (node.value.isInteger() && node.value.asNumber() >= 0) {
    bytes = node.value.asNumber();
  } else {
    if (!isText(node, false) || isTemplate(node, row)) return;
    const auto parsed = base::parseBytes(node.value.asString());
    if (!parsed.ok()) return report_.error(ErrorCode::kFlowBadValue, node, parsed.error().message);
    bytes = static_cast<double>(*parsed);
  }
  if (bytes >= row.least && bytes <= row.most) return;
  report_.error(ErrorCode::kFlowBadValue, node,
                "must be from " + base::formatBytes(static_cast<std::uint64_t>(row.least)) +
                    " to " + base::formatBytes(static_cast<std::uint64_t>(row.most)) + ", is " +
                    base::formatBytes(static_cast<std::uint64_t>(bytes)));
}

void ShapeCheck::release(const Node& node) {
  if (node.value.isInteger() && node.value.asNumber() >= 1) return;
  const std::string text = node.value.isString() ? node.value.asString() : std::string();
  if (!text.empty() && isTemplate(node, {.name = node.name})) return;
  constexpr std::string_view kDigest = "sha256:";
  const std::string_view digits =
      std::string_view(text).substr(std::min(text.size(), kDigest.size()));
  const bool digest = text.starts_with(kDigest) && digits.size() >= 8 && digits.size() <= 64 &&
                      digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (digest || text == "live" || text == "draft") return;
  report_.error(ErrorCode::kFlowBadValue, node,
                "must be the number of a release, its digest (sha256:…), live or draft",
                "belay flow releases SLUG shows what there is");
}

void ShapeCheck::choice(const Node& node, const KeyRow& row) {
  if (!isText(node) || isTemplate(node, {.name = row.name})) return;
  const std::string& word = node.value.asString();
  if (std::find(row.choices.begin(), row.choices.end(), word) != row.choices.end()) return;
  report_.error(ErrorCode::kFlowBadValue, node,
                "must be " + listOf(row.choices) + ", is " + quoted(word),
                didYouMean(word, row.choices));
}

void ShapeCheck::list(const Node& node, const KeyRow& row) {
  if (!node.value.isArray()) {
    std::string hint = "write a list: [" +
                       (node.value.isObject()   ? "…"
                        : node.value.isString() ? quoted(node.value.asString())
                                                : json::print(node.value)) +
                       "]";
    if (row.name == "command")
      hint = "write the program and each argument as one item, or use script for a shell";
    report_.error(ErrorCode::kFlowWrongType, node,
                  "must be a list, is " + std::string(kindWords(node.value)), hint);
    return;
  }
  // Of numbers the bounds are those of the items.
  const bool numbers = row.shape == Shape::kIntegerList;
  const double least = numbers ? 1 : row.least;
  const double most = numbers ? 100 : row.most;
  if (!within(node, {.name = row.name, .least = least, .most = most},
              static_cast<double>(node.size()), "items"))
    return;
  for (std::size_t i = 0; i < node.size() && !report_.full(); ++i) {
    const Node item = node.child(i);
    if (numbers)
      number(item,
             {.name = row.name, .shape = Shape::kInteger, .least = row.least, .most = row.most});
    else if (row.shape == Shape::kChoiceList)
      choice(item, row);
    else
      static_cast<void>(text(
          item, {.name = row.name, .flags = row.flags, .least = row.flags & kEmpty ? 0.0 : 1.0}));
  }
}

void ShapeCheck::branches(const Node& node, const KeyRow& row) {
  if (!isObject(node, quoted(row.name))) return;
  if (!within(node, row, static_cast<double>(node.size()), "members")) return;
  const KeyRow list{.name = row.name, .shape = Shape::kSteps, .least = 1, .most = 200};
  for (std::size_t i = 0; i < node.size() && !report_.full(); ++i) {
    const Node branch = node.child(i);
    if (mapName(branch, row.names)) objectList(branch, list);
  }
}

void ShapeCheck::objectList(const Node& node, const KeyRow& row) {
  if (!node.value.isArray()) {
    report_.error(ErrorCode::kFlowWrongType, node,
                  "must be a list, is " + std::string(kindWords(node.value)),
                  "begin each item with -");
    return;
  }
  if (!within(node, row, static_cast<double>(node.size()), "items") || !row.object) return;
  for (std::size_t i = 0; i < node.size() && !report_.full(); ++i)
    object(node.child(i), *row.object);
}

}  // namespace belay::flow
