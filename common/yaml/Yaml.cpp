#include "common/yaml/Yaml.h"

#include <yaml.h>

#include <algorithm>
#include <array>

#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/yaml/Builder.h"
#include "common/yaml/JsonPlaces.h"

namespace belay::yaml {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) {
    BELAY_CHECK(yaml_parser_initialize(&raw_) == 1);  // Fails only without memory.
    yaml_parser_set_encoding(&raw_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&raw_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Parser() { yaml_parser_delete(&raw_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  yaml_parser_t& raw() { return raw_; }

 private:
  yaml_parser_t raw_;
};

class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&raw_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  yaml_event_t& raw() { return raw_; }

 private:
  yaml_event_t raw_{};
};

Mark markAt(std::string_view text, std::size_t offset) {
  Mark mark{1, 1};
  for (const char c : text.substr(0, std::min(offset, text.size()))) {
    if (c == '\n')
      mark = {mark.line + 1, 1};
    else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)
      ++mark.column;
  }
  return mark;
}

Error failAt(ErrorCode code, Mark mark, const std::string& what, std::string pointer,
             std::vector<std::string> actions) {
  return Error{code,
               "YAML at line " + std::to_string(mark.line) + ", column " +
                   std::to_string(mark.column) + ": " + what,
               std::move(actions)}
      .at({{}, mark.line, mark.column, std::move(pointer)});
}

/// What to do about the problems that people meet most, by a piece of libyaml's wording.
struct Advice {
  std::string_view problem;
  std::string_view action;
};
constexpr std::array<Advice, 6> kAdvice{{
    {"mapping values are not allowed",
     "put text that holds \": \" into quotes, expressions too: \"${{ … }}\""},
    {"did not find expected ',' or",
     "put text that holds { } [ ] or , into quotes, expressions too: \"${{ … }}\""},
    {"did not find expected key", "check that the lines of one object begin at the same column"},
    {"did not find expected '-'", "check that the items of one list begin at the same column"},
    {"could not find expected ':'",
     "write a name as NAME: VALUE, and text of several lines as a block: NAME: |"},
    {"found unexpected end of stream", "close the quotes"},
}};

/// The error that libyaml stopped with, in the words and numbers that people need.
Error syntaxError(std::string_view text, const yaml_parser_t& parser, std::string pointer) {
  std::string problem = parser.problem ? parser.problem : "it cannot be read";
  Mark mark = markOf(parser.problem_mark);
  if (parser.error == YAML_READER_ERROR) mark = markAt(text, parser.problem_offset);
  std::vector<std::string> actions;
  const auto advice = std::find_if(kAdvice.begin(), kAdvice.end(), [&](const Advice& row) {
    return problem.find(row.problem) != std::string::npos;
  });
  if (advice != kAdvice.end()) actions.emplace_back(advice->action);
  if (problem.find("cannot start any token") != std::string::npos) {
    const std::vector<std::string_view> lines = base::split(text, '\n');
    const std::size_t line = parser.problem_mark.line;
    const std::string_view content = line < lines.size() ? lines[line] : std::string_view();
    const std::string_view before = base::trim(content);
    const bool tab =
        content.substr(0, content.find_first_not_of(" \t")).find('\t') != std::string_view::npos ||
        (before.empty() && !content.empty());
    problem = tab ? "a tab cannot indent" : "this character cannot begin a value";
    actions.emplace_back(tab ? "indent with spaces"
                             : "put text that begins with @ ` % or & into quotes");
  }
  if (parser.context && parser.context_mark.line + 1 != static_cast<std::size_t>(mark.line)) {
    problem += std::string(" (") + parser.context + " from line " +
               std::to_string(parser.context_mark.line + 1) + ")";
  }
  return failAt(ErrorCode::kYamlSyntax, mark, problem, std::move(pointer), std::move(actions));
}

/// U+0085, U+2028 and U+2029 end a line for libyaml, which reads by YAML 1.1, and do not in 1.2:
/// the text would change.
Status checkLineBreaks(std::string_view text) {
  for (const std::string_view bad : {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"}) {
    const std::size_t at = text.find(bad);
    if (at == std::string_view::npos) continue;
    return failAt(ErrorCode::kYamlRefused, markAt(text, at), "a line break of Unicode is refused",
                  {}, {"write it as an escape in double quotes: \"\\N\", \"\\L\" or \"\\P\""});
  }
  return {};
}

Status checkText(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytesMax) {
    return Error{ErrorCode::kLimit,
                 "the text is larger than " + base::formatBytes(limits.bytesMax)};
  }
  if (!base::isUtf8(text)) return Error{ErrorCode::kYamlSyntax, "the text is not valid UTF-8"};
  return checkLineBreaks(text);
}

}  // namespace

const Place& Document::placeOf(std::string_view pointer) const {
  const json::Value* value = &root;
  const Place* place = &places;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view token = pointer.substr(0, std::min(pointer.find('/'), pointer.size()));
    pointer.remove_prefix(token.size());
    const json::Value* child = value->at("/" + std::string(token));
    if (!child) break;
    std::size_t index = 0;
    if (value->isArray()) {
      index = static_cast<std::size_t>(child - value->asArray().data());
    } else {
      const json::Object& members = value->asObject();
      while (&members[index].second != child) ++index;
    }
    if (index >= place->children.size()) break;
    value = child;
    place = &place->children[index];
  }
  return *place;
}

Result<Document> parse(std::string_view text, const Limits& limits) {
  BELAY_TRY(checkText(text, limits));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  Parser parser(text);
  Builder builder(limits);
  while (true) {
    Event event;
    if (yaml_parser_parse(&parser.raw(), &event.raw()) != 1) {
      return syntaxError(text, parser.raw(), builder.pointer());
    }
    BELAY_TRY(builder.take(event.raw()));
    if (event.raw().type == YAML_STREAM_END_EVENT) return std::move(builder).result();
  }
}

Result<Document> parseJson(std::string_view text, const Limits& limits) {
  json::ParseLimits jsonLimits;
  jsonLimits.bytesMax = limits.bytesMax;
  jsonLimits.depthMax = limits.depthMax;
  BELAY_ASSIGN(json::Value root, json::parse(text, jsonLimits));
  Document document;
  document.places = jsonPlaces(text, root);
  document.root = std::move(root);
  return document;
}

}  // namespace belay::yaml
