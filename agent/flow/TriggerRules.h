#pragma once

#include <set>
#include <string>
#include <string_view>

#include "agent/flow/Expressions.h"
#include "agent/flow/Report.h"
#include "agent/flow/ShapeCheck.h"

namespace belay::flow {

/// Checks triggers: their keys by the tables, and what the tables cannot say.
///
/// Threads:   owner.
/// Ownership: borrows all that it is given.
class TriggerRules {
 public:
  TriggerRules(Report& report, Expressions& expressions, const SyntaxCheck& checks)
      : report_(report), expressions_(expressions), checks_(checks) {}

  /// The rules of the list; its shape has been looked at.
  void check(const Node& triggers);

 private:
  void trigger(const Node& trigger, std::size_t& schedules);
  /// Says so when a key of the list stands without one of those that it belongs to.
  void belongs(const Node& trigger);
  void timing(const Node& trigger);
  void time(const Node& node);
  void isToCome(const Node& node);
  void zone(const Node& node);
  void auth(const Node& auth);
  void headerName(const Node& node);
  void input(const Node& node, bool hasEvent);
  /// `name` is taken by this trigger; said when another one has it.
  void unique(const Node& node, std::string_view kind, const std::string& name);

  Report& report_;
  Expressions& expressions_;
  const SyntaxCheck& checks_;
  std::set<std::string> taken_;  ///< "schedule NAME".
};

/// The name of a schedule that has no id: `place` counts the schedules of the flow from 1.
std::string scheduleName(std::size_t place);

}  // namespace belay::flow
