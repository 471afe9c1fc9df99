#include "common/json/Json.h"
#include "common/json/NameSet.h"
#include "common/json/SchemaRun.h"

namespace belay::json {

namespace {

bool isWhole(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return false;
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

void SchemaRun::coerce(Index index, Value& value, int depth) {
  if (!spend(1, depth)) return;
  const Node& node = program_.nodes[index];
  if (node.reference != Program::kNone) coerce(node.reference, value, depth + 1);
  for (const Index part : node.all) coerce(part, value, depth + 1);
  if (value.isString()) coerceText(node, value);
  if (value.isObject()) coerceObject(node, value, depth);
  if (!value.isArray()) return;
  Array& items = value.asArray();
  for (std::size_t i = 0; i < items.size() && exhausted_.empty(); ++i) {
    const Index item = i < node.prefix.size() ? node.prefix[i] : node.items;
    if (item == Program::kNone) break;
    coerce(item, items[i], depth + 1);
  }
}

void SchemaRun::coerceText(const Node& node, Value& value) const {
  if (node.types == 0 || (node.types & kStringBit)) return;
  const std::string& text = value.asString();
  if ((node.types & kBooleanBit) && (text == "true" || text == "false")) {
    value = Value(text == "true");
    return;
  }
  if (!(node.types & (kIntegerBit | kNumberBit)) || text.size() > 64) return;
  // Leading or trailing space would pass the parser, and is not what was asked for.
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string::npos) return;
  const base::Result<Value> number = parse(text);
  if (!number.ok() || !number->isNumber()) return;
  // Digits beyond 2^53 would change silently.
  if (isWhole(text) && !number->isInteger()) return;
  if (isWhole(text) && print(*number) != text) return;
  if (!(node.types & kNumberBit) && !isWhole(text)) return;
  value = *number;
}

void SchemaRun::coerceObject(const Node& node, Value& value, int depth) {
  std::vector<const std::pair<std::string, Index>*> missing;
  {
    const NameSet names(value);
    if (!spend(
            node.properties.size() + value.asObject().size() * (1 + node.patternProperties.size()),
            depth))
      return;
    for (const auto& property : node.properties) {
      if (program_.nodes[property.second].fallback && !names.has(property.first))
        missing.push_back(&property);
    }
  }
  // Not set(): the names are known to be missing, and each set() would look through all members.
  for (const auto* property : missing) {
    value.asObject().emplace_back(property->first, *program_.nodes[property->second].fallback);
  }
  for (Member& member : value.asObject()) {
    bool known = false;
    if (const auto found = node.propertyIndex.find(member.first);
        found != node.propertyIndex.end()) {
      known = true;
      coerce(found->second, member.second, depth + 1);
    }
    for (const auto& [pattern, index] : node.patternProperties) {
      if (pattern.search(member.first, patternSteps_) != Pattern::Answer::kYes) continue;
      known = true;
      coerce(index, member.second, depth + 1);
    }
    if (!known && node.additional != Program::kNone)
      coerce(node.additional, member.second, depth + 1);
    if (!exhausted_.empty()) return;
  }
}

}  // namespace belay::json
