// Values that expressions read are made of JSON by Belay's own reader, or by the interpreter where
// that leaves a text to it. Each is held against what JSON.parse of the interpreter makes of the
// same text: by hand, and at random.

#include <string>

#include "agent/script/QuickJsEvaluator.h"
#include "common/json/Json.h"
#include "tests/support/FakeScope.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::json::Value;
using belay::script::Module;
using belay::script::Name;
using belay::script::QuickJsEvaluator;
using belay::test::FakeScope;
using belay::test::SeededRandom;

namespace {

// The same tree: kinds, members in their order, and numbers by Object.is.
constexpr const char* kSame = R"((() => {
  const same = (a, b) => {
    if (typeof a !== "object" || a === null || typeof b !== "object" || b === null)
      return Object.is(a, b);
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    const [names, others] = [Object.getOwnPropertyNames(a), Object.getOwnPropertyNames(b)];
    return names.length === others.length && names.every((name, i) => name === others[i] &&
        same(Object.getOwnPropertyDescriptor(a, name).value, Object.getOwnPropertyDescriptor(b, name).value) &&
        Object.getOwnPropertyDescriptor(a, name).writable);
  };
  return same(input, JSON.parse(state));
})())";

std::string randomText(SeededRandom& random) {
  static constexpr const char* kPieces[] = {"a",
                                            "\\n",
                                            "\\\"",
                                            "\\\\",
                                            "\\/",
                                            " ",
                                            "\\u00e4",
                                            "\xc3\xa4",
                                            "\\ud83d\\ude00",
                                            "{",
                                            "]",
                                            ":",
                                            ",",
                                            "\xf0\x9f\x98\x80",
                                            "\\t",
                                            "text"};
  std::string out = "\"";
  for (std::uint64_t i = random.below(6); i > 0; --i) out += kPieces[random.below(16)];
  return out + "\"";
}

std::string randomJson(SeededRandom& random, int depth) {
  static constexpr const char* kScalars[] = {"null",
                                             "true",
                                             "false",
                                             "0",
                                             "-0",
                                             "1",
                                             "-7",
                                             "2147483648",
                                             "1.5",
                                             "1e3",
                                             "-2E-2",
                                             "1e-9",
                                             "123456789012345",
                                             "1234567890123456789",
                                             "0.1",
                                             "-0.0"};
  const std::uint64_t dice = random.below(depth > 4 ? 4 : 8);
  if (dice < 2) return kScalars[random.below(16)];
  if (dice < 4) return randomText(random);
  const bool list = dice < 6;
  std::string out = list ? "[" : "{";
  const std::uint64_t count = random.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) out += random.below(2) == 0 ? "," : " ,\n";
    // Different names: the same one twice is no JSON here.
    if (!list) out += "\"" + std::to_string(random.below(9)) + "k" + std::to_string(i) + "\": ";
    out += randomJson(random, depth + 1);
  }
  return out + (list ? "]" : "}");
}

}  // namespace

TEST_GROUP(JsonReader) {
  QuickJsEvaluator evaluator;
  const Module module{"m", {}, {}};

  void isRead(const std::string& text) {
    CHECK_TEXT(belay::json::check(text).ok(), text.c_str());
    FakeScope scope;
    scope.set(Name::kInput, text).set(Name::kState, belay::json::print(Value(text)));
    const auto same = evaluator.test(module, kSame, scope);
    CHECK_TEXT(same.ok(), same.ok() ? "" : (text + same.error().message).c_str());
    CHECK_TEXT(*same, text.c_str());
  }
  std::string valueOf(const std::string& text, const std::string& expression) {
    FakeScope scope;
    scope.set(Name::kInput, text);
    const auto value = evaluator.evaluate(module, expression, scope);
    return value.ok() ? value->json : value.error().message;
  }
};

TEST(JsonReader, readsWhatJsonHas) {
  for (const char* text : {"null",
                           " true ",
                           "[]",
                           "{}",
                           "[ ]",
                           "{ }",
                           "[1,2,[3]]",
                           R"({"b":1,"a":{"c":[null]}})",
                           R"("\b\f\n\r\t\"\\\/")",
                           R"("ä€😀")",
                           R"("\u00e4\ud83d\ude00")",
                           "-0",
                           "0.5e+3",
                           "1e308",
                           "9007199254740993",
                           "2147483647",
                           "-2147483648",
                           "2147483648",
                           "123456789012345",
                           "1234567890123456",
                           R"({"2":1,"1":2,"x":3,"01":4})",
                           R"({"__proto__":{"a":1},"b":2})",
                           R"({"constructor":1,"toString":2,"length":3})",
                           R"({"":0})",
                           "\t[\r\n1 ]"}) {
    isRead(text);
  }
  isRead(std::string(60, '[') + std::string(60, ']'));
  isRead(std::string(120, '[') + std::string(120, ']'));
  isRead("\"" + std::string(100'000, 'x') + "\\n\"");
}

TEST(JsonReader, readsRandomTexts) {
  SeededRandom random;
  for (int i = 0; i < 2000; ++i) isRead(randomJson(random, 0));
}

TEST(JsonReader, makesTextOutputsOfTheirForm) {
  const std::string text = R"({"text":"all good\n","truncated":false,"ref":null})";
  STRCMP_EQUAL("8", valueOf(text, "input.trim().length").c_str());
  STRCMP_EQUAL("8", valueOf(R"({"a":[)" + text + "]}", "input.a[0].trim().length").c_str());
  STRCMP_EQUAL("1",
               valueOf(R"({"ref":"r","text":"\u0061","truncated":true})", "input.length").c_str());
  // Others are what they are.
  for (const char* other :
       {R"({"text":1,"truncated":false,"ref":null})", R"({"text":"a","truncated":false})",
        R"({"text":"a","truncated":false,"ref":null,"more":1})",
        R"({"text":"a","truncated":false,"refs":null})"}) {
    STRCMP_EQUAL("\"undefined\"", valueOf(other, "typeof input.trim").c_str());
  }
}

// It takes some of them: so it did when it read all.
TEST(JsonReader, whatIsNoJsonIsTheInterpretersToRefuse) {
  int refused = 0;
  for (const char* text : {"", "[1,]", "{\"a\" 1}", "01", "1.", "-", "tru", "\"a", "\"\\x\"", "1 2",
                           "{\"a\":}", "[", "{\"a\":1", "\"\t\"", "1e", "nul", "+1", ".5"}) {
    FakeScope scope;
    scope.set(Name::kState, belay::json::print(Value(text)));
    const auto parsed = evaluator.evaluate(module, "JSON.parse(state)", scope);
    STRCMP_EQUAL_TEXT((parsed.ok() ? parsed->json : "SyntaxError").c_str(),
                      parsed.ok() ? valueOf(text, "input").c_str() : "SyntaxError", text);
    if (parsed.ok()) continue;
    STRCMP_CONTAINS("SyntaxError", valueOf(text, "input").c_str());
    ++refused;
  }
  CHECK(refused >= 14);
}
