// Patterns are matched against short texts by table; hostile ones are timed by the processor's
// clock.
#include <string>
#include <vector>

#include "common/json/Pattern.h"
#include "tests/support/Sanitized.h"

#include <CppUTest/TestHarness.h>

using belay::json::Pattern;

namespace {

struct Row {
  const char* pattern;
  const char* text;
  bool matches;
};

}  // namespace

TEST_GROUP(Pattern){};

TEST(Pattern, matchesWhatEcmaScriptMatches) {
  const std::vector<Row> rows{{"", "", true},
                              {"", "a", true},
                              {"a", "cab", true},
                              {"a", "cb", false},
                              {"^a", "ba", false},
                              {"a$", "ab", false},
                              {"^a$", "a", true},
                              {"^a$", "a\n", false},
                              {"a.c", "abc", true},
                              {"a.c", "a\nc", false},
                              {"^a*$", "", true},
                              {"^a*$", "aaaa", true},
                              {"^a*$", "aab", false},
                              {"^a+$", "", false},
                              {"^a+$", "aa", true},
                              {"^a?$", "", true},
                              {"^a?$", "aa", false},
                              {"^a{3}$", "aaa", true},
                              {"^a{3}$", "aa", false},
                              {"^a{2,}$", "a", false},
                              {"^a{2,}$", "aaaaa", true},
                              {"^a{1,3}$", "aaa", true},
                              {"^a{1,3}$", "aaaa", false},
                              {"^a{0}$", "", true},
                              {"^a{0}$", "a", false},
                              {"^a{0,}b$", "b", true},
                              {"^(ab)+$", "abab", true},
                              {"^(ab)+$", "aba", false},
                              {"^(?:ab|cd)*$", "abcdab", true},
                              {"^(?:ab|cd)*$", "abc", false},
                              {"^a|b$", "ax", true},
                              {"^a|b$", "xb", true},
                              {"^a|b$", "xax", false},
                              {"^(a|b|c|)$", "", true},
                              {"^(a|b|c)$", "b", true},
                              {"^(a|b|c)$", "d", false},
                              {"^[abc]$", "b", true},
                              {"^[abc]$", "d", false},
                              {"^[^abc]$", "d", true},
                              {"^[^abc]$", "a", false},
                              {"^[a-c]+$", "abc", true},
                              {"^[a-c-]+$", "a-c", true},
                              {"^[-a]+$", "-a", true},
                              {"^[\\]]$", "]", true},
                              {"^[a\\-z]+$", "-", true},
                              {"^[a\\-z]+$", "b", false},
                              {"^\\d+$", "0123", true},
                              {"^\\d+$", "12a", false},
                              {"^\\D+$", "ab", true},
                              {"^\\w+$", "aZ_9", true},
                              {"^\\w+$", "a-b", false},
                              {"^\\W$", "-", true},
                              {"^\\s$", "\t", true},
                              {"^\\S+$", "ab", true},
                              {"^\\S+$", "a b", false},
                              {"^[\\d_]+$", "1_2", true},
                              {"^[\\D]+$", "ab", true},
                              {"^[\\D]+$", "a1", false},
                              {"^[^\\d]+$", "a1", false},
                              {"\\bab\\b", "x ab y", true},
                              {"\\bab\\b", "xaby", false},
                              {"\\Bab", "xab", true},
                              {"\\Bab", "ab", false},
                              {"^\\.$", ".", true},
                              {"^\\.$", "a", false},
                              {"^\\x41$", "A", true},
                              {"^\\u0041$", "A", true},
                              {"^\\u{1F600}$", "\xF0\x9F\x98\x80", true},
                              {"^.$", "\xF0\x9F\x98\x80", true},
                              {"^..$", "\xC3\xA4\xC3\xB6", true},
                              {"^[\xC3\xA4-\xC3\xB6]$", "\xC3\xA5", true},
                              {"^\\t\\n$", "\t\n", true},
                              {"^a+?b$", "aab", true},
                              {"^(a*)*$", "aaa", true},
                              {"^(a*)*b$", "aaac", false},
                              {"^(|a)+$", "aa", true},
                              {"^[a-z0-9][a-z0-9_-]{0,63}$", "review-and-apply", true},
                              {"^[a-z0-9][a-z0-9_-]{0,63}$", "Review", false},
                              {"^(\\d{3}-)?\\d{4}$", "555-1234", true},
                              {"^(\\d{3}-)?\\d{4}$", "55-1234", false},
                              {"^((a|b)(c|d)){2}$", "acbd", true},
                              {"a{2}{", "", false}};
  std::string wrong;
  for (const Row& row : rows) {
    const auto pattern = Pattern::compile(row.pattern);
    const bool matches = pattern.ok() && pattern->search(row.text) == Pattern::Answer::kYes;
    if (matches != row.matches) wrong += std::string(row.pattern) + " on " + row.text + "\n";
  }
  STRCMP_EQUAL("", wrong.c_str());
}

TEST(Pattern, whatItCannotDoIsRefused) {
  for (const char* source :
       {"(",       ")",      "[",       "[z-a]",   "*",      "a**",   "+a",          "?",
        "a{2",     "a{2,1}", "a{1001}", "a{,2}",   "{2}",    "(?=a)", "(?!a)",       "(?<=a)",
        "(?<n>a)", "\\1",    "\\k",     "\\",      "\\p{L}", "\\u12", "\\u{110000}", "\\xz1",
        "]",       "}",      "[\\d-z",  "[a-\\d]", "\\cA",   "a|*"}) {
    CHECK_TEXT(!Pattern::compile(source).ok(), source);
  }
}

TEST(Pattern, whatGrowsTooLargeIsRefused) {
  CHECK(!Pattern::compile("((a{100}){100}){100}").ok());
  CHECK(!Pattern::compile("((((a{1000}){1000}){1000}){1000}){1000}").ok());
  CHECK(!Pattern::compile(std::string(5000, 'a')).ok());
  CHECK(!Pattern::compile(std::string(200, '(') + std::string(200, ')')).ok());
  CHECK(Pattern::compile(std::string(50, '(') + "a" + std::string(50, ')')).ok());
}

TEST(Pattern, manyAlternativesAreNotNested) {
  std::string source = "^(";
  for (int i = 0; i < 300; ++i) source += "w" + std::to_string(i) + "|";
  const auto pattern = Pattern::compile(source + "end)$");
  CHECK(pattern.ok());
  CHECK(pattern->search("w299") == Pattern::Answer::kYes);
  CHECK(pattern->search("end") == Pattern::Answer::kYes);
  CHECK(pattern->search("w300") == Pattern::Answer::kNo);
}

TEST(Pattern, whatRunsAwayInOtherEnginesEndsSoon) {
  const std::string text(64u << 10, 'a');
  for (const char* source : {"^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a*)*b", "^(.*)*$",
                             "^([a-z]+)*!$", "(x+x+)+y", "a{50}a{50}b"}) {
    const auto pattern = Pattern::compile(source);
    CHECK_TEXT(pattern.ok(), source);
    const belay::test::CpuTime used;
    static_cast<void>(pattern->search(text + "!"));
    CHECK_TEXT(used.seconds() < 3, source);
  }
}

TEST(Pattern, workIsBounded) {
  const auto pattern = Pattern::compile("(a?){900}b");
  CHECK(pattern.ok());
  CHECK(pattern->search(std::string(1u << 20, 'a')) == Pattern::Answer::kTooCostly);
}
