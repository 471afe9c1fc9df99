#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/json/Value.h"
#include "common/yaml/Yaml.h"

namespace belay::flow {

/// A value of a flow file with its place and the way that leads to it. Nodes live on the stack of a
/// walk: a pointer is only written when there is something to say.
///
/// Ownership: borrows the document and the node above.
struct Node {
  const json::Value& value;
  const yaml::Place& place;
  const Node* above = nullptr;
  std::string_view name = {};  ///< Of a member.
  std::size_t index = 0;       ///< Of an item.

  std::size_t size() const;
  /// The item or member at a position below size().
  Node child(std::size_t position) const;
  std::optional<Node> find(std::string_view member) const;
  std::string pointer() const;
};

/// "text", "a list", "an object", "a number", "true or false", "nothing".
std::string_view kindWords(const json::Value& value);

}  // namespace belay::flow
