#include "agent/flow/CodeFile.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "agent/script/Scanner.h"
#include "agent/script/Template.h"
#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"

namespace belay::flow {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using script::Token;

namespace {

constexpr int kDepthMax = 64;
constexpr const char* kLiteralHint =
    "flow is read before anything runs: write its values out, or compute them in the function";

bool isWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
bool isDigit(char c) { return c >= '0' && c <= '9'; }

void appendUtf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// Reads one JavaScript literal.
class Literal {
 public:
  Literal(std::string_view text, std::size_t from) : text_(text), at_(from) {}

  Status value(Value& out, yaml::Place& place, int depth = 0) {
    BELAY_TRY(blank());
    place.value = mark();
    place.key = place.value;
    const char c = peek();
    if (depth > kDepthMax) return fail("the value is nested too deeply");
    if (c == '{') return object(out, place, depth);
    if (c == '[') return array(out, place, depth);
    if (c == '"' || c == '\'' || c == '`') return texts(out);
    if (isDigit(c) || c == '-' || c == '.') return number(out);
    const std::string_view name = word();
    if (name == "true" || name == "false") {
      out = Value(name == "true");
    } else if (name == "null") {
      out = Value();
    } else {
      const std::string shown = base::visible(base::wholeCharacters(name, 60));
      return fail(name.empty() ? "a value is missing, or is no literal"
                               : "\"" + shown + "\" is no literal");
    }
    return {};
  }

  /// That the literal is all: nothing is done with it.
  Status ends() {
    BELAY_TRY(blank());
    if (at_ >= text_.size() || peek() == ';' || isWordStart(peek())) return {};
    return fail("the value of flow goes on behind its literal");
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  Error fail(std::string message) {
    const yaml::Mark here = mark();
    base::SourcePlace place;
    place.line = here.line;
    place.column = here.column;
    return Error{ErrorCode::kFlowCode, std::move(message), {kLiteralHint}}.at(place);
  }

  /// Where it stands. Offsets only grow, so that each character is counted once.
  yaml::Mark mark() {
    for (; counted_ < at_; ++counted_) {
      if (text_[counted_] == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(text_[counted_]) & 0xC0) != 0x80) {
        ++column_;
      }
    }
    yaml::Mark mark;
    mark.line = line_;
    mark.column = column_;
    return mark;
  }

  Status blank() {
    while (at_ < text_.size()) {
      const char c = peek();
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++at_;
      } else if (c == '/' && peek(1) == '/') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '/' && peek(1) == '*') {
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return fail("a comment has no end");
        at_ = end + 2;
      } else {
        break;
      }
    }
    return {};
  }

  std::string_view word() {
    const std::size_t from = at_;
    while (isWordStart(peek()) || (at_ > from && isDigit(peek()))) ++at_;
    const std::string_view found = text_.substr(from, at_ - from);
    if (found != "true" && found != "false" && found != "null") at_ = from;
    return found;
  }

  /// Texts that + puts together.
  Status texts(Value& out) {
    std::string all;
    for (;;) {
      const char quote = peek();
      if (quote != '"' && quote != '\'' && quote != '`') return fail("a text must follow +");
      BELAY_TRY(string(all));
      const std::size_t end = at_;
      BELAY_TRY(blank());
      if (peek() != '+') {
        at_ = end;
        break;
      }
      ++at_;
      BELAY_TRY(blank());
    }
    out = Value(std::move(all));
    return {};
  }

  Status string(std::string& out) {
    const char quote = text_[at_++];
    for (;;) {
      if (at_ >= text_.size() || (peek() == '\n' && quote != '`')) {
        return fail("a text has no end");
      }
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        return {};
      }
      if (quote == '`' && c == '$' && peek(1) == '{') return fail("a text with ${…} in it is no literal");
      if (c == '\\') {
        BELAY_TRY(escape(out));
      } else if (c == '\r' && quote == '`') {
        ++at_;  // As JavaScript reads it: a line ends with \n.
        if (peek() != '\n') out += '\n';
      } else {
        out += c;
        ++at_;
      }
    }
  }

  Status escape(std::string& out) {
    const char c = peek(1);
    constexpr std::array<std::pair<char, char>, 6> kShort{
        {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'b', '\b'}, {'f', '\f'}, {'v', '\v'}}};
    for (const auto& [letter, meant] : kShort) {
      if (c != letter) continue;
      out += meant;
      at_ += 2;
      return {};
    }
    if (c == 'x' || c == 'u') return codePoint(out);
    if (isDigit(c) || c == '\0') return fail("an escape of this kind is no literal");
    at_ += 2;
    if (c == '\r' && peek() == '\n') ++at_;
    if (c != '\n' && c != '\r') out += c;
    return {};
  }

  /// \xHH, \uHHHH, pairs of those, and \u{H…}.
  Status codePoint(std::string& out) {
    std::uint32_t code = 0;
    BELAY_TRY(unit(code));
    if (code >= 0xD800 && code < 0xDC00 && peek() == '\\' && peek(1) == 'u') {
      std::uint32_t low = 0;
      BELAY_TRY(unit(low));
      if (low < 0xDC00 || low > 0xDFFF) return fail("an escape is only half of a character");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      return fail("an escape gives no character");
    }
    appendUtf8(out, code);
    return {};
  }

  Status unit(std::uint32_t& code) {
    const bool braced = peek(1) == 'u' && peek(2) == '{';
    const std::size_t most = peek(1) == 'x' ? 2 : braced ? 6 : 4;
    at_ += braced ? 3 : 2;
    std::size_t count = 0;
    for (; count < most; ++count, ++at_) {
      const char c = peek();
      const char lower = static_cast<char>(c | 0x20);
      if (isDigit(c))
        code = code * 16 + static_cast<std::uint32_t>(c - '0');
      else if (lower >= 'a' && lower <= 'f')
        code = code * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
      else
        break;
    }
    if (braced ? count == 0 || peek() != '}' : count != most) return fail("an escape is not finished");
    if (braced) ++at_;
    return {};
  }

  Status number(Value& out) {
    const std::size_t from = at_;
    if (peek() == '-') ++at_;
    std::string digits(text_.substr(from, at_ - from));
    if (peek() == '.') digits += '0';
    while (isDigit(peek()) || isWordStart(peek()) || peek() == '.' ||
           ((peek() == '-' || peek() == '+') && (text_[at_ - 1] | 0x20) == 'e')) {
      if (peek() != '_') digits += peek();
      ++at_;
    }
    auto parsed = json::parse(digits);
    if (!parsed || !parsed->isNumber()) return fail("this is no number that JSON knows");
    out = std::move(*parsed);
    return {};
  }

  Status array(Value& out, yaml::Place& place, int depth) {
    ++at_;
    json::Array items;
    for (;;) {
      BELAY_TRY(blank());
      if (peek() == ']') break;
      BELAY_TRY(value(items.emplace_back(), place.children.emplace_back(), depth + 1));
      BELAY_TRY(blank());
      if (peek() == ',')
        ++at_;
      else if (peek() != ']')
        return fail("a comma or ] is missing");
    }
    ++at_;
    out = Value(std::move(items));
    return {};
  }

  Status object(Value& out, yaml::Place& place, int depth) {
    ++at_;
    json::Object members;
    std::unordered_set<std::string> seen;
    for (;;) {
      BELAY_TRY(blank());
      if (peek() == '}') break;
      const yaml::Mark key = mark();
      std::string name;
      BELAY_TRY(memberName(name));
      if (!seen.insert(name).second) return fail("the name \"" + name + "\" stands twice");
      yaml::Place& inner = place.children.emplace_back();
      members.emplace_back(std::move(name), Value());
      BELAY_TRY(value(members.back().second, inner, depth + 1));
      inner.key = key;
      BELAY_TRY(blank());
      if (peek() == ',')
        ++at_;
      else if (peek() != '}')
        return fail("a comma or } is missing");
    }
    ++at_;
    out = Value(std::move(members));
    return {};
  }

  Status memberName(std::string& name) {
    const char c = peek();
    if (c == '"' || c == '\'') {
      BELAY_TRY(string(name));
    } else {
      while (isWordStart(peek()) || isDigit(peek())) name += text_[at_++];
    }
    // To JavaScript it would not be a member.
    if (name.empty() || name == "__proto__") return fail("a name of a member must stand here");
    BELAY_TRY(blank());
    if (peek() != ':') return fail("a colon must follow the name \"" + name + "\"");
    ++at_;
    return {};
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t counted_ = 0;
  int line_ = 1;
  int column_ = 1;
};

/// Offset behind `export const flow =`, on the top level.
Result<std::size_t> findFlow(std::string_view text) {
  constexpr std::array<std::string_view, 4> kBeginning{"export", "const", "flow", "="};
  script::Scanner scanner(text);
  std::size_t matched = 0;
  for (;;) {
    const bool top = scanner.isBalanced();
    const auto token = scanner.next();
    if (!token.ok()) {
      Error error{ErrorCode::kFlowCode,
                  "the code is not valid JavaScript: " + token.error().message};
      return std::move(error).at(script::placeOf(text, scanner.errorOffset()));
    }
    if (token->kind == Token::Kind::kEnd) break;
    const std::string_view word = scanner.textOf(*token);
    matched = !top ? 0 : word == kBeginning[matched] ? matched + 1 : word == kBeginning[0] ? 1 : 0;
    if (matched == kBeginning.size()) return token->end;
  }
  base::SourcePlace first;
  first.line = first.column = 1;
  return Error{ErrorCode::kFlowCode,
               "the file does not say what flow it is",
               {"begin it with: export const flow = {slug: \"NAME\"};"}}
      .at(first);
}

}  // namespace

Result<yaml::Document> readCodeFile(std::string_view text) {
  if (!base::isUtf8(text) || text.find('\0') != std::string_view::npos) {
    return Error{ErrorCode::kFlowCode, "the file is no UTF-8 text"};
  }
  BELAY_ASSIGN(const std::size_t from, findFlow(text));
  Literal literal(text, from);
  yaml::Document document;
  BELAY_TRY(literal.value(document.root, document.places));
  BELAY_TRY(literal.ends());
  return document;
}

}  // namespace belay::flow
