#include "agent/steps/Fields.h"

#include "agent/script/TextOutput.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;

std::optional<std::string> asText(const json::Value& value) {
  if (const std::string* text = script::textOf(value)) return *text;
  if (value.isNumber() || value.isBool()) return json::print(value);
  return std::nullopt;
}

Error Fields::wrong(std::string_view name, const std::string& what) const {
  return Error{ErrorCode::kInvalidArgument,
               "step " + step_ + ": " + std::string(name) + " " + what};
}

bool Fields::has(std::string_view name) const {
  const json::Value* value = values_.find(name);
  return value && !value->isNull();
}

Result<std::string> Fields::text(std::string_view name, std::string fallback) const {
  if (!has(name)) return fallback;
  if (auto text = asText(*values_.find(name))) return std::move(*text);
  return wrong(name, "must be a text, is " + std::string(json::kindName(*values_.find(name))));
}

Result<std::vector<std::string>> Fields::texts(std::string_view name) const {
  std::vector<std::string> out;
  if (!has(name)) return out;
  const json::Value& list = *values_.find(name);
  if (!list.isArray()) return wrong(name, "must be a list of texts");
  for (const json::Value& item : list.asArray()) {
    auto text = asText(item);
    if (!text) {
      return wrong(name, "has an item that is no text: " + std::string(json::kindName(item)) +
                             " at " + std::to_string(out.size()));
    }
    out.push_back(std::move(*text));
  }
  return out;
}

Result<std::int64_t> Fields::integer(std::string_view name, std::int64_t fallback) const {
  if (!has(name)) return fallback;
  const json::Value& value = *values_.find(name);
  if (!value.isInteger()) return wrong(name, "must be a whole number");
  return value.asInteger();
}

Result<bool> Fields::flag(std::string_view name, bool fallback) const {
  if (!has(name)) return fallback;
  const json::Value& value = *values_.find(name);
  if (!value.isBool()) return wrong(name, "must be true or false");
  return value.asBool();
}

Result<std::uint64_t> Fields::bytes(std::string_view name, std::uint64_t fallback) const {
  BELAY_ASSIGN(const std::string text, this->text(name));
  if (text.empty()) return fallback;
  auto size = base::parseBytes(text);
  if (!size) return wrong(name, size.error().message);
  return *size;
}

Result<std::vector<std::int64_t>> Fields::integers(std::string_view name) const {
  std::vector<std::int64_t> out;
  if (!has(name)) return out;
  const json::Value& list = *values_.find(name);
  if (!list.isArray()) return wrong(name, "must be a list of whole numbers");
  for (const json::Value& item : list.asArray()) {
    if (!item.isInteger()) return wrong(name, "must be a list of whole numbers");
    out.push_back(item.asInteger());
  }
  return out;
}

Result<std::vector<std::pair<std::string, vault::TextOrSecret>>> Fields::valuesOf(
    std::string_view name) const {
  std::vector<std::pair<std::string, vault::TextOrSecret>> out;
  if (!has(name)) return out;
  const json::Value& object = *values_.find(name);
  if (!object.isObject()) return wrong(name, "must hold names and values");
  for (const json::Member& member : object.asObject()) {
    const json::Value* secret = member.second.find("secret");
    if (secret && secret->isString() && member.second.asObject().size() == 1) {
      out.emplace_back(member.first, vault::SecretRef{secret->asString()});
      continue;
    }
    auto text = asText(member.second);
    if (!text)
      return wrong(std::string(name) + "." + member.first, "must be a text or {secret: NAME}");
    out.emplace_back(member.first, std::move(*text));
  }
  return out;
}

}  // namespace belay::steps
