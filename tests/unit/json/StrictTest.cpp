// Gives the checker every way in which a text can almost be JSON, and says where it must notice.

#include <string>

#include "common/json/Exact.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::json::parse;
using belay::json::Value;

namespace {

void expectRefused(std::string_view text) {
  CHECK_FALSE_TEXT(belay::json::check(text).ok(), std::string(text).c_str());
  CHECK_FALSE_TEXT(parse(text).ok(), std::string(text).c_str());
}

void expectTaken(std::string_view text) {
  CHECK_TRUE_TEXT(belay::json::check(text).ok(), std::string(text).c_str());
  CHECK_TRUE_TEXT(parse(text).ok(), std::string(text).c_str());
}

}  // namespace

TEST_GROUP(Strict){};

TEST(Strict, takesAllThatTheGrammarHas) {
  for (const char* text :
       {"null", "true", "false", "0", "-0", "1.5e-3", "\"\"", "[]", "{}", " [1 , 2]\n",
        R"({"a":{"b":[null,"\u00e4\ud83d\ude00\\\/\b\f\n\r\t"]}})", "\t1\r\n"}) {
    expectTaken(text);
  }
}

TEST(Strict, refusesWhatOnlyLooksLikeJson) {
  for (const char* text :
       {"",        " ",        "nul",       "True",    "NaN",       "Infinity",    "+1",
        "01",      "-01",      "1.",        ".5",      "1e",        "1e+",         "0x1",
        "--1",     "'a'",      "\"a",       "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\t\"",
        "\"\n\"",  "[1,]",     "[,1]",      "[1 2]",   "[",         "{\"a\":1,}",  "{a:1}",
        "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{1:1}",   "{",         "// x\n1",     "1 2",
        "[]]",     "\"\\",     "\"\\u",     "/**/1",   "-",         "[1e5e5]"}) {
    expectRefused(text);
  }
}

TEST(Strict, refusesNumbersThatNoDoubleHolds) {
  for (const char* text : {"1e999", "-1e999", "1e309", "[1,2e400]", "1e99999999999999999999",
                           "0.0001e400", "123456789e301"}) {
    expectRefused(text);
  }
  expectTaken("1.7976931348623157e308");
  expectRefused("1.7976931348623159e308");
}

TEST(Strict, wholeNumbersThatWouldLoseDigitsAreRefusedWhereTheyMustBeExact) {
  for (const char* text : {"9007199254740993", "-9007199254740993", "10000000000000000"}) {
    CHECK_FALSE(belay::json::checkExact(text).ok());
    expectTaken(text);
  }
  for (const char* text : {"9007199254740992", "-9007199254740992", "1e20", "6.02e23",
                           "90071992547409930.5", "\"9007199254740993\""})
    CHECK_TEXT(belay::json::checkExact(text).ok(), text);
  const auto refused = belay::json::checkExact("{\"a\":\n [1, 9007199254740993]}");
  LONGS_EQUAL(2, refused.error().place.line);
  LONGS_EQUAL(6, refused.error().place.column);
  STRCMP_EQUAL("/a/1", refused.error().place.pointer.c_str());
}

TEST(Strict, takesNumbersThatRoundToZero) {
  for (const char* text : {"1e-999", "-1e-999", "1e-99999999999999999999", "1000e-400",
                           "0.001e-330", "0e999", "0.000e99999999999999999999", "-0e5"}) {
    const auto value = parse(text);
    CHECK_TRUE_TEXT(value.ok(), text);
    DOUBLES_EQUAL(0.0, value->asNumber(), 0.0);
  }
  CHECK(parse("4.9e-324")->asNumber() > 0);
}

TEST(Strict, refusesNumbersThatWouldBeCutOff) {
  expectTaken("1" + std::string(62, '0'));
  expectRefused("1" + std::string(63, '0'));
  DOUBLES_EQUAL(1e62, parse("1" + std::string(62, '0'))->asNumber(), 1e47);
  expectRefused("[0." + std::string(70, '1') + "]");
}

TEST(Strict, refusesDuplicateNamesInAnySpelling) {
  expectRefused(R"({"a":1,"a":2})");
  expectRefused(R"({"a":1,"\u0061":2})");
  expectRefused(R"({"x":{"b":1,"c":2,"b":3}})");
  expectTaken(R"({"a":{"a":1},"A":2})");
}

TEST(Strict, refusesLoneSurrogatesAndNul) {
  for (const char* text : {R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"("\ud800x")",
                           R"("\u0000")", R"({"\u0000":1})"}) {
    expectRefused(text);
  }
  expectRefused(std::string_view("\"a\0b\"", 5));
  expectRefused(std::string_view("1\0", 2));
}

TEST(Strict, refusesTextThatIsNotUtf8) {
  for (const char* text : {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"",
                           "\xef\xbb\xbf"
                           "1"}) {
    expectRefused(text);
  }
}

TEST(Strict, saysWhereTheTextGoesWrong) {
  const auto failed = parse("{\"a\": [1,\n  {\"b/c~\": tru}]}");
  const auto& place = failed.error().place;
  LONGS_EQUAL(2, place.line);
  LONGS_EQUAL(12, place.column);
  STRCMP_EQUAL("/a/1/b~1c~0", place.pointer.c_str());
  CHECK(failed.error().code == ErrorCode::kJsonSyntax);
}

TEST(Strict, boundsDepthAndSize) {
  // The limit counts levels below the outermost value.
  const std::string deep = std::string(129, '[') + std::string(129, ']');
  expectTaken(deep);
  CHECK(parse("[" + deep + "]").error().code == ErrorCode::kLimit);
  CHECK(parse("[[]]", {.bytesMax = 100, .depthMax = 0}).error().code == ErrorCode::kLimit);
  CHECK(parse("[1,2]", {.bytesMax = 4, .depthMax = 9}).error().code == ErrorCode::kLimit);
  CHECK(parse("[1,2]", {.bytesMax = 5, .depthMax = 9}).ok());
  // An attacker's depth must not reach the stack before it reaches the limit.
  CHECK(parse(std::string(1'000'000, '[')).error().code == ErrorCode::kLimit);
}
