#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace belay::base {

/// One line of a difference, with the end of line that it has.
struct DiffLine {
  char mark = ' ';  ///< ' ' in both, '-' only before, '+' only after.
  std::string_view text;
};

/// Lines that changed, with some around them. Numbers count from 1, as `diff -u` counts.
struct DiffHunk {
  std::size_t fromLine = 0, fromCount = 0, toLine = 0, toCount = 0;
  std::vector<DiffLine> lines;
};

struct LineDiff {
  std::vector<DiffHunk> hunks;  ///< Empty: the texts are the same.
  std::size_t removed = 0, added = 0;
};

/// What makes `to` of `from`, line by line; the smallest such difference unless the texts differ in
/// more than about a thousand lines, then one block. Takes milliseconds at most for texts of 256
/// KiB.
///
/// Threads:   any.
/// Ownership: the lines point into `from` and `to`.
LineDiff diffLines(std::string_view from, std::string_view to, std::size_t context = 3);

/// As `diff -u` prints it, and as patch reads it; empty when there is no difference.
std::string unifiedText(const LineDiff& diff, std::string_view fromName, std::string_view toName);

}  // namespace belay::base
