#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::json {

/// One way in which a value does not match a schema.
struct Violation {
  std::string pointer;  ///< JSON Pointer of the value that is wrong; empty: the root.
  std::string message;  ///< "must be an integer, is a string"; does not repeat the pointer.
};

/// A JSON Schema (draft 2020-12, the part that needs no network), compiled once and asked often.
///
/// Understood: type enum const; properties required additionalProperties patternProperties
/// propertyNames minProperties maxProperties dependentRequired; items prefixItems minItems maxItems
/// uniqueItems; minLength maxLength pattern format (date-time date email uri uuid ipv4 ipv6
/// hostname); minimum maximum exclusiveMinimum exclusiveMaximum multipleOf; allOf anyOf oneOf not
/// if then else; $ref into the same document, $defs; default. Read over: $schema (of 2020-12) $id
/// $comment title description examples deprecated readOnly writeOnly. Every other keyword is an
/// error: a rule that is not checked must not look as if it were.
///
/// Threads:   any, after compile.
/// Ownership: copies share the compiled, immutable form.
class Schema {
 public:
  /// At most this many violations are listed.
  static constexpr std::size_t kViolationsMax = 50;

  /// Errors: kSchemaInvalid; place.pointer is that of the keyword within `schema`.
  static base::Result<Schema> compile(const Value& schema);
  /// All that is wrong with a schema; empty when compile() takes it.
  static std::vector<Violation> problemsOf(const Value& schema);

  /// Empty when the value matches. A value whose check needs more than a million steps is a
  /// violation.
  std::vector<Violation> validate(const Value& value) const;

  /// Puts defaults where a property is missing, and turns a text into the integer, number or
  /// boolean that its `type` asks for when it is written exactly so ("3", "0.5", "true"); then
  /// validates. Works through properties, items, allOf and $ref; not into anyOf, oneOf, not and if,
  /// where it is not known which of them holds.
  std::vector<Violation> coerce(Value& value) const;

 private:
  struct Program;
  friend class SchemaCompiler;
  friend class SchemaRun;
  explicit Schema(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

  // Shared by copies of this schema and by nobody else.
  std::shared_ptr<const Program> program_;
};

/// "at /a/b: must be …", one line each, for messages.
std::string describe(const std::vector<Violation>& violations);

}  // namespace belay::json
