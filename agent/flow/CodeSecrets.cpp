#include "agent/flow/CodeSecrets.h"

#include <algorithm>
#include <cstddef>

namespace belay::flow {

namespace {

constexpr std::string_view kKey = "secret";
constexpr std::string_view kQuotes = "\"'`";
constexpr std::string_view kSpaces = " \t\r\n";

bool isQuote(char c) { return kQuotes.find(c) != std::string_view::npos; }

bool isOfWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$';
}

void skipSpaces(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kSpaces), rest.size()));
}

/// Whether `rest` begins with `name` in quotes.
bool beginsWithText(std::string_view rest, std::string_view name) {
  return rest.size() >= name.size() + 2 && isQuote(rest[0]) && rest.substr(1).starts_with(name) &&
         rest[name.size() + 1] == rest[0];
}

bool hasText(std::string_view source, std::string_view name) {
  for (std::size_t at = source.find(name); at != std::string_view::npos;
       at = source.find(name, at + 1)) {
    if (at > 0 && beginsWithText(source.substr(at - 1), name)) return true;
  }
  return false;
}

/// What stands behind `secret` and its colon; nothing where it is no key of an object. A name alone
/// (`{secret}`) is its own value.
bool valueBehindKey(std::string_view rest, std::string_view& value) {
  if (!rest.empty() && isQuote(rest[0])) rest.remove_prefix(1);
  skipSpaces(rest);
  const bool alone = !rest.empty() && (rest[0] == ',' || rest[0] == '}');
  if (!alone && !rest.starts_with(':')) return false;
  if (!alone) rest.remove_prefix(1);
  skipSpaces(rest);
  value = rest;
  return true;
}

}  // namespace

bool codeNamesSecret(std::string_view source, std::string_view name) {
  bool computed = false;
  for (std::size_t at = source.find(kKey); at != std::string_view::npos;
       at = source.find(kKey, at + kKey.size())) {
    const std::string_view rest = source.substr(at + kKey.size());
    std::string_view value;
    if (at > 0 && isOfWord(source[at - 1])) continue;
    if (!rest.empty() && isOfWord(rest[0])) continue;
    if (!valueBehindKey(rest, value)) {
      computed = true;  // `x.secret =`, `["secret"]:`: what it gets may be any text of the code.
      continue;
    }
    if (beginsWithText(value, name)) return true;
    computed = computed || value.empty() || !isQuote(value[0]) || value[0] == '`';
  }
  return computed && hasText(source, name);
}

}  // namespace belay::flow
