#include "agent/flow/Names.h"

#include "agent/flow/Nested.h"

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

/// The steps of a list and of all lists within it.
void gatherSteps(const json::Value& list, ListNames place, FlowNames& names) {
  const std::size_t number = names.lists.size();
  const int depth = place.depth;
  names.lists.push_back(place);
  names.listAt.emplace(&list, number);
  for (const json::Value& step : list.asArray()) {
    const std::size_t index = names.steps.size();
    const std::string_view id = textOf(step, "id");
    if (!id.empty()) names.stepIndex.emplace(id, index);
    names.steps.push_back(id);
    names.listOf.push_back(number);
    names.stepAt.emplace(&step, index);
    const json::Value* wait = step.find("wait");
    if (wait && wait->find("callback")) names.callbacks.insert(id);
    if (depth > kNestingMax) continue;
    for (const NestedList& nested : nestedLists(step)) {
      gatherSteps(*nested.steps, {index, number, depth + 1}, names);
    }
  }
}

}  // namespace

bool FlowNames::sees(std::size_t from, std::size_t list) const {
  for (std::optional<std::size_t> at = from; at; at = lists[*at].parent) {
    if (*at == list) return true;
  }
  return false;
}

FlowNames gatherCallNames(const json::Value& metadata, const json::Value& steps) {
  FlowNames names = gatherNames(metadata);
  gatherSteps(steps, {}, names);
  // Whether there is such a wait is known when the step begins.
  const json::Value* run = steps.asArray().front().find("run");
  if (run) names.callbacks.insert(textOf(*run, "callback"));
  return names;
}

bool FlowNames::isOnFailure(std::size_t list) const {
  for (std::optional<std::size_t> at = list; at && *at != 0; at = lists[*at].parent) {
    if (!lists[*at].container) return true;
  }
  return false;
}

FlowNames gatherNames(const json::Value& root) {
  FlowNames names;
  names.templates = memberNames(root, "templates");
  names.functions = memberNames(root, "functions");
  names.agents = memberNames(root, "agents");
  if (const json::Value* steps = root.find("steps"); steps && steps->isArray()) {
    gatherSteps(*steps, {}, names);
    const json::Value* last = root.find("on_failure");
    if (last && last->isArray()) gatherSteps(*last, {std::nullopt, 0, 0}, names);
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
