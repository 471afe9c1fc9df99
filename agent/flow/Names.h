#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/json/Value.h"

namespace belay::flow {

/// Where a list of steps stands.
struct ListNames {
  std::optional<std::size_t> container;  ///< The step that holds it.
  std::optional<std::size_t> parent;     ///< The list of that step, or the one it looks back to.
  int depth = 0;
};

/// What a flow file gives names to, gathered before its values are checked against them. Tolerates
/// whatever is wrong with the file.
///
/// Ownership: borrows the document.
struct FlowNames {
  std::vector<std::string_view>
      steps;                        ///< In order, nested ones too; empty where an id is missing.
  std::vector<std::size_t> listOf;  ///< Of each step.
  std::vector<ListNames> lists;     ///< The first is the flow's own.
  std::unordered_map<const json::Value*, std::size_t> stepAt;  ///< By the step's value.
  std::unordered_map<const json::Value*, std::size_t> listAt;  ///< By the list's value.
  std::unordered_map<std::string_view, std::size_t> stepIndex;
  std::unordered_set<std::string_view> callbacks;  ///< Steps that wait for a callback.
  std::vector<std::string_view> connections;
  std::unordered_map<std::string_view, std::string_view> connectionTypes;
  std::vector<std::string_view> templates;
  std::vector<std::string_view> agents;
  std::vector<std::string_view> functions;

  /// Whether a list is that of on_failure, or stands within it.
  bool isOnFailure(std::size_t list) const;
  bool hasStep(std::string_view id) const { return stepIndex.contains(id); }
  /// Whether steps of the list `from` can see the outputs of those of the list `list`.
  bool sees(std::size_t from, std::size_t list) const;
};

FlowNames gatherNames(const json::Value& root);
/// Those of a flow that is code, with the list of the one step that it calls.
FlowNames gatherCallNames(const json::Value& metadata, const json::Value& steps);

}  // namespace belay::flow
