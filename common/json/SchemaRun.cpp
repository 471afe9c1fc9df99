#include "common/json/SchemaRun.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "common/base/Text.h"
#include "common/json/Characters.h"
#include "common/json/Json.h"
#include "common/json/NameSet.h"

namespace belay::json {

namespace {

constexpr std::size_t kStepsMax = 1'000'000;
constexpr int kDepthMax = 256;

std::string withArticle(std::string_view kind) {
  if (kind == "null") return "null";
  const bool vowel = kind == "integer" || kind == "array" || kind == "object";
  return (vowel ? "an " : "a ") + std::string(kind);
}

std::string typeWords(std::uint8_t types) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < std::size(kTypeNames); ++i) {
    if (types & (1u << i)) words.push_back(withArticle(kTypeNames[i]));
  }
  return base::join(words, " or ");
}

std::uint8_t typeBits(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return kNullBit;
    case Value::Kind::kBoolean:
      return kBooleanBit;
    case Value::Kind::kNumber:
      return value.isInteger() ? kIntegerBit | kNumberBit : kNumberBit;
    case Value::Kind::kString:
      return kStringBit;
    case Value::Kind::kArray:
      return kArrayBit;
    case Value::Kind::kObject:
      return kObjectBit;
  }
  return 0;
}

std::string brief(const Value& value) {
  std::string text = print(value);
  if (text.size() > 60) text = text.substr(0, 57) + "…";
  return base::visible(text);
}

/// JSON with members in the order of their names: equal values give equal texts.
void appendCanonical(std::string& out, const Value& value) {
  if (value.isArray()) {
    out += '[';
    for (const Value& item : value.asArray()) {
      appendCanonical(out, item);
      out += ',';
    }
    out += ']';
  } else if (value.isObject()) {
    std::vector<const Member*> members;
    for (const Member& member : value.asObject()) members.push_back(&member);
    std::sort(members.begin(), members.end(),
              [](const Member* a, const Member* b) { return a->first < b->first; });
    out += '{';
    for (const Member* member : members) {
      out += print(Value(member->first)) + ":";
      appendCanonical(out, member->second);
      out += ',';
    }
    out += '}';
  } else {
    out += print(value);
  }
}

std::string boundText(double bound) { return print(Value(bound)); }

}  // namespace

std::string ValuePath::pointer() const {
  if (!above) return {};
  return above->pointer() + "/" + (isIndex ? std::to_string(index) : pointerToken(name));
}

std::vector<Violation> SchemaRun::takeViolations() {
  if (!exhausted_.empty()) return {{"", exhausted_}};
  return std::exchange(violations_, {});
}

bool SchemaRun::report(const ValuePath& path, bool loud, std::string message) {
  if (loud && violations_.size() < Schema::kViolationsMax)
    violations_.push_back({path.pointer(), std::move(message)});
  return false;
}

/// False when a bound is hit; then nothing more is checked, and violations() says why.
bool SchemaRun::spend(std::size_t steps, int depth) {
  steps_ += steps;
  if (steps_ > kStepsMax && exhausted_.empty()) {
    exhausted_ = "cannot be checked in " + std::to_string(kStepsMax) + " steps";
  }
  if (depth > kDepthMax && exhausted_.empty()) {
    exhausted_ =
        "cannot be checked: value and schema nest deeper than " + std::to_string(kDepthMax);
  }
  return exhausted_.empty();
}

void SchemaRun::validate(Index node, const Value& value) {
  check(node, value, ValuePath{}, 0, true);
}

bool SchemaRun::check(Index index, const Value& value, const ValuePath& path, int depth,
                      bool loud) {
  if (!spend(1, depth)) return false;
  const Node& node = program_.nodes[index];
  if (node.never) return report(path, loud, "must not be there");
  if (!checkKind(node, value, path, loud)) return false;
  bool holds = checkChoices(node, value, path, loud);
  if (!holds && !loud) return false;
  if (value.isNumber()) holds &= checkNumber(node, value.asNumber(), path, loud);
  if (value.isString()) holds &= checkText(node, value.asString(), path, loud);
  if (value.isArray()) holds &= checkArray(node, value.asArray(), path, depth, loud);
  if (value.isObject()) holds &= checkObject(node, value, path, depth, loud);
  if (!holds && !loud) return false;
  return checkCombined(node, value, path, depth, loud) && holds;
}

bool SchemaRun::checkKind(const Node& node, const Value& value, const ValuePath& path, bool loud) {
  if (node.types == 0 || (node.types & typeBits(value))) return true;
  if (!loud) return false;
  return report(path, loud,
                "must be " + typeWords(node.types) + ", is " + withArticle(kindName(value)));
}

bool SchemaRun::checkChoices(const Node& node, const Value& value, const ValuePath& path,
                             bool loud) {
  if (node.constant && !(*node.constant == value)) {
    return report(path, loud, loud ? "must be " + brief(*node.constant) : "");
  }
  if (!node.choices) return true;
  if (!spend(node.choices->size(), 0)) return false;
  if (std::find(node.choices->begin(), node.choices->end(), value) != node.choices->end())
    return true;
  if (!loud) return false;
  std::string list;
  std::vector<std::string_view> texts;
  for (std::size_t i = 0; i < node.choices->size(); ++i) {
    const Value& choice = (*node.choices)[i];
    if (i < 20) list += (i > 0 ? ", " : "") + brief(choice);
    if (choice.isString()) texts.push_back(choice.asString());
  }
  if (node.choices->size() > 20) list += ", …";
  std::string message = "must be one of " + list;
  if (value.isString()) {
    if (const auto near = base::nearest(value.asString(), texts))
      message += "; did you mean \"" + *near + "\"?";
  }
  return report(path, loud, std::move(message));
}

bool SchemaRun::checkNumber(const Node& node, double number, const ValuePath& path, bool loud) {
  bool holds = true;
  const auto must = [&](bool condition, std::string_view words, double bound) {
    if (!condition)
      holds = report(path, loud, loud ? "must be " + std::string(words) + boundText(bound) : "");
  };
  must(number >= node.range.least, "at least ", node.range.least);
  must(number <= node.range.most, "at most ", node.range.most);
  if (node.above) must(number > *node.above, "more than ", *node.above);
  if (node.below) must(number < *node.below, "less than ", *node.below);
  if (node.multipleOf) {
    // 0.3 is a multiple of 0.1 for people; in binary it misses by a hair.
    const double times = number / *node.multipleOf;
    const double off = std::fabs(times - std::round(times));
    must(std::isfinite(times) && off <= 1e-9 * std::max(1.0, std::fabs(times)), "a multiple of ",
         *node.multipleOf);
  }
  return holds;
}

bool SchemaRun::checkText(const Node& node, const std::string& text, const ValuePath& path,
                          bool loud) {
  bool holds = true;
  if (node.length.least > 0 || node.length.most < Program::kNoCount) {
    const auto count = static_cast<double>(countCharacters(text));
    if (count < node.length.least) {
      holds =
          report(path, loud, "must have at least " + boundText(node.length.least) + " characters");
    } else if (count > node.length.most) {
      holds =
          report(path, loud, "must have at most " + boundText(node.length.most) + " characters");
    }
  }
  if (node.pattern && (holds || loud)) {
    const Pattern::Answer answer = node.pattern->search(text, patternSteps_);
    if (answer == Pattern::Answer::kTooCostly)
      exhausted_ = "is too long for the pattern of its schema";
    if (answer == Pattern::Answer::kNo) {
      holds = report(path, loud, "must match the pattern " + base::visible(node.patternSource));
    }
  }
  if (node.format && (holds || loud) && !node.format->holds(text)) {
    holds = report(path, loud, "must be " + std::string(node.format->what));
  }
  return holds;
}

bool SchemaRun::checkArray(const Node& node, const Array& items, const ValuePath& path, int depth,
                           bool loud) {
  bool holds = true;
  const auto count = static_cast<double>(items.size());
  if (count < node.itemCount.least) {
    holds = report(path, loud, "must have at least " + boundText(node.itemCount.least) + " items");
  }
  if (count > node.itemCount.most) {
    holds = report(path, loud, "must have at most " + boundText(node.itemCount.most) + " items");
  }
  for (std::size_t i = 0; i < items.size() && (holds || loud); ++i) {
    const Index item = i < node.prefix.size() ? node.prefix[i] : node.items;
    if (item == Program::kNone) break;
    holds &= check(item, items[i], ValuePath{&path, {}, i, true}, depth + 1, loud);
    if (!exhausted_.empty()) return false;
  }
  if (node.uniqueItems && (holds || loud)) holds &= checkUnique(items, path, loud);
  return holds;
}

bool SchemaRun::checkUnique(const Array& items, const ValuePath& path, bool loud) {
  if (!spend(items.size(), 0)) return false;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::string canonical;
    appendCanonical(canonical, items[i]);
    if (!spend(canonical.size() / 32, 0)) return false;
    if (seen.insert(std::move(canonical)).second) continue;
    return report(ValuePath{&path, {}, i, true}, loud, "must not repeat an earlier item");
  }
  return true;
}

bool SchemaRun::checkObject(const Node& node, const Value& value, const ValuePath& path, int depth,
                            bool loud) {
  bool holds = true;
  const Object& members = value.asObject();
  const auto count = static_cast<double>(members.size());
  if (count < node.propertyCount.least) {
    holds = report(path, loud,
                   "must have at least " + boundText(node.propertyCount.least) + " properties");
  }
  if (count > node.propertyCount.most) {
    holds = report(path, loud,
                   "must have at most " + boundText(node.propertyCount.most) + " properties");
  }
  if (holds || loud) holds &= checkRequired(node, value, path, loud);
  const bool looksAtMembers = !node.properties.empty() || !node.patternProperties.empty() ||
                              node.additional != Program::kNone || node.names != Program::kNone;
  if (!looksAtMembers) return holds;
  for (const Member& member : members) {
    if (!holds && !loud) return false;
    holds &= checkMember(node, member, path, depth, loud);
    if (!exhausted_.empty()) return false;
  }
  return holds;
}

bool SchemaRun::checkRequired(const Node& node, const Value& value, const ValuePath& path,
                              bool loud) {
  if (node.required.empty() && node.dependentRequired.empty()) return true;
  const NameSet names(value);
  if (!spend(node.required.size(), 0)) return false;
  bool holds = true;
  for (const std::string& name : node.required) {
    if (!names.has(name))
      holds = report(path, loud, loud ? "must have the property \"" + name + "\"" : "");
  }
  for (const auto& [name, needed] : node.dependentRequired) {
    if (!spend(1 + needed.size(), 0)) return false;
    if (!names.has(name)) continue;
    for (const std::string& other : needed) {
      if (names.has(other)) continue;
      holds =
          report(path, loud,
                 loud ? "must have the property \"" + other + "\" beside \"" + name + "\"" : "");
    }
  }
  return holds;
}

bool SchemaRun::checkMember(const Node& node, const Member& member, const ValuePath& path,
                            int depth, bool loud) {
  if (!spend(1 + node.patternProperties.size(), depth)) return false;
  const ValuePath here{&path, member.first, 0, false};
  bool holds = true;
  if (node.names != Program::kNone)
    holds = check(node.names, Value(member.first), here, depth + 1, loud);
  bool known = false;
  if (const auto found = node.propertyIndex.find(member.first); found != node.propertyIndex.end()) {
    known = true;
    holds &= check(found->second, member.second, here, depth + 1, loud);
  }
  for (const auto& [pattern, index] : node.patternProperties) {
    const Pattern::Answer answer = pattern.search(member.first, patternSteps_);
    if (answer == Pattern::Answer::kTooCostly)
      exhausted_ = "has a name that is too long for a pattern of its schema";
    if (answer != Pattern::Answer::kYes) continue;
    known = true;
    holds &= check(index, member.second, here, depth + 1, loud);
  }
  if (known || node.additional == Program::kNone) return holds;
  if (!program_.nodes[node.additional].never) {
    return check(node.additional, member.second, here, depth + 1, loud) && holds;
  }
  if (!loud) return false;
  std::vector<std::string_view> names;
  for (const auto& [name, index] : node.properties) names.push_back(name);
  std::string message = "is no property that is known here";
  if (const auto near = base::nearest(member.first, names))
    message += "; did you mean \"" + *near + "\"?";
  return report(here, loud, std::move(message));
}

}  // namespace belay::json
