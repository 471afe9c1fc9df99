#include "agent/journal/ScrubText.h"

#include <algorithm>
#include <string_view>

#include "common/json/Json.h"

namespace belay::journal {

namespace {

constexpr std::string_view kOfNumber = "0123456789+-.eE";

bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// Between `from` and `until` stands a number of `before`.
void keepNumber(std::string_view before, std::string& text, std::size_t from, std::size_t until) {
  while (from < until && text[from] == before[from]) ++from;
  std::size_t end = until;
  while (end > from && text[end - 1] == before[end - 1]) --end;
  for (std::size_t at = from; at < end; ++at) text[at] = isDigit(before[at]) ? '0' : before[at];
}

void keepNumbers(std::string_view before, std::string& text) {
  bool inText = false;
  for (std::size_t at = 0; at < before.size(); ++at) {
    const char c = before[at];
    if (c == '"') inText = !inText;
    if (inText && c == '\\') ++at;
    if (inText || (c != '-' && !isDigit(c))) continue;
    const std::size_t end = std::min(before.find_first_not_of(kOfNumber, at), before.size());
    keepNumber(before, text, at, end);
    const std::size_t first = c == '-' ? at + 1 : at;
    if (text[first] == '0' && first + 1 < end && isDigit(text[first + 1])) text[first] = '1';
    at = end - 1;
  }
}

}  // namespace

ScrubbedText scrubText(const redaction::Redactor& values, std::string& text) {
  ScrubbedText done;
  if (!values.contains(text)) return done;
  const std::string before = text;
  done.found = values.overwrite({text.data(), text.size()}, text.size());
  if (!json::check(before).ok() || json::check(text).ok()) return done;
  keepNumbers(before, text);
  done.readable = json::check(text).ok();
  return done;
}

}  // namespace belay::journal
