#include "agent/steps/SearchQuery.h"

#include <algorithm>

#include "common/base/Text.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::size_t kTermsMost = 50;

Error wrong(const std::string& why) { return Error{ErrorCode::kSearchQuery, "query: " + why}; }

bool isWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z');
}

}  // namespace

Result<SearchQuery> SearchQuery::parse(std::string_view text) {
  SearchQuery out;
  bool joins = false;  // OR stood before.
  std::size_t terms = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) <= ' ') {
      ++at;
      continue;
    }
    const bool negative = text[at] == '-' && at + 1 < text.size() && text[at + 1] > ' ';
    if (negative) ++at;
    Term term;
    if (text[at] == '"') {
      const std::size_t end = text.find('"', at + 1);
      if (end == std::string_view::npos) return wrong("a quotation mark has no partner");
      term.words = text.substr(at + 1, end - at - 1);
      at = end + 1;
    } else {
      std::size_t end = at;
      while (end < text.size() && static_cast<unsigned char>(text[end]) > ' ' && text[end] != '"')
        ++end;
      term.words = text.substr(at, end - at);
      at = end;
      if (term.words == "OR" && !negative) {
        if (joins || out.all_.empty()) return wrong("OR stands between two words");
        joins = true;
        continue;
      }
    }
    term.prefix = term.words.ends_with('*');
    while (term.words.ends_with('*')) term.words.pop_back();
    // What holds no letter and no digit is in no index.
    if (std::none_of(term.words.begin(), term.words.end(), isWordByte)) continue;
    if (++terms > kTermsMost) return wrong("it has more than 50 words");
    if (negative)
      out.none_.push_back(std::move(term));
    else if (joins)
      out.all_.back().push_back(std::move(term));
    else
      out.all_.push_back({std::move(term)});
    joins = false;
  }
  if (joins) return wrong("OR stands between two words");
  if (out.all_.empty()) return wrong("there is no word to look for");
  return out;
}

std::string SearchQuery::quoted(const Term& term) {
  // Within quotation marks FTS5 knows no operators; those of the term itself are never part of it.
  std::string words;
  for (const char c : term.words) words += c == '"' || c == '\0' ? ' ' : c;
  return "\"" + words + "\"" + (term.prefix ? " *" : "");
}

std::string SearchQuery::anyOf(const std::vector<Term>& terms) {
  std::string out;
  for (const Term& term : terms) out += (out.empty() ? "(" : " OR ") + quoted(term);
  return out + ")";
}

std::string SearchQuery::fts(std::string_view slug) const {
  std::string words;
  for (const auto& group : all_) words += (words.empty() ? "" : " AND ") + anyOf(group);
  std::string out = "({name body} : (" + words + "))";
  if (!none_.empty()) out = "(" + out + " NOT {name body} : " + anyOf(none_) + ")";
  if (!slug.empty()) out = "(slug : \"" + std::string(slug) + "\") AND " + out;
  return out;
}

bool SearchQuery::matches(std::string_view text) const {
  const std::string lower = base::toLower(text);
  const auto has = [&](const Term& term) {
    return lower.find(base::toLower(term.words)) != std::string::npos;
  };
  return std::all_of(all_.begin(), all_.end(),
                     [&](const auto& group) {
                       return std::any_of(group.begin(), group.end(), has);
                     }) &&
         std::none_of(none_.begin(), none_.end(), has);
}

}  // namespace belay::steps
