// Checks sources without running them: what is taken must compile in the evaluator, and what is
// refused must name the right place.

#include <string>

#include "agent/script/SyntaxChecker.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::Status;
using belay::script::SyntaxChecker;

namespace {

std::string placeOf(const Status& status) {
  if (status.ok()) return "ok";
  CHECK_TRUE(status.error().code == ErrorCode::kFlowExpressionSyntax);
  const auto& place = status.error().place;
  return std::to_string(place.line) + ":" + std::to_string(place.column);
}

}  // namespace

TEST_GROUP(SyntaxChecker) { SyntaxChecker checker; };

TEST(SyntaxChecker, takesWhatIsAnExpression) {
  for (const char* expression : {"1",
                                 "input.a?.b",
                                 "state.attempts > 3 ? 'end' : 'work'",
                                 "{a: 1}",
                                 "[...input.list]",
                                 "a, b",
                                 "x => x",
                                 "function () {}",
                                 "class {}",
                                 "`${a}`",
                                 "/a/g.test(b)",
                                 "new Date()",
                                 "async",
                                 "input.async",
                                 "{async: 1, await: 2}",
                                 "input.import",
                                 "a // comment",
                                 "/* a */ b",
                                 "(() => { for (;;); })()",
                                 "nothing.known",
                                 "yield_",
                                 "a\n+\nb"}) {
    STRCMP_EQUAL_TEXT("ok", placeOf(checker.checkExpression(expression)).c_str(), expression);
  }
}

TEST(SyntaxChecker, refusesWhatIsNone) {
  for (const char* expression : {"",
                                 " ",
                                 "1 +",
                                 "a b",
                                 "if (a) b",
                                 "var a",
                                 "return 1",
                                 ")",
                                 "a)",
                                 "(a",
                                 "1); (2",
                                 "}; {",
                                 "async () => 1",
                                 "async function () {}",
                                 "await a",
                                 "import('a')",
                                 "import.meta",
                                 "export 1",
                                 "a = ",
                                 "{a}}",
                                 "'a",
                                 "`${a`",
                                 "/a",
                                 "0777",
                                 "with (a) b",
                                 "1\n2",
                                 "@a",
                                 "a?.",
                                 "...a"}) {
    CHECK_FALSE_TEXT(checker.checkExpression(expression).ok(), expression);
  }
}

TEST(SyntaxChecker, saysWhere) {
  STRCMP_EQUAL("1:3", placeOf(checker.checkExpression("a b")).c_str());
  STRCMP_EQUAL("2:2", placeOf(checker.checkExpression("a +\n *b")).c_str());
  STRCMP_EQUAL("2:4", placeOf(checker.checkExpression("a +\n f(await b)")).c_str());
  STRCMP_EQUAL("1:0", placeOf(checker.checkExpression("a +")).c_str());
}

TEST(SyntaxChecker, placesErrorsOfATemplateInTheWholeText) {
  STRCMP_EQUAL("ok", placeOf(checker.checkTemplate("a ${{ b }} c ${{ d }} $${{ e }}")).c_str());
  STRCMP_EQUAL("ok", placeOf(checker.checkTemplate("no expression")).c_str());
  STRCMP_EQUAL("1:13", placeOf(checker.checkTemplate("ä ${{ b + c d }}")).c_str());
  STRCMP_EQUAL("2:7", placeOf(checker.checkTemplate("a\n${{ b c }}")).c_str());
  STRCMP_EQUAL("3:2", placeOf(checker.checkTemplate("a\n${{ b +\n *c }}")).c_str());
  STRCMP_EQUAL("2:3", placeOf(checker.checkTemplate("a\nb ${{ }}")).c_str());
}

TEST(SyntaxChecker, takesCodeAsExpressionOrBody) {
  for (const char* code :
       {"input => input.a", "return input.a;", "const a = 1;\nreturn a;", "input.a"}) {
    STRCMP_EQUAL_TEXT("ok", placeOf(checker.checkCode(code)).c_str(), code);
  }
  STRCMP_EQUAL("2:10", placeOf(checker.checkCode("const a = 1;\nreturn a b;")).c_str());
  CHECK_FALSE(checker.checkCode("}), (function () {").ok());
  STRCMP_EQUAL("ok", placeOf(checker.checkFunction("s => s.trim()")).c_str());
  CHECK_FALSE(checker.checkFunction("return 1").ok());
}

TEST(SyntaxChecker, boundsWhatItReads) {
  CHECK_TRUE(checker.checkExpression(std::string(70000, '1')).error().code == ErrorCode::kLimit);
  const std::string deep = std::string(20000, '(') + "1" + std::string(20000, ')');
  CHECK_TRUE(checker.checkExpression(deep).error().code == ErrorCode::kExpressionStack);
  STRCMP_EQUAL("ok", placeOf(checker.checkExpression("1 + 1")).c_str());
}
