#include "agent/authoring/DaguReader.h"

#include <algorithm>
#include <cctype>

#include "common/base/Ids.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::authoring {

using flow::Node;
using json::Value;

namespace {

bool isNameChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool isName(std::string_view text) {
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) == 0 &&
         std::all_of(text.begin(), text.end(), isNameChar);
}

/// A variable in a text: "$NAME", "${NAME}", "${{ params.NAME }}".
struct Reference {
  std::size_t from = 0, end = 0;
  std::string name;     ///< Empty: not a plain name.
  bool braced = false;  ///< Of the form ${{ … }}.
};

std::optional<Reference> nextReference(std::string_view text, std::size_t from) {
  for (std::size_t at = from; (at = text.find('$', at)) != std::string_view::npos; ++at) {
    Reference out{at, at, "", text.substr(at).starts_with("${{")};
    const bool curly = text.substr(at).starts_with("${");
    if (curly) {
      const std::size_t close = text.find(out.braced ? "}}" : "}", at);
      if (close == std::string_view::npos) return std::nullopt;
      out.end = close + (out.braced ? 2 : 1);
      const std::size_t begin = at + (out.braced ? 3 : 2);
      std::string_view inner = base::trim(text.substr(begin, close - begin));
      for (const std::string_view scope : {"params.", "env.", "consts."}) {
        if (inner.starts_with(scope)) inner.remove_prefix(scope.size());
      }
      if (isName(inner)) out.name = inner;
      return out;
    }
    std::size_t end = at + 1;
    while (end < text.size() && isNameChar(text[end])) ++end;
    const std::string_view name = text.substr(at + 1, end - at - 1);
    if (!isName(name)) continue;
    out.end = end;
    out.name = name;
    return out;
  }
  return std::nullopt;
}

}  // namespace

std::string snakeName(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !out.empty()) out += '_';
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::optional<std::string> scalarText(const Value& value) {
  if (value.isString()) return value.asString();
  if (value.isNumber() || value.isBool()) return json::print(value);
  return std::nullopt;
}

std::vector<std::string> listTexts(const Value& value) {
  std::vector<std::string> out;
  if (value.isArray()) {
    for (const Value& item : value.asArray()) {
      if (auto text = scalarText(item)) out.push_back(std::move(*text));
    }
  } else if (const auto text = scalarText(value)) {
    for (const std::string_view word : base::split(*text, ' ')) {
      if (!word.empty()) out.emplace_back(word);
    }
  }
  return out;
}

std::optional<std::int64_t> wholeNumber(const Value& value) {
  if (value.isInteger()) return value.asInteger();
  const auto parsed = value.isString() ? base::parseUnsigned(value.asString()) : std::nullopt;
  if (!parsed || *parsed > 1'000'000'000) return std::nullopt;
  return static_cast<std::int64_t>(*parsed);
}

std::string identifierFrom(std::string_view name) {
  std::string out;
  for (const char c : base::toLower(name)) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (good && (!out.empty() || (c != '_' && c != '-')))
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  out.resize(std::min<std::size_t>(out.size(), 48));
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "step" : out;
}

std::string scriptText(std::string_view text) { return json::print(Value(text)); }

std::string memberOf(std::string_view object, std::string_view name) {
  return std::string(object) +
         (isName(name) ? "." + std::string(name) : "[" + scriptText(name) + "]");
}

std::string inBackticks(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '`' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out;
}

std::string templateText(std::string text) {
  for (std::size_t at = 0; (at = text.find("${{", at)) != std::string::npos;)
    text.replace(at, 3, "${");
  for (std::size_t at = 0; (at = text.find("}}", at)) != std::string::npos;)
    text.replace(at, 2, "}");
  return "`" + text + "`";
}

void ImportNotes::add(ImportNote::Kind kind, const Node& node, std::string message) {
  const bool member = !node.name.empty();
  notes_.push_back(
      {kind, member ? node.place.key : node.place.value, node.pointer(), std::move(message)});
}

void ImportNotes::dropped(const Node& node, std::string message) {
  add(ImportNote::Kind::kDropped, node, std::move(message));
}

void ImportNotes::changed(const Node& node, std::string message) {
  add(ImportNote::Kind::kChanged, node, std::move(message));
}

std::vector<ImportNote> ImportNotes::take() && {
  std::stable_sort(notes_.begin(), notes_.end(), [](const ImportNote& a, const ImportNote& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
  const auto same = [](const ImportNote& a, const ImportNote& b) {
    return a.pointer == b.pointer && a.message == b.message;
  };
  notes_.erase(std::unique(notes_.begin(), notes_.end(), same), notes_.end());
  return std::move(notes_);
}

std::optional<std::string> DaguVariables::itemPart(std::string_view reference) const {
  constexpr std::string_view kItem = "ITEM";
  if (!inItem_) return std::nullopt;
  reference.remove_prefix(reference.starts_with("${") ? 2 : 1);
  if (reference.ends_with('}')) reference.remove_suffix(1);
  if (reference == kItem)
    return "${{ typeof item === 'object' ? JSON.stringify(item) : String(item) }}";
  if (!reference.starts_with("ITEM.")) return std::nullopt;
  const std::string_view field = reference.substr(kItem.size() + 1);
  if (field.empty() || field.find('.') != std::string_view::npos) return std::nullopt;
  return "${{ String(" + memberOf("item", field) + ") }}";
}

std::string DaguVariables::expand(const Node& node, std::string_view text) const {
  std::string out;
  std::size_t at = 0;
  while (const auto found = nextReference(text, at)) {
    out += text.substr(at, found->from - at);
    const std::string_view whole = text.substr(found->from, found->end - found->from);
    const auto value = values_.find(found->name);
    if (const auto item = itemPart(whole)) {
      out += *item;
    } else if (value != values_.end()) {
      out += value->second;
    } else {
      notes_.changed(node,
                     base::visible(whole) + " is nothing that this DAG sets: it stays as text");
      out += (found->braced ? "$" : "") + std::string(whole);
    }
    at = found->end;
  }
  if (text.find('`') != std::string_view::npos)
    notes_.changed(node, "commands in `…` are not run here: the text stays as it is");
  return out + std::string(text.substr(at));
}

std::string DaguVariables::forShell(const Node& node, std::string_view text) const {
  std::string out;
  std::size_t at = 0;
  while (const auto found = nextReference(text, at)) {
    out += text.substr(at, found->from - at);
    const std::string whole(text.substr(found->from, found->end - found->from));
    out += found->braced && !found->name.empty() ? "${" + found->name + "}" : whole;
    const bool positional = whole.size() > 2 && std::isdigit(static_cast<unsigned char>(whole[2]));
    const bool dotted = found->name.empty() && whole.find('.') != std::string::npos;
    if (dotted || positional || (found->braced && found->name.empty())) {
      notes_.dropped(node, base::visible(whole) +
                               " is a reference that a shell does not know: pass the value by env");
    }
    at = found->end;
  }
  return out + std::string(text.substr(at));
}

Value DaguVariables::environment(std::string_view text,
                                 const std::map<std::string, std::string>& own) const {
  Value out{json::Object{}};
  for (const std::string& name : everywhere_) out.set(name, values_.at(name));
  for (std::size_t at = 0; const auto found = nextReference(text, at);) {
    const auto value = values_.find(found->name);
    if (value != values_.end()) out.set(found->name, value->second);
    at = found->end;
  }
  for (const auto& [name, value] : own) out.set(name, value);
  return out;
}

namespace {

/// The words of a line. Within "…" and `…` a space is a part of its word.
std::vector<std::string> quotedWords(std::string_view text) {
  std::vector<std::string> out(1);
  char quote = '\0';
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && quote == '"' && at + 1 < text.size()) {
      out.back() += {c, text[++at]};
      continue;
    }
    if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n')) {
      if (!out.back().empty()) out.emplace_back();
      continue;
    }
    if (quote == '\0' && (c == '"' || c == '`'))
      quote = c;
    else if (c == quote)
      quote = '\0';
    out.back() += c;
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

/// A text without the double quotes around it.
std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  text = text.substr(1, text.size() - 2);
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escapes =
        text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\');
    out += text[escapes ? ++at : at];
  }
  return out;
}

}  // namespace

std::vector<DaguPair> pairsOf(const Node& node, ImportNotes& notes) {
  std::vector<DaguPair> out;
  const auto member = [&](const Node& one) {
    if (const auto text = scalarText(one.value))
      out.push_back({std::string(one.name), *text});
    else
      notes.dropped(one, std::string(one.name) + " is no text");
  };
  // NAME=value, NAME="a value", "NAME=a value"
  const auto pair = [&](const Node& one, const std::string& text) {
    const std::string word = unquoted(text);
    const std::size_t split = word.find('=');
    const std::string name = word.substr(0, split);
    if (split != std::string::npos && isName(name))
      out.push_back({name, unquoted(word.substr(split + 1))});
    else
      notes.dropped(one, "the positional value " + base::visible(word) + " has no name");
  };
  const auto words = [&](const Node& one, const std::string& text) {
    for (const std::string& word : quotedWords(text)) pair(one, word);
  };
  if (node.value.isObject()) {
    for (std::size_t i = 0; i < node.size(); ++i) member(node.child(i));
  } else if (node.value.isArray()) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      const Node item = node.child(i);
      if (item.value.isObject()) {
        for (std::size_t k = 0; k < item.size(); ++k) member(item.child(k));
      } else if (item.value.isString()) {
        pair(item, item.value.asString());
      } else {
        notes.dropped(item, "an item that is no text");
      }
    }
  } else if (const auto text = scalarText(node.value)) {
    words(node, *text);
  }
  return out;
}

}  // namespace belay::authoring
