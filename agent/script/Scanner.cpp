#include "agent/script/Scanner.h"

#include <algorithm>
#include <array>
#include <string>

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

// After these words a `/` starts a regular expression.
constexpr std::array<std::string_view, 14> kWordsBeforeOperand{
    "return", "typeof", "instanceof", "in", "of",   "new",   "delete",
    "void",   "throw",  "case",       "do", "else", "yield", "await"};

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
// Bytes above ASCII are letters here; the compiler knows better.
bool isWordPart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || isDigit(c) || c == '_' || c == '$' ||
         c == '\\' || c == '#' || static_cast<unsigned char>(c) >= 0x80;
}

char closerOf(char opener) { return opener == '(' ? ')' : opener == '[' ? ']' : '}'; }

}  // namespace

Error Scanner::fail(std::size_t offset, const char* what) {
  errorOffset_ = offset;
  return Error{ErrorCode::kFlowExpressionSyntax, what};
}

Token Scanner::literalUpTo(std::size_t begin) {
  regularExpressionMayStart_ = false;
  return Token{Token::Kind::kLiteral, begin, at_};
}

Status Scanner::skipBlank() {
  while (at_ < text_.size()) {
    if (isBlank(text_[at_])) {
      ++at_;
    } else if (peek(0) == '/' && peek(1) == '/') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (peek(0) == '/' && peek(1) == '*') {
      const std::size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) return fail(at_, "a comment has no end");
      at_ = end + 2;
    } else {
      break;
    }
  }
  return {};
}

Result<Token> Scanner::next() {
  BELAY_TRY(skipBlank());
  if (at_ >= text_.size()) {
    if (!open_.empty()) {
      const Bracket& last = open_.back();
      return fail(last.offset,
                  last.kind == '`' ? "a template literal has no end" : "a bracket is not closed");
    }
    return Token{Token::Kind::kEnd, at_, at_};
  }
  const char c = text_[at_];
  if (c == '"' || c == '\'') return string(c);
  if (c == '`') {
    ++at_;
    return templateText();
  }
  if (isDigit(c) || (c == '.' && isDigit(peek(1)))) return number();
  if (isWordPart(c)) return word();
  if (std::string_view("()[]{}").find(c) != std::string_view::npos) return bracket(c);
  const std::size_t begin = at_;
  if (c == '/' && regularExpressionMayStart_ && regularExpression()) return literalUpTo(begin);
  return operators();
}

Result<Token> Scanner::string(char quote) {
  const std::size_t begin = at_++;
  while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') {
    at_ += text_[at_] == '\\' ? 2 : 1;
  }
  if (at_ >= text_.size() || text_[at_] != quote) return fail(begin, "a string has no end");
  ++at_;
  return literalUpTo(begin);
}

// Up to the closing backtick, or to a substitution, which is then an open bracket.
Result<Token> Scanner::templateText() {
  const std::size_t begin = at_ - 1;
  while (at_ < text_.size() && text_[at_] != '`') {
    if (text_[at_] == '$' && peek(1) == '{') {
      open_.push_back({'`', begin});
      at_ += 2;
      const Token token{Token::Kind::kLiteral, begin, at_};
      regularExpressionMayStart_ = true;
      return token;
    }
    at_ += text_[at_] == '\\' ? 2 : 1;
  }
  if (at_ >= text_.size()) return fail(begin, "a template literal has no end");
  ++at_;
  return literalUpTo(begin);
}

Result<Token> Scanner::bracket(char c) {
  const Token token{Token::Kind::kOperator, at_, at_ + 1};
  ++at_;
  if (c == '(' || c == '[' || c == '{') {
    open_.push_back({c, token.begin});
    regularExpressionMayStart_ = true;
    return token;
  }
  regularExpressionMayStart_ = false;
  // The caller decides what a closing bracket means that nothing opened.
  if (open_.empty()) return token;
  const Bracket last = open_.back();
  if (closerOf(last.kind == '`' ? '{' : last.kind) != c) {
    return fail(last.offset, "a bracket is not closed, or closed by another");
  }
  open_.pop_back();
  if (last.kind == '`') return templateText();
  return token;
}

Token Scanner::word() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && isWordPart(text_[at_])) ++at_;
  const Token token{Token::Kind::kWord, begin, at_};
  regularExpressionMayStart_ = std::find(kWordsBeforeOperand.begin(), kWordsBeforeOperand.end(),
                                         textOf(token)) != kWordsBeforeOperand.end();
  return token;
}

Token Scanner::number() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && (isWordPart(text_[at_]) || text_[at_] == '.')) ++at_;
  return literalUpTo(begin);
}

// False when no end is found on the line: then it was a division.
bool Scanner::regularExpression() {
  bool inClass = false;
  for (std::size_t i = at_ + 1; i < text_.size() && text_[i] != '\n'; ++i) {
    const char c = text_[i];
    if (c == '\\') {
      ++i;
    } else if (c == '[') {
      inClass = true;
    } else if (c == ']') {
      inClass = false;
    } else if (c == '/' && !inClass) {
      at_ = i + 1;
      while (at_ < text_.size() && isWordPart(text_[at_])) ++at_;
      return true;
    }
  }
  return false;
}

Token Scanner::operators() {
  const std::size_t begin = at_;
  const std::string_view rest = text_.substr(at_);
  std::size_t length = 1;
  bool isPostfix = false;
  if (rest.starts_with("++") || rest.starts_with("--")) {
    length = 2;
    isPostfix = !regularExpressionMayStart_;
  } else if (rest.starts_with("=>") || (rest.starts_with("?.") && !isDigit(peek(2)))) {
    length = 2;
  } else if (rest.starts_with("...")) {
    length = 3;
  }
  at_ += length;
  regularExpressionMayStart_ = !isPostfix;
  return Token{Token::Kind::kOperator, begin, at_};
}

Result<std::size_t> findExpressionEnd(std::string_view text, std::size_t from,
                                      std::size_t& errorOffset) {
  Scanner scanner(text, from);
  for (;;) {
    const bool wasBalanced = scanner.isBalanced();
    auto token = scanner.next();
    if (!token.ok()) {
      errorOffset = scanner.errorOffset();
      return std::move(token).error();
    }
    if (token->kind == Token::Kind::kEnd) {
      errorOffset = from;
      return Error{ErrorCode::kFlowExpressionSyntax, "an expression has no end: }} is missing"};
    }
    if (!wasBalanced || token->kind != Token::Kind::kOperator) continue;
    const char c = text[token->begin];
    if (c == '}' && text.substr(token->begin).starts_with("}}")) return token->begin;
    if (c == '}' || c == ')' || c == ']') {
      errorOffset = token->begin;
      return Error{ErrorCode::kFlowExpressionSyntax, "a bracket is closed that was not opened"};
    }
  }
}

namespace {

// `async` and the others are fine as names of members: `x.async`, `{async: 1}`.
bool isMemberName(std::string_view before, std::string_view after) {
  return before == "." || before == "?." || after == ":";
}

bool startsFunction(const Token& after, std::string_view text) {
  return after.kind == Token::Kind::kWord || after.kind == Token::Kind::kLiteral || text == "(" ||
         text == "[" || text == "*";
}

}  // namespace

Status refuseAsynchronous(std::string_view source, std::size_t& errorOffset) {
  Scanner scanner(source);
  std::string_view before;
  Token held;  // the word in question, until its successor is known
  std::string_view beforeHeld;
  for (;;) {
    auto token = scanner.next();
    // What the scanner does not understand is the compiler's to report.
    if (!token.ok()) return {};
    const std::string_view text = scanner.textOf(*token);
    if (held.kind == Token::Kind::kWord) {
      const std::string_view word = scanner.textOf(held);
      const bool isRefused = word == "async" ? startsFunction(*token, text) : true;
      if (isRefused && !isMemberName(beforeHeld, text)) {
        errorOffset = held.begin;
        return Error{ErrorCode::kFlowExpressionSyntax,
                     "`" + std::string(word) + "`: expressions are synchronous and load nothing"};
      }
      held = {};
    }
    if (token->kind == Token::Kind::kEnd) return {};
    if (token->kind == Token::Kind::kWord &&
        (text == "async" || text == "await" || text == "import")) {
      held = *token;
      beforeHeld = before;
    }
    before = text;
  }
}

}  // namespace belay::script
