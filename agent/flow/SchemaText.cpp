#include <array>
#include <cmath>
#include <limits>

#include "agent/flow/Family.h"
#include "agent/flow/Keys.h"
#include "agent/flow/Validate.h"
#include "common/base/Check.h"
#include "common/base/SecretName.h"
#include "common/json/Json.h"

namespace belay::flow {

namespace {

using json::Array;
using json::Object;
using json::Value;

/// Objects of a schema are written member by member; each name is new.
Value object(std::initializer_list<json::Member> members) { return Value(Object(members)); }

void put(Value& schema, std::string_view name, Value value) {
  schema.asObject().emplace_back(std::string(name), std::move(value));
}

Value reference(std::string_view name) {
  return object({{"$ref", "#/$defs/" + std::string(name)}});
}

Value words(std::span<const std::string_view> list) {
  Array out;
  for (const std::string_view word : list) out.emplace_back(word);
  return Value(std::move(out));
}

Value patternOf(Names names) {
  switch (names) {
    case Names::kAny:
      return Value(true);
    case Names::kIdentifier:
      return reference("identifier");
    case Names::kFunction:
      return object({{"pattern", "^[A-Za-z_][A-Za-z0-9_]{0,63}$"}});
    case Names::kVariable:
      return object({{"pattern", "^[A-Za-z_][A-Za-z0-9_]*$"}});
    case Names::kHeader:
      return object({{"pattern", "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"}});
  }
  return Value(true);
}

Value bounded(Value schema, const KeyRow& row, std::string_view least, std::string_view most) {
  if (row.least > 0 || (row.least < 0 && std::isfinite(row.least))) put(schema, least, row.least);
  if (std::isfinite(row.most)) put(schema, most, row.most);
  return schema;
}

Value textSchema(const KeyRow& row) {
  Value schema = object({{"type", "string"}});
  if (!(row.flags & kEmpty) && row.least < 1) put(schema, "minLength", 1);
  schema = bounded(std::move(schema), row, "minLength", "maxLength");
  const bool code = row.flags & (kFunctionSource | kCode);
  if (!(row.flags & kTemplate) && !code) put(schema, "not", reference("template"));
  return schema;
}

Value objectSchema(std::span<const KeyRow> keys, std::span<const std::string_view> exactlyOne);
Value keySchema(const KeyRow& row);

Value mapSchema(const KeyRow& row) {
  Value schema = object({{"type", "object"}});
  schema = bounded(std::move(schema), row, "minProperties", "maxProperties");
  if (row.names != Names::kAny) put(schema, "propertyNames", patternOf(row.names));
  Array values;
  if (row.values == Shape::kAny) return schema;
  if (row.values == Shape::kObject) {
    put(schema, "additionalProperties",
        objectSchema(row.object->keys, row.object->exactlyOne));
    return schema;
  }
  KeyRow text{.name = row.name, .flags = row.flags};
  values.push_back(textSchema(text));
  if (row.values == Shape::kNumber) {
    const Value scalar = object({{"type", Array{"string", "number", "boolean"}}});
    values = {scalar, object({{"type", "array"}, {"items", scalar}})};
  }
  if (row.flags & kSecrets) values.push_back(reference("secret"));
  if (row.flags & kInFile) values.push_back(reference("file"));
  put(schema, "additionalProperties",
      values.size() == 1 ? values.front() : object({{"anyOf", values}}));
  return schema;
}

Value listSchema(const KeyRow& row) {
  Value schema = object({{"type", "array"}});
  if (row.shape == Shape::kIntegerList) {
    put(schema, "minItems", 1);
    put(schema, "maxItems", 100);
    put(schema, "items",
        object({{"type", "integer"}, {"minimum", row.least}, {"maximum", row.most}}));
    return schema;
  }
  schema = bounded(std::move(schema), row, "minItems", "maxItems");
  const KeyRow item{.name = row.name, .flags = row.flags};
  put(schema, "items",
      row.shape == Shape::kChoiceList ? object({{"enum", words(row.choices)}}) : textSchema(item));
  return schema;
}

Value wordsSchema(const KeyRow& row) {
  return object({{"anyOf", Array{textSchema(row), listSchema(row)}}});
}

/// {template: NAME}
Value namedTemplate() {
  return object({{"type", "object"},
                 {"additionalProperties", false},
                 {"required", Array{"template"}},
                 {"properties", object({{"template", reference("identifier")}})}});
}

Value objectListSchema(const KeyRow& row) {
  Value schema = bounded(object({{"type", "array"}}), row, "minItems", "maxItems");
  put(schema, "items",
      row.object ? objectSchema(row.object->keys, row.object->exactlyOne) : reference("entry"));
  return schema;
}

Value branchesSchema(const KeyRow& row) {
  return bounded(
      object({{"type", "object"},
              {"propertyNames", patternOf(row.names)},
              {"additionalProperties",
               object({{"type", "array"}, {"minItems", 1}, {"items", reference("entry")}})}}),
      row, "minProperties", "maxProperties");
}

/// The schema of a value without expressions, help and default.
Value plainSchema(const KeyRow& row) {
  switch (row.shape) {
    case Shape::kText:
    case Shape::kScript:
    case Shape::kSql:
      return textSchema(row);
    case Shape::kIdentifier:
      return reference("identifier");
    case Shape::kFunctionName:
      return patternOf(Names::kFunction);
    case Shape::kExpression:
      return reference("expression");
    case Shape::kFlag:
      return object({{"type", "boolean"}});
    case Shape::kInteger:
      return bounded(object({{"type", "integer"}}), row, "minimum", "maximum");
    case Shape::kNumber:
      return bounded(object({{"type", "number"}}), row, "minimum", "maximum");
    case Shape::kDuration:
      if (row.flags & kNone)
        return object({{"anyOf", Array{reference("duration"), object({{"const", "none"}})}}});
      return reference("duration");
    case Shape::kInstant:
      return object({{"type", "string"}, {"format", "date-time"}});
    case Shape::kSize:
      return reference("size");
    case Shape::kItemName:
      return object({{"type", "string"}, {"pattern", "^[a-z_][A-Za-z0-9_]{0,63}$"}});
    case Shape::kRelease:
      return reference("release");
    case Shape::kChoice:
      return object({{"enum", words(row.choices)}});
    case Shape::kWords:
      return wordsSchema(row);
    case Shape::kTextList:
    case Shape::kIntegerList:
    case Shape::kChoiceList:
      return listSchema(row);
    case Shape::kMap:
      return mapSchema(row);
    case Shape::kAny:
      return object({});
    case Shape::kConstants:
      return object({{"type", "object"}});
    case Shape::kJsonSchema:
      return object({{"type", "object"}});
    case Shape::kObject: {
      Value schema = objectSchema(row.object->keys, row.object->exactlyOne);
      if (!(row.flags & (kOrTrue | kOrChoice))) return schema;
      Value other = row.flags & kOrTrue ? object({{"const", true}})
                                        : object({{"enum", words(row.choices)}});
      return object({{"anyOf", Array{std::move(other), std::move(schema)}}});
    }
    case Shape::kObjectList:
    case Shape::kSteps:
      return objectListSchema(row);
    case Shape::kBranches:
      return branchesSchema(row);
    case Shape::kPrompt:
      return object({{"anyOf", Array{textSchema(row), namedTemplate()}}});
    case Shape::kNext:
      return object({{"type", "string"}, {"minLength", 1}});
    case Shape::kStep:
    case Shape::kOnError:
      return reference("identifier");
  }
  return Value(true);
}

bool takesTemplate(const KeyRow& row) {
  if (!(row.flags & kTemplate)) return false;
  switch (row.shape) {
    case Shape::kFlag:
    case Shape::kInteger:
    case Shape::kNumber:
    case Shape::kDuration:
    case Shape::kInstant:
      return true;
    default:
      return false;
  }
}

Value keySchema(const KeyRow& row) {
  Value schema = plainSchema(row);
  if (row.name == "retry") schema = reference("retry");
  if (takesTemplate(row))
    schema = object({{"anyOf", Array{std::move(schema), reference("template")}}});
  Value out = object({{"description", row.help}});
  for (json::Member& member : schema.asObject()) out.asObject().push_back(std::move(member));
  if (!row.fallback.empty()) {
    auto fallback = json::parse(row.fallback);
    BELAY_CHECK(fallback.ok());  // The tables are ours.
    put(out, "default", std::move(*fallback));
  }
  return out;
}

/// Exactly one of the keys: each alternative asks for one.
Value exactlyOneOf(std::span<const std::string_view> names) {
  Array out;
  for (const std::string_view name : names)
    out.push_back(object({{"required", Array{Value(name)}}}));
  return Value(std::move(out));
}

Value objectSchema(std::span<const KeyRow> keys, std::span<const std::string_view> exactlyOne) {
  Value properties{Object{}};
  Array required;
  for (const KeyRow& key : keys) {
    put(properties, key.name, keySchema(key));
    if (key.flags & kRequired) required.emplace_back(key.name);
  }
  Value schema = object({{"type", "object"}, {"additionalProperties", false}});
  if (!required.empty()) put(schema, "required", Value(std::move(required)));
  if (!exactlyOne.empty()) put(schema, "oneOf", exactlyOneOf(exactlyOne));
  put(schema, "properties", std::move(properties));
  return schema;
}

Value stepSchema() {
  Value schema = objectSchema(stepKeys(), {});
  std::vector<std::string_view> families;
  for (const FamilyRow& row : familyTable()) {
    put(*schema.find("properties"), row.key.name, keySchema(row.key));
    families.push_back(row.key.name);
  }
  put(schema, "oneOf", exactlyOneOf(families));
  return schema;
}

Value retrySchema() {
  for (const KeyRow& key : stepKeys()) {
    if (key.name == "retry") return objectSchema(key.object->keys, key.object->exactlyOne);
  }
  return Value(true);
}

Value fileSchema(std::string_view key, std::string_view help) {
  const Value name = object({{"type", "string"},
                             {"maxLength", 200},
                             {"pattern", "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$"}});
  return object({{"description", help},
                 {"type", "object"},
                 {"additionalProperties", false},
                 {"required", Array{Value(key)}},
                 {"properties", object({{std::string(key), name}})}});
}

Value definitions() {
  const std::string secretName = "^" + std::string(base::kSecretNamePattern) + "$";
  return object({
      {"identifier", object({{"type", "string"}, {"pattern", "^[a-z0-9][a-z0-9_-]{0,63}$"}})},
      {"template", object({{"description", "Text with an expression: ${{ … }}"},
                           {"type", "string"},
                           {"pattern", "\\$\\{\\{"}})},
      {"expression",
       object({{"anyOf", Array{object({{"type", "boolean"}}),
                               object({{"type", "string"},
                                       {"pattern", "^\\s*\\$\\{\\{(.|\\s)*\\}\\}\\s*$"}})}}})},
      {"duration", object({{"description", "Like 250ms, 30s, 10m, 2h, 1h30m or 7d."},
                           {"type", "string"},
                           {"minLength", 2},
                           {"pattern", "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"}})},
      {"size",
       object(
           {{"description", "Bytes, or text like 64 KiB, 16 MiB, 2 GB."},
            {"anyOf",
             Array{object({{"type", "integer"}, {"minimum", 0}}),
                   object({{"type", "string"},
                           {"pattern",
                            "^\\s*[0-9]+\\s*([kKmMgG][bB]|[kKmMgGtT][iI][bB]|[bB])?\\s*$"}})}}})},
      {"release",
       object({{"anyOf", Array{object({{"type", "integer"}, {"minimum", 1}}),
                               object({{"type", "string"},
                                       {"pattern", "^(live|draft|sha256:[0-9a-f]{8,64})$"}})}}})},
      {"secret",
       object({{"description", "A secret of the host's vault, filled in at the last moment."},
               {"type", "object"},
               {"additionalProperties", false},
               {"required", Array{"secret"}},
               {"properties",
                object({{"secret", object({{"type", "string"}, {"pattern", secretName}})}})}})},
      {"file", fileSchema("file", "The text of a file in or below the folder of the flow.")},
      {"include", fileSchema("include", "The steps of a file stand here.")},
      {"entry", object({{"if", object({{"required", Array{"include"}}})},
                        {"then", reference("include")},
                        {"else", reference("step")}})},
      {"retry", retrySchema()},
      {"step", stepSchema()},
  });
}

}  // namespace

std::string flowSchemaJson() {
  Value schema = object({{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                         {"title", "Belay flow"},
                         {"description",
                          "A flow of Belay: steps that run on a host, each journaled. "
                          "Made from the tables of agent/flow; a test compares the two."}});
  Value flow = objectSchema(flowKeys().keys, flowKeys().exactlyOne);
  for (json::Member& member : flow.asObject()) schema.asObject().push_back(std::move(member));
  put(schema, "$defs", definitions());
  return json::printPretty(schema) + "\n";
}

}  // namespace belay::flow
