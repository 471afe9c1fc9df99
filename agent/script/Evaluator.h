#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/script/Scope.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::script {

/// What a release brings along for its expressions. Immutable: two modules with one digest are the
/// same.
struct Module {
  std::string digest;  ///< Of the release or draft; the key of what is compiled.
  /// Name to an expression that gives a function: `s => s.trim()`.
  std::map<std::string, std::string> functions;
  /// Name to a text with expressions in it, for renderText().
  std::map<std::string, std::string> templates;
};

/// The value of an expression as JSON. `undefined` has no JSON: then `json` is "null" and the mark
/// is set.
struct Evaluated {
  std::string json;
  bool isUndefined = false;
};

/// Evaluates the JavaScript expressions of flows against the state of a run (flows.md §2).
///
/// The same module, text and scope give the same result on every host: no I/O, and no clock or
/// randomness but the scope's. Nothing that an expression does is seen by a later one. What is
/// compiled is kept by module digest and text, so a repeated call does not compile.
///
/// Threads: owner.
/// Errors:  kFlowExpressionSyntax (with line and column in the expression), kExpressionFailed (it
///          threw), and one per bound: kExpressionTicks, kExpressionMemory, kExpressionStack,
///          kExpressionOutput (too large, or no JSON: a function, a symbol, a BigInt, NaN, a
///          cycle). After any of them the evaluator is as good as new.
///
/// A text output, `{text, truncated, ref}`, reads as a string, but is an object: compare it by `==`
/// or String(x), not by `===`, and ask for its length where an empty one is meant. In text a value
/// becomes: a string as it is; a text output its text; null and undefined nothing; numbers and
/// booleans as JavaScript writes them; anything else compact JSON.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  /// The value of one expression, without `${{ }}` around it. Members that are undefined are left
  /// out, as JSON.stringify does.
  virtual base::Result<Evaluated> evaluate(const Module& module, std::string_view expression,
                                           const Scope& scope) = 0;

  /// Whether an expression (without `${{ }}`) holds, by JavaScript's truthiness; an empty text
  /// output does not hold.
  virtual base::Result<bool> test(const Module& module, std::string_view expression,
                                  const Scope& scope) = 0;

  /// A text with each `${{ … }}` replaced by its value as a string, and `$${{` by `${{`.
  virtual base::Result<std::string> renderText(const Module& module, std::string_view text,
                                               const Scope& scope) = 0;

  /// A tree whose strings may hold expressions, as JSON text. A string that is one expression takes
  /// the value's type; one that is undefined is left out of its object, and null in an array.
  /// Member names are taken as they are.
  virtual base::Result<Evaluated> renderValue(const Module& module, const json::Value& tree,
                                              const Scope& scope) = 0;

  /// Calls a function of the module with the input (JSON text) and returns its value.
  /// Errors also: kFlowUnknownName.
  virtual base::Result<Evaluated> callFunction(const Module& module, std::string_view name,
                                               const std::string& inputJson,
                                               const Scope& scope) = 0;

  /// The same for code, with `input` in scope: an expression, whose value is given, or called with
  /// the input if it is a function; or else the body of a function, which gives it by `return`.
  virtual base::Result<Evaluated> callCode(const Module& module, std::string_view code,
                                           const std::string& inputJson, const Scope& scope) = 0;
};

}  // namespace belay::script
