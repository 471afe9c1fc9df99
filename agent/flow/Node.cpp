#include "agent/flow/Node.h"

namespace belay::flow {

std::size_t Node::size() const {
  if (value.isArray()) return value.asArray().size();
  return value.isObject() ? value.asObject().size() : 0;
}

Node Node::child(std::size_t position) const {
  const yaml::Place& where = place.children.at(position);
  if (value.isArray()) return Node{value.asArray().at(position), where, this, {}, position};
  const json::Member& member = value.asObject().at(position);
  return Node{member.second, where, this, member.first, position};
}

std::optional<Node> Node::find(std::string_view member) const {
  if (!value.isObject()) return std::nullopt;
  for (std::size_t i = 0; i < value.asObject().size(); ++i) {
    if (value.asObject()[i].first == member) return child(i);
  }
  return std::nullopt;
}

std::string Node::pointer() const {
  if (!above) return {};
  return above->pointer() + "/" +
         (above->value.isArray() ? std::to_string(index) : json::pointerToken(name));
}

std::string_view kindWords(const json::Value& value) {
  switch (value.kind()) {
    case json::Value::Kind::kNull:
      return "nothing";
    case json::Value::Kind::kBoolean:
      return "true or false";
    case json::Value::Kind::kNumber:
      return "a number";
    case json::Value::Kind::kString:
      return "text";
    case json::Value::Kind::kArray:
      return "a list";
    case json::Value::Kind::kObject:
      return "an object";
  }
  return "nothing";
}

}  // namespace belay::flow
