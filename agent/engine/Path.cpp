#include "agent/engine/Path.h"

#include <charconv>

namespace belay::engine {

std::string_view stepIdOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view scopeOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string pathIn(std::string_view scope, std::string_view stepId) {
  std::string out(scope);
  if (!out.empty()) out += '/';
  return out += stepId;
}

std::string childrenOf(const StepKey& container) {
  std::string out = container.path;
  if (container.visit > 1) out += ":" + std::to_string(container.visit);
  return out += '[';
}

std::string childScope(const StepKey& container, std::string_view child) {
  return (childrenOf(container) += child) += ']';
}

std::string undoPath(std::string_view path) { return std::string(path).append(flow::kUndoSuffix); }

bool isUndo(std::string_view path) { return path.ends_with(flow::kUndoSuffix); }

bool isFinalize(std::string_view path) {
  static_assert(kFinalize == "finalize");
  return path.find("[finalize]/") != std::string_view::npos;
}

std::string visitName(const StepKey& key) {
  return key.visit == 1 ? key.path : key.path + "#" + std::to_string(key.visit);
}

std::optional<ChildName> childOf(std::string_view scope) {
  const std::size_t open = scope.rfind('[');
  if (open == std::string_view::npos || scope.back() != ']') return std::nullopt;
  ChildName name;
  name.child = scope.substr(open + 1, scope.size() - open - 2);
  std::string_view container = scope.substr(0, open);
  const std::size_t colon = container.rfind(':');
  const std::size_t slash = container.rfind('/');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    const std::string_view visit = container.substr(colon + 1);
    std::from_chars(visit.data(), visit.data() + visit.size(), name.visit);
    container = container.substr(0, colon);
  }
  name.container = container;
  return name;
}

}  // namespace belay::engine
