#include "common/json/Schema.h"

#include "common/json/SchemaCompiler.h"
#include "common/json/SchemaRun.h"

namespace belay::json {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

std::string line(const Violation& violation) {
  return (violation.pointer.empty() ? "it " : violation.pointer + " ") + violation.message;
}

}  // namespace

Result<Schema> Schema::compile(const Value& schema) {
  auto program = std::make_shared<Program>();
  const std::vector<Violation> problems = SchemaCompiler(*program).compile(schema);
  if (problems.empty()) return Schema(std::move(program));
  base::SourcePlace place;
  place.pointer = problems.front().pointer;
  return Error{ErrorCode::kSchemaInvalid, "JSON Schema: " + line(problems.front())}.at(
      std::move(place));
}

std::vector<Violation> Schema::problemsOf(const Value& schema) {
  Program program;
  return SchemaCompiler(program).compile(schema);
}

std::vector<Violation> Schema::validate(const Value& value) const {
  SchemaRun run(*program_);
  run.validate(0, value);
  return run.takeViolations();
}

std::vector<Violation> Schema::coerce(Value& value) const {
  SchemaRun run(*program_);
  run.coerce(0, value);
  // A second run: what coercion spent must not make the check fail.
  return validate(value);
}

std::string describe(const std::vector<Violation>& violations) {
  std::string out;
  for (const Violation& violation : violations) {
    if (!out.empty()) out += '\n';
    out += line(violation);
  }
  return out;
}

}  // namespace belay::json
