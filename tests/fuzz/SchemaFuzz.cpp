// The first line as a JSON Schema, the rest as a value: compiled or refused; what is valid stays so
// when its defaults are filled in. Both as JSON texts, which must read back what was printed.

#include <string>

#include "common/base/Check.h"
#include "common/json/Json.h"
#include "common/json/Schema.h"
#include "tests/fuzz/Input.h"

namespace belay::fuzz {
namespace {

base::Result<json::Value> readJson(std::string_view text) {
  auto value = json::parse(text);
  BELAY_CHECK(value.ok() == json::check(text).ok());
  if (value.ok()) {
    const std::string printed = json::print(*value);
    const auto again = json::parse(printed);
    BELAY_CHECK(again.ok() && *again == *value && json::print(*again) == printed);
    BELAY_CHECK(json::parse(json::printPretty(*value)).ok());
  }
  return value;
}

void check(const json::Schema& schema, json::Value value) {
  BELAY_CHECK(schema.validate(value).size() <= json::Schema::kViolationsMax);
  const bool coerced = schema.coerce(value).empty();
  // What coerce() accepts is what it left, not what it was given.
  if (coerced) BELAY_CHECK(schema.validate(value).empty());
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace belay;
  const auto [schemaText, valueText] = fuzz::split(fuzz::textOf(data, size), '\n');
  const auto schemaValue = fuzz::readJson(schemaText);
  if (!schemaValue.ok()) return 0;
  const auto schema = json::Schema::compile(*schemaValue);
  BELAY_CHECK(schema.ok() == json::Schema::problemsOf(*schemaValue).empty());
  if (!schema.ok()) return 0;
  auto value = fuzz::readJson(valueText);
  if (value.ok()) fuzz::check(*schema, std::move(*value));
  return 0;
}
