#include "common/json/Json.h"

#include <memory>

#include <cjson/cJSON.h>

#include "common/base/FreeWith.h"
#include "common/json/Strict.h"
#include "common/json/Writer.h"

namespace belay::json {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

using Tree = std::unique_ptr<cJSON, base::FreeWith<&cJSON_Delete>>;

Value fromTree(const cJSON& node) {
  switch (node.type & 0xFF) {
    case cJSON_False:
      return Value(false);
    case cJSON_True:
      return Value(true);
    case cJSON_Number:
      return Value(node.valuedouble);
    case cJSON_String:
      return Value(node.valuestring);
    case cJSON_Array: {
      Array items;
      for (const cJSON* item = node.child; item; item = item->next)
        items.push_back(fromTree(*item));
      return Value(std::move(items));
    }
    case cJSON_Object: {
      Object members;
      for (const cJSON* item = node.child; item; item = item->next)
        members.emplace_back(item->string, fromTree(*item));
      return Value(std::move(members));
    }
    default:
      return Value();
  }
}

}  // namespace

Status check(std::string_view text, const ParseLimits& limits) { return checkStrict(text, limits); }

Result<Value> parse(std::string_view text, const ParseLimits& limits) {
  BELAY_TRY(checkStrict(text, limits));
  const Tree tree(cJSON_ParseWithLength(text.data(), text.size()));
  if (!tree) return Error{ErrorCode::kJsonSyntax, "JSON could not be read"};
  return fromTree(*tree);
}

std::string print(const Value& value) {
  std::string out;
  Writer(out).value(value);
  return out;
}

namespace {

void printIndented(const Value& value, int depth, std::string& out) {
  const std::string inner(static_cast<std::size_t>(depth + 1) * 2, ' ');
  const std::string outer(static_cast<std::size_t>(depth) * 2, ' ');
  if (value.isArray() && !value.asArray().empty()) {
    const char* separator = "[\n";
    for (const Value& item : value.asArray()) {
      out += separator + inner;
      printIndented(item, depth + 1, out);
      separator = ",\n";
    }
    out += "\n" + outer + "]";
  } else if (value.isObject() && !value.asObject().empty()) {
    const char* separator = "{\n";
    for (const Member& member : value.asObject()) {
      out += separator + inner;
      Writer(out).value(Value(member.first));
      out += ": ";
      printIndented(member.second, depth + 1, out);
      separator = ",\n";
    }
    out += "\n" + outer + "}";
  } else {
    Writer(out).value(value);
  }
}

}  // namespace

std::string printPretty(const Value& value) {
  std::string out;
  printIndented(value, 0, out);
  return out;
}

}  // namespace belay::json
