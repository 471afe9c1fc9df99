// Differences of small texts as `diff -u` writes them, and of random texts by applying them.

#include <string>

#include "common/base/LineDiff.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using namespace belay::base;

namespace {

std::string unified(std::string_view from, std::string_view to, std::size_t context = 3) {
  return unifiedText(diffLines(from, to, context), "a", "b");
}

/// The text that a difference makes of `from`, by its hunks.
std::string applied(std::string_view from, const LineDiff& diff) {
  std::string out;
  std::size_t line = 1;
  const auto copyLine = [&] {
    const std::size_t end = from.find('\n');
    const std::size_t length = end == std::string_view::npos ? from.size() : end + 1;
    out += from.substr(0, length);
    from.remove_prefix(length);
    ++line;
  };
  for (const DiffHunk& hunk : diff.hunks) {
    const std::size_t first = hunk.fromCount == 0 ? hunk.fromLine + 1 : hunk.fromLine;
    while (line < first) copyLine();
    for (const DiffLine& change : hunk.lines) {
      if (change.mark == '+') {
        out += change.text;
        continue;
      }
      if (!from.starts_with(change.text)) return "a line does not fit";
      from.remove_prefix(change.text.size());
      if (change.mark == ' ') out += change.text;
      ++line;
    }
  }
  while (!from.empty()) copyLine();
  return out;
}

}  // namespace

TEST_GROUP(LineDiff){};

TEST(LineDiff, ofEqualTextsIsEmpty) {
  STRCMP_EQUAL("", unified("a\nb\n", "a\nb\n").c_str());
  STRCMP_EQUAL("", unified("", "").c_str());
}

TEST(LineDiff, showsAChangeBetweenThreeLinesOnEachSide) {
  STRCMP_EQUAL("--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
               unified("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n").c_str());
}

TEST(LineDiff, ofAnEmptyTextNamesLineZero) {
  STRCMP_EQUAL("--- a\n+++ b\n@@ -0,0 +1,2 @@\n+x\n+y\n", unified("", "x\ny\n").c_str());
  STRCMP_EQUAL("--- a\n+++ b\n@@ -1 +0,0 @@\n-x\n", unified("x\n", "").c_str());
}

TEST(LineDiff, saysWhereAnEndOfLineIsMissing) {
  STRCMP_EQUAL("--- a\n+++ b\n@@ -1 +1 @@\n-x\n+x\n\\ No newline at end of file\n",
               unified("x\n", "x").c_str());
}

TEST(LineDiff, joinsChangesThatAreCloseAndSplitsThoseThatAreNot) {
  const std::string before = "a\n1\n2\n3\n4\nb\n";
  const std::string after = "A\n1\n2\n3\n4\nB\n";
  LONGS_EQUAL(1, diffLines(before, after, 2).hunks.size());
  LONGS_EQUAL(2, diffLines(before, after, 1).hunks.size());
}

TEST(LineDiff, makesOneTextOfTheOtherAndFindsTheSmallestChange) {
  belay::test::SeededRandom random;
  std::string before, after;
  const auto pick = [&](unsigned below) {
    std::uint8_t byte[1] = {};
    random.fill(byte);
    return byte[0] % below;
  };
  for (int round = 0; round < 300; ++round) {
    before.clear();
    after.clear();
    std::size_t removed = 0, added = 0;
    for (unsigned i = 0, lines = pick(40); i < lines; ++i) {
      const std::string line(1, static_cast<char>('a' + pick(6)));
      const unsigned fate = pick(8);
      before += line + "\n";
      if (fate == 0)
        ++removed;
      else
        after += line + "\n";
      if (fate == 1) {
        after += "new\n";
        ++added;
      }
    }
    if (pick(4) == 0 && !after.empty()) after.pop_back();
    const LineDiff diff = diffLines(before, after);
    STRCMP_EQUAL(after.c_str(), applied(before, diff).c_str());
    // One more of each for the end of line that may be missing.
    CHECK(diff.removed <= removed + 1 && diff.added <= added + 1);
  }
}

TEST(LineDiff, ofTextsThatHaveNothingInCommonIsOneBlock) {
  std::string before, after;
  for (int i = 0; i < 3000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  const LineDiff diff = diffLines("same\n" + before, "same\n" + after);
  LONGS_EQUAL(3000, diff.removed);
  LONGS_EQUAL(3000, diff.added);
  LONGS_EQUAL(1, diff.hunks.size());
}
