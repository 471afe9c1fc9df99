// What can be wrong with JSON, with a pattern and with a schema: for each rule a text that breaks
// it, all that is then said, and a text beside it that is taken. tests/style holds the tables
// against the sources, so that no message is left out.

#include <string>
#include <vector>

#include "common/json/Json.h"
#include "common/json/Pattern.h"
#include "common/json/Schema.h"

#include <CppUTest/TestHarness.h>

using belay::json::Pattern;
using belay::json::Schema;

namespace {

struct Row {
  std::string bad;
  std::string said;
  std::string good;
};

std::string times(std::size_t count, const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string saidOfJson(const std::string& text) {
  const auto checked = belay::json::check(text);
  return checked.ok() ? "" : checked.error().message;
}

std::string saidOfPattern(const std::string& text) {
  const auto compiled = Pattern::compile(text);
  return compiled.ok() ? "" : compiled.error().message;
}

std::string saidOfSchema(const std::string& text) {
  const auto parsed = belay::json::parse(text, {.bytesMax = 1u << 20, .depthMax = 300});
  CHECK_TEXT(parsed.ok(), text.c_str());
  const auto problems = Schema::problemsOf(*parsed);
  return problems.empty() ? "" : problems[0].pointer + ": " + problems[0].message;
}

void check(const std::vector<Row>& rows, std::string (*said)(const std::string&)) {
  for (const Row& row : rows) {
    STRCMP_EQUAL_TEXT(row.said.c_str(), said(row.bad).c_str(), row.bad.substr(0, 80).c_str());
    STRCMP_EQUAL_TEXT("", said(row.good).c_str(), row.good.substr(0, 80).c_str());
  }
}

}  // namespace

TEST_GROUP(Mistakes){};

TEST(Mistakes, ofJson) {
  check(
      {
          {"1 2", "JSON at line 1, column 3: unexpected text after the value", "1 "},
          {times(130, "[") + times(130, "]"), "JSON nests deeper than 128",
           times(129, "[") + times(129, "]")},
          {"[\n nul]", "JSON at line 2, column 2: expected a value", "[\n null]"},
          {"[tru]", "JSON at line 1, column 2: expected a value", "[true]"},
          {"[falsch]", "JSON at line 1, column 2: expected a value", "[false]"},
          {"[.5]", "JSON at line 1, column 2: expected a value", "[0.5]"},
          {"1.", "JSON at line 1, column 3: unexpected end", "1.0"},
          {"1e+", "JSON at line 1, column 4: unexpected end", "1e+1"},
          {"", "JSON at line 1, column 1: unexpected end", "0"},
          {"-01", "JSON at line 1, column 3: a number must not begin with 0", "-0.1"},
          {"1" + times(63, "0"), "JSON at line 1, column 65: a number has at most 63 characters",
           "1" + times(62, "0")},
          {"1e309", "JSON at line 1, column 6: the number is too large", "1e308"},
          {R"("\u12)", R"(JSON at line 1, column 4: unfinished \u escape)", R"("\u12ab")"},
          {R"("\u12g4")", R"(JSON at line 1, column 4: \u needs four hexadecimal digits)",
           R"("\u12f4")"},
          {R"("\x41")", "JSON at line 1, column 4: unknown escape in a string", R"("\u0041")"},
          {R"("\u0000")", "JSON at line 1, column 8: the NUL character is refused", R"("\u0001")"},
          {R"("\ude00")", "JSON at line 1, column 8: lone surrogate", R"("\ud83d\ude00")"},
          {R"("\ud83d")", "JSON at line 1, column 8: lone surrogate", R"("\ud83d\ude00")"},
          {R"("\ud83d\ud83d")", "JSON at line 1, column 14: lone surrogate", R"("\ud83d\ude00")"},
          {"\"a", "JSON at line 1, column 3: unfinished string", "\"a\""},
          {"{a: 1}", "JSON at line 1, column 2: expected a string", "{\"a\": 1}"},
          {"\"\t\"",
           "JSON at line 1, column 2: control character in a string; write it as an escape",
           R"("\t")"},
          {"[1 2]", "JSON at line 1, column 4: expected , or ] in an array", "[1, 2]"},
          {R"({"a": 1, "\u0061": 2})",
           "JSON at line 1, column 18: the name stands twice in the object", R"({"a": 1, "A": 2})"},
          {R"({"a" 1})", "JSON at line 1, column 6: expected : after a name", R"({"a": 1})"},
          {R"({"a": 1 "b": 2})", "JSON at line 1, column 9: expected , or } in an object",
           R"({"a": 1, "b": 2})"},
          {"\"\xff\"", "JSON is not valid UTF-8", "\"\xc3\xa4\""},
      },
      &saidOfJson);
  const auto large = belay::json::parse("[1,2]", {.bytesMax = 4, .depthMax = 9});
  STRCMP_EQUAL("JSON is larger than 4 bytes", large.error().message.c_str());
}

TEST(Mistakes, ofPatterns) {
  check(
      {
          {times(4097, "a"), "the pattern is longer than 4096 bytes", times(3000, "a")},
          {"a)", "the pattern has an unmatched ) at character 2", "(a)"},
          {times(102, "(") + times(102, ")"),
           "the pattern has groups nested too deep at character 102",
           times(100, "(") + times(100, ")")},
          {"(a{1000}){1000}", "the pattern is too large: its repetitions multiply", "(a{10}){10}"},
          {times(4001, "a"), "the pattern is too large: its repetitions multiply",
           times(3999, "a")},
          {"a|*", "the pattern has a repetition of nothing at character 3", "a|b*"},
          {"a]", "the pattern has an unescaped ] at character 2", R"(a\])"},
          {"{2}", "the pattern has an unescaped { at character 1", R"(\{2\})"},
          {"(?=a)",
           "the pattern has a group of a kind that is not supported, only (…) and (?:…) are, at "
           "character 3",
           "(?:a)"},
          {"(a", "the pattern has a missing ) at character 3", "(a)"},
          {"[a", "the pattern has a missing ] at character 3", "[a]"},
          {R"(a\)", "the pattern has a backslash at its end at character 3", R"(a\\)"},
          {R"(\u{110)", R"(the pattern has an unfinished \u{…} at character 4)", R"(\u{110})"},
          {R"(\pL)", R"(the pattern has the escape \p, which is not supported, at character 2)",
           R"(\w)"},
          {R"(\x4g)", "the pattern has a wrong hexadecimal digit at character 4", R"(\x4f)"},
          {R"(\u{110000})", "the pattern has a character beyond U+10FFFF at character 10",
           R"(\u{10ffff})"},
          {R"((a)\1)", "the pattern has a back reference, which is not supported, at character 5",
           R"((a)\d)"},
          {"[z-a]", "the pattern has a range that runs backwards at character 5", "[a-z]"},
          {"a**", "the pattern has a repetition of a repetition at character 3", "(a*)*"},
          {"a{x}", "the pattern has a { without a number behind it at character 3", "a{2}"},
          {"a{1001}", "the pattern has a repetition of more than 1000 at character 7", "a{1000}"},
          {"a{2", "the pattern has a missing } at character 4", "a{2}"},
          {"a{3,2}",
           "the pattern has a repetition whose bounds are the wrong way round at character 7",
           "a{2,3}"},
      },
      &saidOfPattern);
}

TEST(Mistakes, ofSchemas) {
  const auto within = [](std::size_t depth) {
    return times(depth, R"({"not":)") + "{}" + times(depth, "}");
  };
  const auto many = [](std::size_t count) {
    return R"({"anyOf":[{})" + times(count - 1, ",{}") + "]}";
  };
  check(
      {
          {many(10'000), "/anyOf/9999: is one schema too many: at most 10000 within one another",
           many(9'999)},
          {within(129), times(129, "/not") + ": is nested deeper than 128", within(128)},
          {R"({"not":1})", "/not: must be a schema: an object, true or false", R"({"not":{}})"},
          {R"({"$schema":"http://json-schema.org/draft-07/schema#"})",
           "/$schema: must be \"https://json-schema.org/draft/2020-12/schema\"; other drafts read "
           "some keywords differently",
           R"({"$schema":"https://json-schema.org/draft/2020-12/schema"})"},
          {R"({"definitions":{}})", "/definitions: is a keyword that is not supported; use $defs",
           R"({"$defs":{}})"},
          {R"({"then":{}})", ": has then or else without if", R"({"if":{},"then":{}})"},
          {R"({"minItems":2,"maxItems":1})", ": minItems is larger than maxItems",
           R"({"minItems":1,"maxItems":1})"},
          {R"({"type":"strng"})",
           "/type: must be one of null, boolean, integer, number, string, array, object; did you "
           "mean \"string\"?",
           R"({"type":"string"})"},
          {R"({"type":[]})", "/type: must name at least one type", R"({"type":["null"]})"},
          {R"({"enum":[]})", "/enum: must be a list of at least one value", R"({"enum":[1]})"},
          {R"({"properties":[]})", "/properties: must be an object of schemas",
           R"({"properties":{}})"},
          {R"({"required":"a"})", "/required: must be a list of names", R"({"required":["a"]})"},
          {R"({"dependentRequired":[]})", "/dependentRequired: must be an object of lists of names",
           R"({"dependentRequired":{"a":["b"]}})"},
          {R"({"items":[{}]})",
           "/items: must be one schema; for a list of schemas by position use prefixItems",
           R"({"items":{}})"},
          {R"({"uniqueItems":1})", "/uniqueItems: must be true or false",
           R"({"uniqueItems":true})"},
          {R"({"pattern":1})", "/pattern: must be text", R"({"pattern":"1"})"},
          {R"x({"pattern":"("})x",
           "/pattern: is refused: the pattern has a missing ) at character 2",
           R"x({"pattern":"()"})x"},
          {R"({"format":"dat"})",
           "/format: is a format that is not checked here; did you mean \"date\"?",
           R"({"format":"date"})"},
          {R"({"minimum":"1"})", "/minimum: must be a number", R"({"minimum":1.5})"},
          {R"({"minItems":1.5})", "/minItems: must be a whole number from 0", R"({"minItems":1})"},
          {R"({"oneOf":[]})", "/oneOf: must be a list of at least one schema", R"({"oneOf":[{}]})"},
          {R"({"multipleOf":0})", "/multipleOf: must be a number above 0", R"({"multipleOf":2})"},
          {R"({"$ref":"other.json#/a"})",
           "/$ref: must begin with #: only references into the same document are followed, like "
           "\"#/$defs/NAME\"",
           R"({"$ref":"#/$defs/a","$defs":{"a":{}}})"},
      },
      &saidOfSchema);
}
