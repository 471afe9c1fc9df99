#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::script {

/// One token of JavaScript, as coarse as the callers need it.
struct Token {
  enum class Kind : std::uint8_t {
    kEnd,
    kWord,      ///< Identifier or keyword.
    kLiteral,   ///< Number, string, regular expression, or a stretch of a template literal.
    kOperator,  ///< One character, but `?.`, `++`, `--`, `=>` and `...` whole.
  };
  Kind kind = Kind::kEnd;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Reads JavaScript just well enough to know what is code and what is text within it.
///
/// The one thing that a scanner cannot know is whether `/` after `}` or `)` divides; it takes it as
/// a division, as it is in an expression. A wrong guess ends in an error of the compiler, not in a
/// wrong value.
///
/// Threads:   owner.
/// Ownership: the text must outlive the scanner.
class Scanner {
 public:
  explicit Scanner(std::string_view text, std::size_t from = 0) : text_(text), at_(from) {}

  /// Errors: kFlowExpressionSyntax (text without its end, brackets that do not match). Its place is
  /// that of errorOffset().
  base::Result<Token> next();
  std::size_t errorOffset() const { return errorOffset_; }

  /// Whether all brackets that were opened so far are closed.
  bool isBalanced() const { return open_.empty(); }
  std::string_view textOf(const Token& token) const {
    return text_.substr(token.begin, token.end - token.begin);
  }

 private:
  struct Bracket {
    char kind;  // ( [ { or ` for the substitution of a template literal
    std::size_t offset;
  };

  base::Error fail(std::size_t offset, const char* what);
  base::Status skipBlank();
  base::Result<Token> string(char quote);
  base::Result<Token> templateText();
  base::Result<Token> bracket(char c);
  Token word();
  Token number();
  bool regularExpression();
  Token literalUpTo(std::size_t begin);
  Token operators();
  char peek(std::size_t ahead) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t errorOffset_ = 0;
  bool regularExpressionMayStart_ = true;
  std::vector<Bracket> open_;
};

/// The offset of the `}}` that ends the expression which starts at `from`.
/// On failure `errorOffset` is where the fault is.
base::Result<std::size_t> findExpressionEnd(std::string_view text, std::size_t from,
                                            std::size_t& errorOffset);

/// Refuses what expressions do not have: async functions, await and import.
base::Status refuseAsynchronous(std::string_view source, std::size_t& errorOffset);

}  // namespace belay::script
