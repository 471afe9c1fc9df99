// Takes texts apart and compares the parts. The scanner must find the end of each expression as
// JavaScript would, so the cases are the places where `}}` stands and does not end it.

#include <string>
#include <vector>

#include "agent/script/Template.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::script::Template;
using belay::script::TemplatePart;

namespace {

// "lit|{expr}|lit": expressions in braces.
std::string shape(const std::string& text) {
  const auto parsed = Template::parse(text);
  if (!parsed.ok()) {
    const auto& error = parsed.error();
    CHECK_TRUE(error.code == ErrorCode::kFlowExpressionSyntax);
    return "error " + std::to_string(error.place.line) + ":" + std::to_string(error.place.column);
  }
  std::string result;
  for (const TemplatePart& part : parsed->parts()) {
    if (!result.empty()) result += "|";
    result += part.isExpression ? "{" + part.text + "}" : part.text;
  }
  return result;
}

void expectSole(const std::string& expression) {
  STRCMP_EQUAL(("{" + expression + "}").c_str(), shape("${{ " + expression + " }}").c_str());
  STRCMP_EQUAL(("a|{" + expression + "}|b}}").c_str(),
               shape("a${{" + expression + "}}b}}").c_str());
}

}  // namespace

TEST_GROUP(Template){};

TEST(Template, keepsTextWithoutExpressions) {
  STRCMP_EQUAL("", shape("").c_str());
  STRCMP_EQUAL("a { } }} ${ $ {{ b", shape("a { } }} ${ $ {{ b").c_str());
}

TEST(Template, separatesTextAndExpressions) {
  STRCMP_EQUAL("Hello |{input.name}|, run |{run.id}|!",
               shape("Hello ${{ input.name }}, run ${{run.id}}!").c_str());
  STRCMP_EQUAL("{a}|{b}", shape("${{a}}${{b}}").c_str());
}

TEST(Template, unescapesADoubledDollar) {
  STRCMP_EQUAL("${{ a }}", shape("$${{ a }}").c_str());
  STRCMP_EQUAL("x$${{|{b}", shape("x$$${{${{b}}").c_str());
  STRCMP_EQUAL("{a}|${{ b", shape("${{a}}$${{ b").c_str());
}

TEST(Template, endsAnExpressionOnlyWhereJavaScriptEndsIt) {
  for (const char* expression : {"{a: {b: 1}}",
                                 "{a:{b:{c:{}}}}",
                                 "'}}'",
                                 "\"}}\"",
                                 "'\\'}}'",
                                 "`}}`",
                                 "`${'}}'}`",
                                 "`a${ {b: `}}${1}`} }c`",
                                 "/}}/.test(a)",
                                 "/[/}}]/.test(a)",
                                 "a /* }} */ + b",
                                 "[{a: 1}, {b: {}}]",
                                 "f({a: {}})",
                                 "(() => { return {a: {}}; })()",
                                 "a ? {b: {}} : {c: {}}",
                                 "x.replace(/\\}}/g, '{{')",
                                 "a / b / c",
                                 "a++ / b",
                                 "1 / 2",
                                 "(a) / 2 + '}}'",
                                 "typeof /}}/",
                                 "a?.5:1",
                                 "a?.b",
                                 "{'}}': `}}`}",
                                 "\"\\\"}}\\\\\"",
                                 "`\\`}}`"}) {
    expectSole(expression);
  }
  STRCMP_EQUAL("{{a:{b:1}}}", shape("${{{a:{b:1}}}}").c_str());
}

TEST(Template, lineCommentsRunToTheEndOfTheLine) {
  STRCMP_EQUAL("{1 // }}}", shape("${{ 1 // }}\n }}").c_str());
  STRCMP_EQUAL("error 1:4", shape("${{ 1 // }}").c_str());
}

TEST(Template, saysWhereAnExpressionIsBroken) {
  STRCMP_EQUAL("error 1:4", shape("${{ a").c_str());
  STRCMP_EQUAL("error 2:10", shape("a\nbcd${{ a }").c_str());
  STRCMP_EQUAL("error 1:5", shape("${{ 'a }}").c_str());
  STRCMP_EQUAL("error 1:5", shape("${{ `a }}").c_str());
  STRCMP_EQUAL("error 1:5", shape("${{ (a }}").c_str());
  STRCMP_EQUAL("error 1:6", shape("${{ a) }}").c_str());
  STRCMP_EQUAL("error 1:7", shape("${{ a /* }}").c_str());
  STRCMP_EQUAL("error 1:3", shape("ab${{ }}").c_str());
  STRCMP_EQUAL("error 1:1", shape("${{}}").c_str());
  STRCMP_EQUAL("error 1:6", shape("äö${{ ").c_str());
}

TEST(Template, knowsTheOffsetsOfItsParts) {
  const std::string text = "ab${{  x.y }}c";
  const auto parsed = Template::parse(text);
  CHECK_TRUE(parsed.ok());
  LONGS_EQUAL(3, parsed->parts().size());
  LONGS_EQUAL(0, parsed->parts()[0].offset);
  LONGS_EQUAL(text.find("x.y"), parsed->parts()[1].offset);
  LONGS_EQUAL(text.find('c'), parsed->parts()[2].offset);
}

TEST(Template, tellsAWholeExpressionFromText) {
  const auto sole = Template::parse("${{ a }}");
  CHECK_TRUE(sole->sole() != nullptr);
  CHECK_TRUE(sole->literal() == nullptr);
  const auto mixed = Template::parse(" ${{ a }}");
  CHECK_TRUE(mixed->sole() == nullptr);
  CHECK_TRUE(mixed->literal() == nullptr);
  const auto literal = Template::parse("$${{ a }}");
  STRCMP_EQUAL("${{ a }}", literal->literal()->c_str());
  CHECK_TRUE(literal->sole() == nullptr);
  STRCMP_EQUAL("", Template::parse("")->literal()->c_str());
}

// Whatever the text is, taking it apart ends, and what it takes as text comes out unchanged.
TEST(Template, survivesEveryCutOfAHardText) {
  const std::string text = "a${{ `x${ {y:'}}'} }` + /[}}]/g + (b /* }} */) }}$${{ c }} ${{ d }}";
  for (std::size_t from = 0; from < text.size(); ++from) {
    for (std::size_t size = 0; from + size <= text.size(); ++size) {
      const auto parsed = Template::parse(text.substr(from, size));
      if (parsed.ok()) continue;
      CHECK_TRUE(parsed.error().place.line == 1);
      CHECK_TRUE(parsed.error().place.column >= 1);
    }
  }
}
