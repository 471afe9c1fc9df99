#include "common/json/SchemaCompiler.h"

#include <algorithm>
#include <array>

#include "common/base/Text.h"

namespace belay::json {

namespace {

constexpr std::size_t kNodesMax = 10'000;
constexpr std::size_t kDepthMax = 128;
constexpr std::string_view kDialect = "https://json-schema.org/draft/2020-12/schema";

/// Keywords of other drafts and dialects that people write, and what is meant here.
struct Renamed {
  std::string_view was;
  std::string_view use;
};
constexpr std::array<Renamed, 6> kRenamed{{
    {"definitions", "$defs"},
    {"dependencies", "dependentRequired"},
    {"id", "$id"},
    {"nullable", "type: [string, \"null\"]"},
    {"example", "examples"},
    {"unevaluatedProperties", "additionalProperties"},
}};

}  // namespace

std::span<const SchemaCompiler::Keyword> SchemaCompiler::keywords() {
  using C = SchemaCompiler;
  static constexpr Keyword kTable[] = {
      {"$schema", &C::readDialect},
      {"$id", nullptr},
      {"$comment", nullptr},
      {"title", nullptr},
      {"description", nullptr},
      {"examples", nullptr},
      {"deprecated", nullptr},
      {"readOnly", nullptr},
      {"writeOnly", nullptr},
      {"$defs", &C::readDefs},
      {"$ref", &C::readRef},
      {"type", &C::readType},
      {"enum", &C::readEnum},
      {"const", &C::readConst},
      {"default", &C::readDefault},
      {"properties", &C::readProperties},
      {"patternProperties", &C::readPatternProperties},
      {"additionalProperties", &C::readAdditional},
      {"propertyNames", &C::readPropertyNames},
      {"required", &C::readRequired},
      {"dependentRequired", &C::readDependentRequired},
      {"minProperties", &C::readBound<&Node::propertyCount, true, true>},
      {"maxProperties", &C::readBound<&Node::propertyCount, false, true>},
      {"items", &C::readItems},
      {"prefixItems", &C::readPrefixItems},
      {"minItems", &C::readBound<&Node::itemCount, true, true>},
      {"maxItems", &C::readBound<&Node::itemCount, false, true>},
      {"uniqueItems", &C::readUniqueItems},
      {"minLength", &C::readBound<&Node::length, true, true>},
      {"maxLength", &C::readBound<&Node::length, false, true>},
      {"pattern", &C::readPattern},
      {"format", &C::readFormat},
      {"minimum", &C::readBound<&Node::range, true, false>},
      {"maximum", &C::readBound<&Node::range, false, false>},
      {"exclusiveMinimum", &C::readAbove},
      {"exclusiveMaximum", &C::readBelow},
      {"multipleOf", &C::readMultipleOf},
      {"allOf", &C::readAlternatives<&Node::all>},
      {"anyOf", &C::readAlternatives<&Node::any>},
      {"oneOf", &C::readAlternatives<&Node::one>},
      {"not", &C::readNot},
      {"if", &C::readIf},
      {"then", &C::readThen},
      {"else", &C::readElse},
  };
  return kTable;
}

std::vector<Violation> SchemaCompiler::compile(const Value& schema) {
  program_.nodes.emplace_back();
  compileInto(0, schema);
  if (problems_.empty()) resolveReferences(schema);
  if (problems_.empty()) refuseCycles();
  if (problems_.empty()) checkDefaults();
  return std::move(problems_);
}

std::string SchemaCompiler::pointer() const {
  std::string out;
  for (const std::string_view token : path_) out += "/" + pointerToken(token);
  return out;
}

void SchemaCompiler::problem(std::string message) {
  if (problems_.size() < Schema::kViolationsMax)
    problems_.push_back({pointer(), std::move(message)});
}

SchemaCompiler::Index SchemaCompiler::subschema(const Value& schema,
                                                std::optional<std::string_view> token) {
  // Without a token the schema stands under the keyword itself, which is on the path already.
  if (token) path_.push_back(*token);
  const auto index = static_cast<Index>(program_.nodes.size());
  if (index >= kNodesMax) {
    problem("is one schema too many: at most " + std::to_string(kNodesMax) + " within one another");
  } else if (path_.size() > kDepthMax) {
    problem("is nested deeper than " + std::to_string(kDepthMax));
  } else {
    program_.nodes.emplace_back();
    compileInto(index, schema);
  }
  if (token) path_.pop_back();
  return std::min<Index>(index, static_cast<Index>(program_.nodes.size() - 1));
}

void SchemaCompiler::compileInto(Index index, const Value& schema) {
  places_.emplace(&schema, index);
  if (schema.isBool()) {
    program_.nodes[index].never = !schema.asBool();
    return;
  }
  if (!schema.isObject()) return problem("must be a schema: an object, true or false");
  for (const Member& member : schema.asObject()) {
    path_.push_back(member.first);
    const std::span<const Keyword> table = keywords();
    const auto row = std::find_if(table.begin(), table.end(), [&](const Keyword& keyword) {
      return keyword.name == member.first;
    });
    if (row == table.end())
      unknownKeyword(member.first);
    else if (row->read)
      (this->*row->read)(index, member.second);
    path_.pop_back();
  }
  checkPairs(index, schema);
}

void SchemaCompiler::unknownKeyword(const std::string& name) {
  std::string message = "is a keyword that is not supported";
  const auto renamed = std::find_if(kRenamed.begin(), kRenamed.end(),
                                    [&](const Renamed& row) { return row.was == name; });
  if (renamed != kRenamed.end()) {
    message += "; use " + std::string(renamed->use);
  } else {
    std::vector<std::string_view> known;
    for (const Keyword& keyword : keywords()) known.push_back(keyword.name);
    if (const auto near = base::nearest(name, known))
      message += "; did you mean \"" + *near + "\"?";
  }
  problem(std::move(message));
}

/// Keywords that mean nothing alone, and bounds that nothing can meet.
void SchemaCompiler::checkPairs(Index index, const Value& schema) {
  const Node& node = program_.nodes[index];
  if (!schema.find("if") && (schema.find("then") || schema.find("else")))
    problem("has then or else without if");
  const auto ordered = [&](const Program::Bounds& bounds, std::string_view least,
                           std::string_view most) {
    if (bounds.least > bounds.most)
      problem(std::string(least) + " is larger than " + std::string(most));
  };
  ordered(node.propertyCount, "minProperties", "maxProperties");
  ordered(node.itemCount, "minItems", "maxItems");
  ordered(node.length, "minLength", "maxLength");
  ordered(node.range, "minimum", "maximum");
}

void SchemaCompiler::readDialect(Index, const Value& value) {
  if (value.isString() && value.asString() == kDialect) return;
  problem("must be \"" + std::string(kDialect) + "\"; other drafts read some keywords differently");
}

void SchemaCompiler::readType(Index node, const Value& value) {
  const auto add = [&](const Value& type) {
    const auto* found = std::find(std::begin(kTypeNames), std::end(kTypeNames),
                                  type.isString() ? type.asString() : "");
    if (found == std::end(kTypeNames)) {
      std::string message = "must be one of null, boolean, integer, number, string, array, object";
      const auto near = type.isString() ? base::nearest(type.asString(), kTypeNames) : std::nullopt;
      if (near) message += "; did you mean \"" + *near + "\"?";
      return problem(std::move(message));
    }
    program_.nodes[node].types |= static_cast<std::uint8_t>(1u << (found - std::begin(kTypeNames)));
  };
  if (!value.isArray()) return add(value);
  if (value.asArray().empty()) problem("must name at least one type");
  for (const Value& type : value.asArray()) add(type);
}

void SchemaCompiler::readEnum(Index node, const Value& value) {
  if (!value.isArray() || value.asArray().empty())
    return problem("must be a list of at least one value");
  program_.nodes[node].choices = value.asArray();
}

void SchemaCompiler::readConst(Index node, const Value& value) {
  program_.nodes[node].constant = value;
}

void SchemaCompiler::readDefault(Index node, const Value& value) {
  program_.nodes[node].fallback = value;
  defaults_.emplace_back(node, pointer());
}

void SchemaCompiler::readProperties(Index node, const Value& value) {
  if (!value.isObject()) return problem("must be an object of schemas");
  for (const Member& member : value.asObject()) {
    const Index index = subschema(member.second, member.first);
    program_.nodes[node].properties.emplace_back(member.first, index);
    program_.nodes[node].propertyIndex.emplace(member.first, index);
  }
}

void SchemaCompiler::readPatternProperties(Index node, const Value& value) {
  if (!value.isObject()) return problem("must be an object of schemas");
  for (const Member& member : value.asObject()) {
    base::Result<Pattern> pattern = Pattern::compile(member.first);
    const Index index = subschema(member.second, member.first);
    if (!pattern.ok())
      problem("\"" + member.first + "\": " + pattern.error().message);
    else
      program_.nodes[node].patternProperties.emplace_back(std::move(*pattern), index);
  }
}

std::vector<std::string> SchemaCompiler::names(const Value& value) {
  std::vector<std::string> out;
  const bool list =
      value.isArray() && std::all_of(value.asArray().begin(), value.asArray().end(),
                                     [](const Value& item) { return item.isString(); });
  if (!list) {
    problem("must be a list of names");
    return out;
  }
  for (const Value& item : value.asArray()) out.push_back(item.asString());
  return out;
}

void SchemaCompiler::readRequired(Index node, const Value& value) {
  program_.nodes[node].required = names(value);
}

void SchemaCompiler::readDependentRequired(Index node, const Value& value) {
  if (!value.isObject()) return problem("must be an object of lists of names");
  for (const Member& member : value.asObject()) {
    program_.nodes[node].dependentRequired.emplace_back(member.first, names(member.second));
  }
}

void SchemaCompiler::readAdditional(Index node, const Value& value) {
  const Index index = subschema(value, std::nullopt);
  program_.nodes[node].additional = index;
}

void SchemaCompiler::readPropertyNames(Index node, const Value& value) {
  const Index index = subschema(value, std::nullopt);
  program_.nodes[node].names = index;
}

void SchemaCompiler::readPrefixItems(Index node, const Value& value) {
  readAlternatives<&Node::prefix>(node, value);
}

void SchemaCompiler::readItems(Index node, const Value& value) {
  if (value.isArray())
    return problem("must be one schema; for a list of schemas by position use prefixItems");
  const Index index = subschema(value, std::nullopt);
  program_.nodes[node].items = index;
}

void SchemaCompiler::readUniqueItems(Index node, const Value& value) {
  if (!value.isBool()) return problem("must be true or false");
  program_.nodes[node].uniqueItems = value.asBool();
}

void SchemaCompiler::readPattern(Index node, const Value& value) {
  if (!value.isString()) return problem("must be text");
  base::Result<Pattern> pattern = Pattern::compile(value.asString());
  if (!pattern.ok()) return problem("is refused: " + pattern.error().message);
  program_.nodes[node].pattern = std::move(*pattern);
  program_.nodes[node].patternSource = value.asString();
}

void SchemaCompiler::readFormat(Index node, const Value& value) {
  const FormatRow* row = value.isString() ? findFormat(value.asString()) : nullptr;
  if (row) {
    program_.nodes[node].format = row;
    return;
  }
  std::vector<std::string_view> known;
  for (const FormatRow& format : formatTable()) known.push_back(format.name);
  std::string message = "is a format that is not checked here";
  const auto near = value.isString() ? base::nearest(value.asString(), known) : std::nullopt;
  if (near) message += "; did you mean \"" + *near + "\"?";
  problem(std::move(message));
}

template <SchemaCompiler::Program::Bounds SchemaCompiler::Node::*kBounds, bool kLeast,
          bool kIsCount>
void SchemaCompiler::readBound(Index node, const Value& value) {
  if (!value.isNumber()) return problem("must be a number");
  if (kIsCount && (!value.isInteger() || value.asNumber() < 0))
    return problem("must be a whole number from 0");
  Program::Bounds& bounds = program_.nodes[node].*kBounds;
  (kLeast ? bounds.least : bounds.most) = value.asNumber();
}

template <std::vector<SchemaCompiler::Program::Index> SchemaCompiler::Node::*kList>
void SchemaCompiler::readAlternatives(Index node, const Value& value) {
  if (!value.isArray() || value.asArray().empty())
    return problem("must be a list of at least one schema");
  std::vector<Index> indexes;
  std::size_t position = 0;
  for (const Value& schema : value.asArray()) {
    const std::string token = std::to_string(position++);
    indexes.push_back(subschema(schema, token));
  }
  program_.nodes[node].*kList = std::move(indexes);
}

void SchemaCompiler::readAbove(Index node, const Value& value) {
  if (!value.isNumber()) return problem("must be a number");
  program_.nodes[node].above = value.asNumber();
}

void SchemaCompiler::readBelow(Index node, const Value& value) {
  if (!value.isNumber()) return problem("must be a number");
  program_.nodes[node].below = value.asNumber();
}

void SchemaCompiler::readMultipleOf(Index node, const Value& value) {
  if (!value.isNumber() || value.asNumber() <= 0) return problem("must be a number above 0");
  program_.nodes[node].multipleOf = value.asNumber();
}

void SchemaCompiler::readNot(Index node, const Value& value) {
  const Index index = subschema(value, std::nullopt);
  program_.nodes[node].negated = index;
}

void SchemaCompiler::readIf(Index node, const Value& value) {
  const Index index = subschema(value, std::nullopt);
  program_.nodes[node].condition = index;
}

void SchemaCompiler::readThen(Index node, const Value& value) {
  const Index index = subschema(value, std::nullopt);
  program_.nodes[node].consequence = index;
}

void SchemaCompiler::readElse(Index node, const Value& value) {
  const Index index = subschema(value, std::nullopt);
  program_.nodes[node].alternative = index;
}

void SchemaCompiler::readDefs(Index, const Value& value) {
  if (!value.isObject()) return problem("must be an object of schemas");
  for (const Member& member : value.asObject()) subschema(member.second, member.first);
}

void SchemaCompiler::readRef(Index node, const Value& value) {
  if (!value.isString() || !value.asString().starts_with('#')) {
    return problem(
        "must begin with #: only references into the same document are followed, like "
        "\"#/$defs/NAME\"");
  }
  references_.push_back({node, value.asString().substr(1), pointer()});
}

}  // namespace belay::json
