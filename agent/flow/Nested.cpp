#include "agent/flow/Nested.h"

#include <array>
#include <string>

namespace belay::flow {

namespace {

constexpr std::array<std::string_view, 2> kBodies{"for_each", "loop"};

bool isList(const json::Value* value) { return value && value->isArray(); }

}  // namespace

std::vector<NestedList> nestedLists(const json::Value& step) {
  std::vector<NestedList> out;
  if (const json::Value* parallel = step.find("parallel")) {
    const json::Value* branches = parallel->find("branches");
    if (branches && branches->isObject()) {
      for (const json::Member& branch : branches->asObject()) {
        if (branch.second.isArray()) out.push_back({branch.first, false, &branch.second});
      }
    }
    const json::Value* finalize = parallel->find("finalize");
    if (isList(finalize)) out.push_back({{}, true, finalize});
  }
  for (const std::string_view body : kBodies) {
    const json::Value* spec = step.find(body);
    const json::Value* steps = spec ? spec->find("steps") : nullptr;
    if (isList(steps)) out.push_back({{}, false, steps});
  }
  return out;
}

void forEachNestedList(const Node& step, const std::function<void(const Node&)>& visit) {
  if (const auto parallel = step.find("parallel")) {
    const auto branches = parallel->find("branches");
    for (std::size_t i = 0; branches && branches->value.isObject() && i < branches->size(); ++i) {
      const Node branch = branches->child(i);
      if (branch.value.isArray()) visit(branch);
    }
    const auto finalize = parallel->find("finalize");
    if (finalize && finalize->value.isArray()) visit(*finalize);
  }
  for (const std::string_view body : kBodies) {
    const auto spec = step.find(body);
    const auto steps = spec ? spec->find("steps") : std::nullopt;
    if (steps && steps->value.isArray()) visit(*steps);
  }
}

}  // namespace belay::flow
