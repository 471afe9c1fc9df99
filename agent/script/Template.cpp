#include "agent/script/Template.h"

#include <utility>

#include "agent/script/Scanner.h"
#include "common/base/Text.h"

namespace belay::script {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::string_view kOpen = "${{";

Error placed(Error error, std::string_view text, std::size_t offset) {
  return std::move(error).at(placeOf(text, offset));
}

}  // namespace

base::SourcePlace placeOf(std::string_view text, std::size_t offset) {
  base::SourcePlace place;
  place.line = 1;
  place.column = 1;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

Result<Template> Template::parse(std::string_view text) {
  Template result;
  TemplatePart literal;
  std::size_t at = 0;
  const auto flush = [&] {
    if (!literal.text.empty()) result.parts_.push_back(std::move(literal));
    literal = {};
  };
  while (at < text.size()) {
    const std::size_t open = text.find(kOpen, at);
    if (literal.text.empty()) literal.offset = at;
    if (open == std::string_view::npos) {
      literal.text += text.substr(at);
      break;
    }
    literal.text += text.substr(at, open - at);
    if (open > at && text[open - 1] == '$') {
      literal.text.pop_back();
      literal.text += kOpen;
      at = open + kOpen.size();
      continue;
    }
    flush();
    std::size_t errorOffset = 0;
    auto end = findExpressionEnd(text, open + kOpen.size(), errorOffset);
    if (!end.ok()) return placed(std::move(end).error(), text, errorOffset);
    const std::string_view inner = text.substr(open + kOpen.size(), *end - open - kOpen.size());
    const std::string_view expression = base::trim(inner);
    if (expression.empty()) {
      return placed(Error{ErrorCode::kFlowExpressionSyntax, "an expression is empty"}, text, open);
    }
    result.parts_.push_back(
        {true, std::string(expression), static_cast<std::size_t>(expression.data() - text.data())});
    at = *end + 2;
  }
  flush();
  return result;
}

const std::string* Template::literal() const {
  if (parts_.empty()) return &empty_;
  return parts_.size() == 1 && !parts_.front().isExpression ? &parts_.front().text : nullptr;
}

const TemplatePart* Template::sole() const {
  return parts_.size() == 1 && parts_.front().isExpression ? &parts_.front() : nullptr;
}

}  // namespace belay::script
