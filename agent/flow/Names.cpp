#include "agent/flow/Names.h"

namespace belay::flow {

namespace {

std::string_view textOf(const json::Value& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value && value->isString() ? std::string_view(value->asString()) : std::string_view();
}

std::vector<std::string_view> memberNames(const json::Value& root, std::string_view name) {
  std::vector<std::string_view> out;
  const json::Value* map = root.find(name);
  if (!map || !map->isObject()) return out;
  for (const json::Member& member : map->asObject()) out.push_back(member.first);
  return out;
}

}  // namespace

FlowNames gatherNames(const json::Value& root) {
  FlowNames names;
  names.templates = memberNames(root, "templates");
  names.functions = memberNames(root, "functions");
  if (const json::Value* steps = root.find("steps"); steps && steps->isArray()) {
    for (const json::Value& step : steps->asArray()) {
      const std::string_view id = textOf(step, "id");
      if (!id.empty()) names.stepIndex.emplace(id, names.steps.size());
      names.steps.push_back(id);
      const json::Value* wait = step.find("wait");
      if (wait && wait->find("callback")) names.callbacks.insert(id);
    }
  }
  if (const json::Value* requirements = root.find("requires");
      requirements && requirements->isArray()) {
    for (const json::Value& requirement : requirements->asArray()) {
      const std::string_view name = textOf(requirement, "name");
      if (name.empty()) continue;
      if (names.connectionTypes.emplace(name, textOf(requirement, "type")).second)
        names.connections.push_back(name);
    }
  }
  return names;
}

}  // namespace belay::flow
