#pragma once

#include <memory>
#include <string_view>

#include "agent/script/Limits.h"
#include "common/base/Result.h"

namespace belay::script {

/// Compiles expressions and functions without running them, for the validation of flows.
///
/// Threads: owner.
/// Errors:  kFlowExpressionSyntax with line and column in the text that was given; kLimit when it
/// is too long.
class SyntaxChecker {
 public:
  explicit SyntaxChecker(const Limits& limits = {});
  ~SyntaxChecker();
  SyntaxChecker(const SyntaxChecker&) = delete;
  SyntaxChecker& operator=(const SyntaxChecker&) = delete;

  /// One expression, without `${{ }}` around it.
  base::Status checkExpression(std::string_view expression);
  /// An entry of `functions:`, an expression that is to give a function.
  base::Status checkFunction(std::string_view source);
  /// The `code` of a function step: such an expression, or the body of a function.
  base::Status checkCode(std::string_view code);
  /// A text with expressions in it; line and column are those in `text`.
  base::Status checkTemplate(std::string_view text);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace belay::script
