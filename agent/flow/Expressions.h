#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/flow/Names.h"
#include "agent/flow/Report.h"
#include "agent/flow/Validate.h"

namespace belay::flow {

/// Checks the expressions of a flow: their syntax, and the steps and functions that they name.
///
/// Threads:   owner.
/// Ownership: borrows all that it is given.
class Expressions {
 public:
  Expressions(Report& report, const SyntaxCheck& syntax, const FlowNames& names)
      : report_(report), syntax_(syntax), names_(names) {}

  /// From here on expressions stand in steps of this list (FlowNames::lists), or in the flow's own
  /// keys.
  void standIn(std::size_t list) { list_ = list; }
  /// A text in which expressions may stand.
  void checkText(const Node& node);
  /// A text that must be one expression and nothing else.
  void checkSole(const Node& node);
  /// A text in which none may stand; false when there is one.
  bool refuse(const Node& node);
  /// The script of a run step: none may stand there, and the message shows what to write instead.
  void refuseInScript(const Node& node);
  /// `command` of a run step: an expression within the code of a shell or interpreter is refused
  /// too.
  void refuseInCommand(const Node& command);
  /// Texts of a trigger: says so when an expression names what only a run has, or `event` where
  /// there is none.
  void checkTrigger(const Node& node, bool hasEvent);
  /// A text that is rendered before its run exists: says so when an expression names what only a
  /// run that has begun has.
  void checkStart(const Node& node);
  /// A name that a flow gives the items of a for_each: it must hide nothing.
  void checkItemName(const Node& node);
  void checkFunction(const Node& node);
  void checkCode(const Node& node);
  /// An error when the text of a statement holds an expression: its value would be read as SQL.
  void refuseInSql(const Node& node);

 private:
  void checkExpression(const Node& node, const std::string& expression);
  /// What an expression that is evaluated apart from a run must not name, and what is said then.
  struct Absent {
    std::span<const std::string_view> names;
    std::string_view when;
    std::string hint;
  };
  void checkAbsent(const Node& node, const Absent& absent);
  void checkReferences(const Node& node, std::string_view expression);
  void checkStepName(const Node& node, std::string_view name);
  void checkVisible(const Node& node, std::string_view name);
  void checkFunctionName(const Node& node, std::string_view name);
  void reportSyntax(const Node& node, std::string_view what, const base::Error& error);

  Report& report_;
  const SyntaxCheck& syntax_;
  const FlowNames& names_;
  std::size_t list_ = 0;
};

/// The expression of a text that is exactly one, without ${{ }}; empty otherwise.
std::string soleExpression(const std::string& text);

/// A name for the environment variable that carries an expression's value: "REPO" for input.repo.
std::string variableFor(std::string_view expression);

}  // namespace belay::flow
