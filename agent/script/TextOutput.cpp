#include "agent/script/TextOutput.h"

#include <utility>

namespace belay::script {

json::Value makeTextOutput(std::string text, bool truncated, std::optional<std::string> ref) {
  json::Object members;
  members.emplace_back("text", std::move(text));
  members.emplace_back("truncated", truncated);
  members.emplace_back("ref", ref ? json::Value(std::move(*ref)) : json::Value());
  return json::Value(std::move(members));
}

bool isTextOutput(const json::Value& value) {
  if (!value.isObject() || value.asObject().size() != 3) return false;
  const json::Value* text = value.find("text");
  return text != nullptr && text->isString() && value.find("truncated") != nullptr &&
         value.find("ref") != nullptr;
}

const std::string* textOf(const json::Value& value) {
  if (value.isString()) return &value.asString();
  return isTextOutput(value) ? &value.find("text")->asString() : nullptr;
}

}  // namespace belay::script
