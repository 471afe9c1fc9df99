#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/engine/Event.h"

namespace belay::engine {

// Where a step stands in a run: "work" in the flow's own list, "each[3]/work" in the fourth item of
// the step each, "fan[left]/each:2[0]/work" in the second visit of a for_each within a branch. Ids
// hold none of / [ ] and :.

/// The name under which the child of a parallel that finalizes it stands.
inline constexpr std::string_view kFinalize = "finalize";

/// The id of the step at a path.
std::string_view stepIdOf(std::string_view path);
/// The child that a path stands in, without slash; empty in the flow's own list.
std::string_view scopeOf(std::string_view path);
/// The path of a step in a child.
std::string pathIn(std::string_view scope, std::string_view stepId);
/// A child of a visit of a step: "each[3]".
std::string childScope(const StepKey& container, std::string_view child);
/// What all children of the visit begin with: "each[".
std::string childrenOf(const StepKey& container);

/// The name of what undoes the step at a path: "each[3]/charge~undo".
std::string undoPath(std::string_view path);
bool isUndo(std::string_view path);
/// Whether the path stands in the finalize of a parallel, at whatever depth.
bool isFinalize(std::string_view path);
/// How people name a visit: "charge", "charge#2".
std::string visitName(const StepKey& key);

/// A child, taken apart.
struct ChildName {
  std::string container;  ///< Path of the step that holds it.
  std::uint32_t visit = 1;
  std::string child;  ///< Branch, or number of the item or round.
};
/// Nothing for the flow's own list.
std::optional<ChildName> childOf(std::string_view scope);

}  // namespace belay::engine
