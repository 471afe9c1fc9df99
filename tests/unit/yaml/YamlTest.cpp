// Small texts are parsed and the whole result is compared as JSON. What is refused is compared by
// code, line, column and a piece of the message, as a person would see it.
#include <string>
#include <vector>

#include "common/json/Json.h"
#include "common/yaml/Yaml.h"
#include "tests/support/Sanitized.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::yaml::Document;
using belay::yaml::Limits;
using belay::yaml::Mark;

namespace {

std::string read(const std::string& text) {
  const auto document = belay::yaml::parse(text);
  return document.ok() ? belay::json::print(document->root) : document.error().message;
}

struct Refusal {
  const char* text;
  ErrorCode code;
  int line;
  int column;
  const char* pointer;
  const char* message;
};

std::string describe(ErrorCode code, int line, int column, const std::string& pointer) {
  return std::string(belay::base::errorText(code)) + " " + std::to_string(line) + ":" +
         std::to_string(column) + " " + pointer;
}

/// Empty when the row holds; else what differs.
std::string refusalProblem(const Refusal& row) {
  const auto document = belay::yaml::parse(row.text);
  if (document.ok()) return std::string(row.text) + " was taken\n";
  const belay::base::Error& error = document.error();
  const std::string expected = describe(row.code, row.line, row.column, row.pointer);
  const std::string was =
      describe(error.code, error.place.line, error.place.column, error.place.pointer);
  if (expected == was && error.message.find(row.message) != std::string::npos) return {};
  return std::string(row.text) + "  expected " + expected + " " + row.message + "\n  was      " +
         was + " " + error.message + "\n";
}

void checkMark(int line, int column, const Mark& mark) {
  LONGS_EQUAL(line, mark.line);
  LONGS_EQUAL(column, mark.column);
}

}  // namespace

TEST_GROUP(Yaml){};

TEST(Yaml, plainScalarsAreReadByTheCoreSchema) {
  struct Row {
    const char* plain;
    const char* json;
  };
  const std::vector<Row> rows{{"", "null"},
                              {"~", "null"},
                              {"null", "null"},
                              {"Null", "null"},
                              {"NULL", "null"},
                              {"nULL", "\"nULL\""},
                              {"true", "true"},
                              {"True", "true"},
                              {"TRUE", "true"},
                              {"tRUE", "\"tRUE\""},
                              {"false", "false"},
                              {"False", "false"},
                              {"FALSE", "false"},
                              {"yes", "\"yes\""},
                              {"no", "\"no\""},
                              {"on", "\"on\""},
                              {"off", "\"off\""},
                              {"y", "\"y\""},
                              {"n", "\"n\""},
                              {"Yes", "\"Yes\""},
                              {"NO", "\"NO\""},
                              {"0", "0"},
                              {"-0", "0"},
                              {"7", "7"},
                              {"+7", "7"},
                              {"-7", "-7"},
                              {"012", "12"},
                              {"08", "8"},
                              {"0o14", "12"},
                              {"0o8", "\"0o8\""},
                              {"0xC", "12"},
                              {"0xff", "255"},
                              {"0xg", "\"0xg\""},
                              {"-0xC", "\"-0xC\""},
                              {"0b11", "\"0b11\""},
                              {"1_000", "\"1_000\""},
                              {"1:30", "\"1:30\""},
                              {"190:20:30", "\"190:20:30\""},
                              {"1.5", "1.5"},
                              {"-1.5", "-1.5"},
                              {"+1.5", "1.5"},
                              {".5", "0.5"},
                              {"5.", "5"},
                              {"1e3", "1000"},
                              {"1E-2", "0.01"},
                              {"1.5e+3", "1500"},
                              {".", "\".\""},
                              {"1e", "\"1e\""},
                              {"e1", "\"e1\""},
                              {"1.2.3", "\"1.2.3\""},
                              {"-", "[null]"},
                              {"+", "\"+\""},
                              {"--1", "\"--1\""},
                              {"9007199254740992", "9007199254740992"},
                              {"2026-11-21", "\"2026-11-21\""},
                              {"12e03", "12000"},
                              {"1e-400", "0"},
                              {"=", "\"=\""},
                              {"a b", "\"a b\""},
                              {"NaN", "\"NaN\""},
                              {"inf", "\"inf\""},
                              {"\"12\"", "\"12\""},
                              {"'true'", "\"true\""},
                              {"\"\"", "\"\""},
                              {"''", "\"\""},
                              {"'null'", "\"null\""},
                              {"\"~\"", "\"~\""}};
  for (const Row& row : rows) STRCMP_EQUAL_TEXT(row.json, read(row.plain).c_str(), row.plain);
}

TEST(Yaml, blocksFlowsAndFoldingGiveTheSameValues) {
  STRCMP_EQUAL("{\"a\":1,\"b\":[2,{\"c\":\"x\"}]}", read("a: 1\nb:\n  - 2\n  - c: x\n").c_str());
  STRCMP_EQUAL("{\"a\":1,\"b\":[2,{\"c\":\"x\"}]}", read("{a: 1, b: [2, {c: x}]}").c_str());
  STRCMP_EQUAL("{\"s\":\"one\\ntwo\\n\"}", read("s: |\n  one\n  two\n").c_str());
  STRCMP_EQUAL("{\"s\":\"one\\ntwo\"}", read("s: |-\n  one\n  two\n").c_str());
  STRCMP_EQUAL("{\"s\":\"one two\\n\"}", read("s: >\n  one\n  two\n").c_str());
  STRCMP_EQUAL("{\"s\":\"12\"}", read("s: |-\n  12\n").c_str());
  STRCMP_EQUAL("{\"on\":\"push\",\"no\":\"x\"}", read("on: push\nno: x\n").c_str());
  STRCMP_EQUAL("{\"e\":\"${{ a ? 1 : 2 }}\"}", read("e: \"${{ a ? 1 : 2 }}\"").c_str());
  STRCMP_EQUAL("{\"a\":null}", read("a:\n").c_str());
  STRCMP_EQUAL("{\"\":1}", read("\"\": 1").c_str());
  STRCMP_EQUAL("{\"<<\":1}", read("\"<<\": 1").c_str());
}

TEST(Yaml, anEmptyTextIsNull) {
  STRCMP_EQUAL("null", read("").c_str());
  STRCMP_EQUAL("null", read("# nothing\n").c_str());
  STRCMP_EQUAL("null", read("---\n...\n").c_str());
}

TEST(Yaml, aByteOrderMarkAndTheDirectiveOfVersion12AreReadOver) {
  STRCMP_EQUAL("{\"a\":1}", read("\xEF\xBB\xBF"
                                 "a: 1")
                                .c_str());
  STRCMP_EQUAL("{\"a\":1}", read("%YAML 1.2\n---\na: 1").c_str());
}

TEST(Yaml, escapesAndForeignLettersSurvive) {
  STRCMP_EQUAL("\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"",
               read("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80").c_str());
  STRCMP_EQUAL("\"a\\tb\xE2\x80\xA8\"", read("\"a\\tb\\L\"").c_str());
  STRCMP_EQUAL("\"/\"", read("\"\\/\"").c_str());
}

TEST(Yaml, aliasesAreExpanded) {
  STRCMP_EQUAL("{\"a\":{\"x\":1},\"b\":{\"x\":1}}", read("a: &one {x: 1}\nb: *one\n").c_str());
  STRCMP_EQUAL("{\"a\":\"t\",\"b\":[\"t\",\"t\"]}", read("a: &t t\nb: [*t, *t]\n").c_str());
  STRCMP_EQUAL("[1,1,2,2]", read("[&a 1, *a, &a 2, *a]").c_str());
}

TEST(Yaml, whatIsRefusedSaysWhereAndWhy) {
  const ErrorCode refused = ErrorCode::kYamlRefused;
  const ErrorCode syntax = ErrorCode::kYamlSyntax;
  const std::vector<Refusal> rows{
      {"a: 1\nb: 2\na: 3\n", refused, 3, 1, "/a", "\"a\" stands twice"},
      {"x:\n  \"a\": 1\n  'a': 2\n", refused, 3, 3, "/x/a", "stands twice"},
      {"a: !!str 1\n", refused, 1, 4, "/a", "the tag !!str is refused"},
      {"a: !mine {}\n", refused, 1, 4, "/a", "the tag !mine is refused"},
      {"a: ! x\n", refused, 1, 4, "/a", "the tag ! is refused"},
      {"- !!set {}\n", refused, 1, 3, "/0", "!!set"},
      {"%TAG ! tag:example.org:\n---\na\n", refused, 1, 1, "", "%TAG is refused"},
      {"%YAML 1.1\n---\na\n", refused, 1, 1, "", "asks for 1.1"},
      {"a: &x {b: 1}\nc:\n  <<: *x\n", refused, 3, 3, "/c", "merge key"},
      {"a: 1\n---\nb: 2\n", refused, 2, 1, "", "second document"},
      {"1: a\n", refused, 1, 1, "", "is of type integer; quote it"},
      {"a:\n  true: b\n", refused, 2, 3, "/a", "is of type boolean; quote it"},
      {"~: b\n", refused, 1, 1, "", "is of type null; quote it"},
      {"?\n: b\n", refused, 1, 2, "", "here is none"},
      {"1.5: b\n", refused, 1, 1, "", "is of type number"},
      {"? [a]\n: b\n", refused, 1, 3, "", "here is a list or an object"},
      {"{a: 1}: b\n", refused, 1, 1, "", "here is a list or an object"},
      {"a: &k x\n*k : b\n", refused, 2, 1, "", "an alias cannot be a name"},
      {"&k a: b\n", refused, 1, 1, "", "anchor on a name"},
      {"a: *none\n", refused, 1, 4, "/a", "*none has no anchor"},
      {"a: &a [*a]\n", refused, 1, 8, "/a/0", "*a has no anchor that ends before it"},
      {"a: .inf\n", refused, 1, 4, "/a", "no number that JSON can hold"},
      {"a: -.INF\n", refused, 1, 4, "/a", "no number that JSON can hold"},
      {"a: .nan\n", refused, 1, 4, "/a", "no number that JSON can hold"},
      {"a: 12345678901234567890\n", refused, 1, 4, "/a", "beyond 2^53"},
      {"a: 9007199254740993\n", refused, 1, 4, "/a", "beyond 2^53"},
      {"a: 1e999\n", refused, 1, 4, "/a", "too large"},
      {"a: \"x\\0y\"\n", refused, 1, 4, "/a", "NUL"},
      {"a: b\xC2\x85"
       "c\n",
       refused, 1, 5, "", "line break of Unicode"},
      {"a: \"b\xE2\x80\xA8\"\n", refused, 1, 6, "", "line break of Unicode"},
      {"a: b: c\n", syntax, 1, 5, "", "mapping values are not allowed"},
      {"a:\n\tb: 1\n", syntax, 2, 1, "/a", "a tab cannot indent"},
      {"a: @x\n", syntax, 1, 4, "/a", "this character cannot begin a value"},
      {"a: [1, 2\nb: 3\n", syntax, 2, 2, "/a/2", "did not find expected ',' or ']'"},
      {"a: 'open\n", syntax, 2, 1, "/a", "found unexpected end of stream"},
      {"a: 1\n b: 2\n", syntax, 2, 3, "", "mapping values are not allowed"},
      {"a: {when: ${{ x }}}\n", syntax, 1, 12, "/a", "did not find expected ',' or '}'"},
      {"a: \"\\ud800\"\n", syntax, 1, 7, "/a", "invalid Unicode character"},
      {"a: \x01\n", syntax, 1, 4, "", "control characters are not allowed"},
  };
  std::string problems;
  for (const Refusal& row : rows) problems += refusalProblem(row);
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Yaml, aSyntaxErrorSaysWhatToDo) {
  const auto document = belay::yaml::parse("a: ${{ x ? 'y': 'z' }}\n");
  CHECK(!document.ok());
  LONGS_EQUAL(1, document.error().actions.size());
  CHECK(document.error().actions[0].find("into quotes") != std::string::npos);
}

TEST(Yaml, textThatIsNotUtf8IsRefused) {
  CHECK(!belay::yaml::parse("a: \xFF").ok());
  CHECK(!belay::yaml::parse(std::string("\xFF\xFE"
                                        "a\0",
                                        4))
             .ok());
}

TEST(Yaml, anAnchorBombIsRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int k = 1; k < 10; ++k) bomb += ", " + last;
    bomb += "]\n";
  }
  const auto document = belay::yaml::parse(bomb);
  CHECK(!document.ok());
  CHECK(document.error().code == ErrorCode::kYamlRefused);
  CHECK(document.error().message.find("more than 100000 values") != std::string::npos);
}

TEST(Yaml, aBombOfTextIsRefused) {
  std::string bomb = "a: &a \"" + std::string(100'000, 'x') + "\"\nb: [*a";
  for (int i = 0; i < 1000; ++i) bomb += ", *a";
  const auto document = belay::yaml::parse(bomb + "]\n");
  CHECK(!document.ok());
  CHECK(document.error().message.find("of text after its aliases") != std::string::npos);
}

TEST(Yaml, aliasesDoNotPassTheBoundOfDepth) {
  Limits limits;
  limits.depthMax = 4;
  CHECK(belay::yaml::parse("a: &a [[x]]\nb: *a\n", limits).ok());
  CHECK(belay::yaml::parse("a: &a [[x]]\nb: [*a]\n", limits).ok());
  CHECK(!belay::yaml::parse("a: &a [[x]]\nb: [[*a]]\n", limits).ok());
}

TEST(Yaml, depthSizeAndCountAreBounded) {
  Limits limits;
  limits.depthMax = 3;
  CHECK(belay::yaml::parse("[[[x]]]", limits).ok());
  const auto deep = belay::yaml::parse("[[[[x]]]]", limits);
  CHECK(!deep.ok());
  CHECK(deep.error().code == ErrorCode::kLimit);
  limits = {};
  limits.bytesMax = 3;
  CHECK(belay::yaml::parse("abc", limits).ok());
  CHECK(belay::yaml::parse("abcd", limits).error().code == ErrorCode::kLimit);
  limits = {};
  limits.nodesMax = 3;
  CHECK(belay::yaml::parse("[1, 2]", limits).ok());
  CHECK(!belay::yaml::parse("[1, 2, 3]", limits).ok());
}

TEST(Yaml, placesAreThoseOfValuesAndNames) {
  const auto document =
      belay::yaml::parse("slug: x\nsteps:\n  - id: one\n    run: {command: [a, bc]}\n");
  CHECK(document.ok());
  checkMark(1, 1, document->placeOf("").value);
  checkMark(1, 7, document->placeOf("/slug").value);
  checkMark(1, 1, document->placeOf("/slug").key);
  checkMark(2, 1, document->placeOf("/steps").key);
  checkMark(3, 5, document->placeOf("/steps/0").value);
  checkMark(4, 5, document->placeOf("/steps/0/run").key);
  checkMark(4, 10, document->placeOf("/steps/0/run").value);
  checkMark(4, 24, document->placeOf("/steps/0/run/command/1").value);
  // The nearest value above stands in for what is not there.
  checkMark(4, 10, document->placeOf("/steps/0/run/nothing/there").value);
}

TEST(Yaml, columnsCountCharacters) {
  const auto document = belay::yaml::parse("{\xC3\xA4\xC3\xB6: 1, b: 2}");
  CHECK(document.ok());
  checkMark(1, 9, document->placeOf("/b").key);
}

TEST(Yaml, anAliasStandsWhereItIsWrittenAndItsContentWhereItWasAnchored) {
  const auto document = belay::yaml::parse("a: &x\n  k: v\nb: *x\n");
  CHECK(document.ok());
  checkMark(3, 4, document->placeOf("/b").value);
  checkMark(3, 1, document->placeOf("/b").key);
  checkMark(2, 6, document->placeOf("/b/k").value);
}

TEST(Yaml, namesWithSlashAndTildeAreFound) {
  const auto document = belay::yaml::parse("a/b: 1\nc~d: 2\n");
  CHECK(document.ok());
  checkMark(1, 6, document->placeOf("/a~1b").value);
  checkMark(2, 6, document->placeOf("/c~0d").value);
}

TEST(Yaml, jsonGetsPlacesToo) {
  const auto document = belay::yaml::parseJson(
      "{\n  \"slug\": \"a\\\"b\",\n  \"n\": [ ],\n  \"o\": {},\n  \"l\": [1, {\"\xC3\xA4\": true, "
      "\"k\": null}, -2.5e3]\n}\n");
  CHECK(document.ok());
  checkMark(2, 11, document->placeOf("/slug").value);
  checkMark(2, 3, document->placeOf("/slug").key);
  checkMark(3, 8, document->placeOf("/n").value);
  checkMark(4, 8, document->placeOf("/o").value);
  checkMark(5, 9, document->placeOf("/l/0").value);
  checkMark(5, 12, document->placeOf("/l/1").value);
  checkMark(5, 24, document->placeOf("/l/1/k").key);
  checkMark(5, 29, document->placeOf("/l/1/k").value);
  checkMark(5, 36, document->placeOf("/l/2").value);
}

TEST(Yaml, jsonIsReadStrictly) {
  CHECK(!belay::yaml::parseJson("{a: 1}").ok());
  CHECK(!belay::yaml::parseJson("{\"a\": 1, \"a\": 2}").ok());
  CHECK(!belay::yaml::parseJson("{\"a\": 1,}").ok());
}

TEST(Yaml, hostileTextsEndSoon) {
  std::vector<std::string> texts;
  for (const char* piece :
       {"[",           "{",       "- ",      "? ",      "a: ",    "&a ",
        "*a ",         "!a ",     "\"",      "'",       "|\n",    "#",
        ",",           "{a: [",   "- - ? ",  "\n\n",    " \n",    "a\n",
        "? a\n",       "[a, ",    "{? a : ", "\t",      "--- ",   "...\n",
        "%YAML 1.2\n", "a: |\n ", "[[],",    "\"\\x41", ">-\n\n", "- &a a\n- *a\n"}) {
    std::string text;
    while (text.size() < (256u << 10)) text += piece;
    texts.push_back(text);
    texts.push_back("a: " + text);
    texts.push_back("[" + text);
  }
  for (const std::string& text : texts) {
    const belay::test::CpuTime used;
    static_cast<void>(belay::yaml::parse(text));
    CHECK_TEXT(used.seconds() < 2, text.substr(0, 40).c_str());
  }
}
