#pragma once

#include <string>
#include <string_view>

#include "agent/flow/Expressions.h"
#include "agent/flow/Keys.h"
#include "agent/flow/Report.h"

namespace belay::flow {

/// Checks values against the tables of Keys.h: names, types, bounds, places of expressions and
/// secrets.
///
/// Threads:   owner.
/// Ownership: borrows all that it is given.
class ShapeCheck {
 public:
  ShapeCheck(Report& report, Expressions& expressions, const FlowNames& names,
             const yaml::Document& document)
      : report_(report), expressions_(expressions), names_(names), document_(document) {}

  /// All members of an object against its row.
  void object(const Node& node, const ObjectRow& row);
  /// One value against the row of its key.
  void value(const Node& node, const KeyRow& row);
  /// Says that `member` is no key here, with the nearest of `known`, or that this version has not
  /// got it.
  void unknownKey(const Node& member, std::string_view what,
                  std::span<const std::string_view> known, std::span<const std::string_view> later);
  /// Says so when a required key is missing.
  void required(const Node& node, std::span<const KeyRow> keys, std::string_view what);
  /// False, and said so, when the value is no object.
  bool isObject(const Node& node, std::string_view what);

 private:
  void exactlyOne(const Node& node, const ObjectRow& row);
  bool text(const Node& node, const KeyRow& row);
  void identifier(const Node& node);
  void functionName(const Node& node);
  void expression(const Node& node);
  void flag(const Node& node);
  void number(const Node& node, const KeyRow& row);
  void duration(const Node& node, const KeyRow& row);
  void instant(const Node& node);
  void release(const Node& node);
  void size(const Node& node, const KeyRow& row);
  void choice(const Node& node, const KeyRow& row);
  /// An object, or what may stand for it.
  void objectOr(const Node& node, const KeyRow& row);
  void list(const Node& node, const KeyRow& row);
  void objectList(const Node& node, const KeyRow& row);
  void branches(const Node& node, const KeyRow& row);
  void map(const Node& node, const KeyRow& row);
  bool mapName(const Node& member, Names names);
  void mapValue(const Node& member, const KeyRow& row);
  void prompt(const Node& node, const KeyRow& row);
  void any(const Node& node, bool templates);
  void jsonSchema(const Node& node);
  void step(const Node& node, bool templates);
  void onError(const Node& node);

  bool isText(const Node& node, bool quoteHint = true);
  bool isTemplate(const Node& node, const KeyRow& row);
  bool isSecret(const json::Value& value) const;
  void secret(const Node& node);
  bool within(const Node& node, const KeyRow& row, double measure, std::string_view unit);

  Report& report_;
  Expressions& expressions_;
  const FlowNames& names_;
  const yaml::Document& document_;
};

}  // namespace belay::flow
