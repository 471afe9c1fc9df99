// Passes hostile and odd strings through expressions as data. Whatever a string is, it must come
// out byte by byte as it went in, and nothing in it may be taken for an expression or for code.

#include <string>
#include <vector>

#include "agent/script/QuickJsEvaluator.h"
#include "agent/script/TextOutput.h"
#include "common/json/Json.h"
#include "tests/support/FakeScope.h"

#include <CppUTest/TestHarness.h>

using belay::json::Value;
using belay::script::Module;
using belay::script::Name;
using belay::script::QuickJsEvaluator;
using belay::test::FakeScope;

namespace {

void appendUtf8(std::string& out, unsigned code) {
  const auto byte = [&](unsigned value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

std::vector<std::string> hostileStrings() {
  std::vector<std::string> strings{"",
                                   " ",
                                   "${{ input }}",
                                   "$${{ input }}",
                                   "${{",
                                   "}}",
                                   "${{ 1 + 1 }}",
                                   "$",
                                   "$$",
                                   "${input}",
                                   "{{ input }}",
                                   "<%= 1 %>",
                                   "#{1}",
                                   "%{1}",
                                   "'",
                                   "\"",
                                   "`",
                                   "\\",
                                   "\\\\",
                                   "\\n",
                                   "\\u0041",
                                   "\\x41",
                                   "'+globalThis+'",
                                   "\"); globalThis.x = 1; (\"",
                                   "`${1}`",
                                   "*/ 1 /*",
                                   "// x",
                                   "/* x",
                                   "<!-- x -->",
                                   "</script><script>alert(1)</script>",
                                   "'; DROP TABLE runs; --",
                                   "' OR '1'='1",
                                   "$(reboot)",
                                   "`reboot`",
                                   "; rm -rf /",
                                   "| cat /etc/passwd",
                                   "&& true",
                                   "> /tmp/x",
                                   "$IFS",
                                   "${PATH}",
                                   "$'\\n'",
                                   "!history",
                                   "~root",
                                   "*",
                                   "?",
                                   "[a-z]",
                                   "{a,b}",
                                   "-rf",
                                   "--help",
                                   "-",
                                   "../../etc/passwd",
                                   "/etc/passwd",
                                   "C:\\Windows",
                                   "file:///etc/passwd",
                                   "http://x/?a=b&c=d#e",
                                   "javascript:alert(1)",
                                   "data:text/html,x",
                                   "\r\nSet-Cookie: a=b",
                                   "a\r\n.\r\n",
                                   "a\tb",
                                   "\n",
                                   "\r",
                                   "\n\n\n",
                                   "null",
                                   "undefined",
                                   "true",
                                   "false",
                                   "NaN",
                                   "Infinity",
                                   "0",
                                   "-0",
                                   "1e999",
                                   "9007199254740993",
                                   "[]",
                                   "{}",
                                   "[object Object]",
                                   "__proto__",
                                   "constructor",
                                   "prototype",
                                   "toString",
                                   "hasOwnProperty",
                                   "{\"a\":1}",
                                   "{\"text\":\"a\",\"truncated\":false,\"ref\":null}",
                                   "\"truncated\"",
                                   "res://abc",
                                   "{secret: NAME}",
                                   "yes",
                                   "no",
                                   "012",
                                   "0x10",
                                   "1_000",
                                   "~",
                                   "!tag",
                                   "&anchor",
                                   "*alias",
                                   "- item",
                                   "key: value",
                                   "# comment",
                                   "%YAML 1.2",
                                   "---",
                                   "...",
                                   "|",
                                   ">",
                                   "@",
                                   "a: b: c",
                                   "=1+1",
                                   "+1",
                                   "@SUM(A1)",
                                   "%s%s%n",
                                   "%00",
                                   "{0}",
                                   "\x7F",
                                   "\x1B[31mred\x1B[0m",
                                   "\x1B]0;title\x07",
                                   "ä",
                                   "ß",
                                   "İ",
                                   "ǅ",
                                   "é",
                                   "e\u0301",
                                   "\u00A0",
                                   "\u200B",
                                   "\u200D",
                                   "\uFEFF",
                                   "\u202E",
                                   "\u2066",
                                   "\u2028",
                                   "\u2029",
                                   "\uFFFD",
                                   "\uFFFE",
                                   "\uFFFF",
                                   "😀",
                                   "👩‍👩‍👧‍👦",
                                   "🇩🇪",
                                   "\U0001F3F4\U000E0067\U000E007F",
                                   "\U0010FFFF",
                                   "𝒳",
                                   "中文",
                                   "العربية",
                                   "עברית",
                                   "हिन्दी",
                                   "ไทย",
                                   "한국어",
                                   "ﷺ",
                                   "Ｆｕｌｌ",
                                   "ﬁ",
                                   "Ω",
                                   "Å",
                                   "Zalgo\u0300\u0301\u0302\u0303\u0304\u0305"};
  for (unsigned c = 1; c < 0x20; ++c) strings.push_back("a" + std::string(1, static_cast<char>(c)));
  for (unsigned c = 0x80; c < 0xA0; ++c) {
    strings.emplace_back("c1:");
    appendUtf8(strings.back(), c);
  }
  strings.push_back(std::string(100000, 'x') + "${{ 1 }}");
  return strings;
}

/// All of Unicode but the surrogates, in pieces.
std::vector<std::string> allOfUnicode() {
  std::vector<std::string> pieces(1);
  for (unsigned code = 1; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    appendUtf8(pieces.back(), code);
    if (pieces.back().size() > 30000) pieces.emplace_back();
  }
  return pieces;
}

std::string quoted(const std::string& text) { return belay::json::print(Value(text)); }

}  // namespace

TEST_GROUP(QuickJsInjection) {
  QuickJsEvaluator evaluator;
  FakeScope scope;
  Module module{"digest", {{"same", "x => x"}}, {}};

  void expectUnchanged(const std::string& text) {
    const std::string json = quoted(text);
    scope.set(Name::kInput, json);
    const auto value = evaluator.evaluate(module, "input", scope);
    CHECK_TRUE_TEXT(value.ok(), json.c_str());
    const auto parsed = belay::json::parse(value->json);
    CHECK_TRUE_TEXT(parsed.ok() && parsed->asString() == text, json.c_str());
    const auto rendered = evaluator.renderText(module, "<${{ input }}>", scope);
    CHECK_TRUE_TEXT(rendered.ok() && *rendered == "<" + text + ">", json.c_str());
  }
};

TEST(QuickJsInjection, stringsComeOutAsTheyWentIn) {
  const std::vector<std::string> strings = hostileStrings();
  CHECK_TRUE(strings.size() >= 200);
  for (const std::string& text : strings) expectUnchanged(text);
}

TEST(QuickJsInjection, allOfUnicodeComesOutAsItWentIn) {
  for (const std::string& text : allOfUnicode()) expectUnchanged(text);
}

TEST(QuickJsInjection, stringsSurviveEveryWayThrough) {
  for (const std::string& text : hostileStrings()) {
    const std::string json = quoted(text);
    scope.set(Name::kState, "{\"a\":[" + json + "]}");
    scope.setStep("s", belay::json::print(belay::script::makeTextOutput(text)));
    const Value tree = *belay::json::parse(
        R"js({"whole":"${{ state.a[0] }}","part":"-${{ state.a[0] }}-","step":"${{ String(steps.s) }}",)js"
        R"js("called":"${{ functions.same(state.a[0]) }}","object":"${{ ({[state.a[0]]: 1}) }}"})js");
    const auto rendered = evaluator.renderValue(module, tree, scope);
    CHECK_TRUE_TEXT(rendered.ok(), json.c_str());
    const auto parsed = belay::json::parse(rendered->json);
    CHECK_TRUE_TEXT(parsed.ok(), json.c_str());
    CHECK_TRUE_TEXT(parsed->find("whole")->asString() == text, json.c_str());
    CHECK_TRUE_TEXT(parsed->find("part")->asString() == "-" + text + "-", json.c_str());
    CHECK_TRUE_TEXT(parsed->find("step")->asString() == text, json.c_str());
    CHECK_TRUE_TEXT(parsed->find("called")->asString() == text, json.c_str());
    CHECK_TRUE_TEXT(parsed->find("object")->asObject().at(0).first == text, json.c_str());
    const auto called = evaluator.callFunction(module, "same", json, scope);
    CHECK_TRUE_TEXT(called.ok() && belay::json::parse(called->json)->asString() == text,
                    json.c_str());
  }
}

TEST(QuickJsInjection, stepsMayHaveAnyName) {
  for (const char* name :
       {"__proto__", "constructor", "toString", "length", "0", "a-b", "then", "get"}) {
    scope.setStep(name, "{\"name\":" + quoted(name) + "}");
    const auto value = evaluator.evaluate(module, "steps['" + std::string(name) + "'].name", scope);
    CHECK_TRUE_TEXT(value.ok(), name);
    STRCMP_EQUAL(quoted(name).c_str(), value->json.c_str());
  }
}
