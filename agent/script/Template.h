#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::script {

/// A literal stretch or one expression of a text.
struct TemplatePart {
  bool isExpression = false;
  std::string text;  ///< The literal with `$${{` undone, or the expression without `${{ }}` and the
                     ///< space around it.
  std::size_t offset = 0;  ///< Of its first byte in the whole text.
};

/// Line and column (in characters) of an offset in a text, each from 1.
base::SourcePlace placeOf(std::string_view text, std::size_t offset);

/// A text that may hold expressions, taken apart: `Hello ${{ input.name }}`.
///
/// The end of an expression is found as JavaScript reads it: `}}` within strings, template
/// literals, comments, regular expressions or nested braces does not end it. `$${{` stands for a
/// literal `${{`.
class Template {
 public:
  /// Errors: kFlowExpressionSyntax with line and column in `text`: an expression without its end,
  /// or with nothing in it.
  static base::Result<Template> parse(std::string_view text);

  const std::vector<TemplatePart>& parts() const { return parts_; }
  /// The text when no expression is in it, `$${{` undone; null pointer otherwise.
  const std::string* literal() const;
  /// The expression when the whole text is one: its value keeps its type; null pointer otherwise.
  const TemplatePart* sole() const;

 private:
  std::vector<TemplatePart> parts_;
  std::string empty_;
};

/// Whether a text has to be parsed at all: false for most strings, and fast.
inline bool mayHoldExpression(std::string_view text) {
  return text.find("${{") != std::string_view::npos;
}

}  // namespace belay::script
