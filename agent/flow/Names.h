#pragma once

#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/json/Value.h"

namespace belay::flow {

/// What a flow file gives names to, gathered before its values are checked against them. Tolerates
/// whatever is wrong with the file.
///
/// Ownership: borrows the document.
struct FlowNames {
  std::vector<std::string_view> steps;  ///< In order; empty where an id is missing.
  std::unordered_map<std::string_view, std::size_t> stepIndex;
  std::unordered_set<std::string_view> callbacks;  ///< Steps that wait for a callback.
  std::vector<std::string_view> connections;
  std::unordered_map<std::string_view, std::string_view> connectionTypes;
  std::vector<std::string_view> templates;
  std::vector<std::string_view> functions;

  bool hasStep(std::string_view id) const { return stepIndex.contains(id); }
};

FlowNames gatherNames(const json::Value& root);

}  // namespace belay::flow
