#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "agent/flow/Node.h"
#include "common/json/Value.h"

namespace belay::flow {

/// A list of steps within a step.
struct NestedList {
  std::string_view name;  ///< Of a branch; else empty.
  bool finalize = false;
  const json::Value* steps = nullptr;  ///< A list.
};

/// The lists of steps that a step holds: the branches and finalize of parallel, the steps of
/// for_each and loop. Tolerates whatever is wrong with the step. Everybody who walks a flow takes a
/// step first and then these in their order, so that all count the steps alike.
std::vector<NestedList> nestedLists(const json::Value& step);

/// The same lists as nodes of the file, one after another.
void forEachNestedList(const Node& step, const std::function<void(const Node&)>& visit);

/// How deep lists of steps may stand within each other.
inline constexpr int kNestingMax = 8;

}  // namespace belay::flow
