#include "common/base/LineDiff.h"

#include <algorithm>
#include <unordered_map>

namespace belay::base {

namespace {

/// Insertions and deletions that the exact search takes on: its memory and time grow with the
/// square.
constexpr std::ptrdiff_t kEditsMost = 1000;

std::vector<std::string_view> linesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

/// Which lines are only in one of the texts.
struct Marks {
  std::vector<bool> removed;
  std::vector<bool> added;
};

/// The greedy search of Myers (1986) over the numbers of lines, between equal beginnings and ends.
class Search {
 public:
  Search(const std::vector<int>& from, const std::vector<int>& to, Marks& marks)
      : from_(from), to_(to), marks_(marks) {
    while (first_ < std::min(from.size(), to.size()) && from[first_] == to[first_]) ++first_;
    fromEnd_ = from.size();
    toEnd_ = to.size();
    while (fromEnd_ > first_ && toEnd_ > first_ && from[fromEnd_ - 1] == to[toEnd_ - 1]) {
      --fromEnd_;
      --toEnd_;
    }
    n_ = static_cast<std::ptrdiff_t>(fromEnd_ - first_);
    m_ = static_cast<std::ptrdiff_t>(toEnd_ - first_);
  }

  void run() {
    for (std::ptrdiff_t edits = 0; edits <= std::min(n_ + m_, kEditsMost); ++edits) {
      if (advance(edits)) return walkBack(edits);
    }
    for (std::size_t i = first_; i < fromEnd_; ++i) marks_.removed[i] = true;
    for (std::size_t i = first_; i < toEnd_; ++i) marks_.added[i] = true;
  }

 private:
  using Row = std::vector<std::ptrdiff_t>;  ///< How far diagonal k came, at [k + edits].

  bool sameAt(std::ptrdiff_t x, std::ptrdiff_t y) const {
    return from_[first_ + static_cast<std::size_t>(x)] == to_[first_ + static_cast<std::size_t>(y)];
  }
  /// -1 stands for a diagonal that the row before does not have.
  static std::ptrdiff_t at(const Row& row, std::ptrdiff_t edits, std::ptrdiff_t k) {
    return k < -edits || k > edits ? -1 : row[static_cast<std::size_t>(k + edits)];
  }
  /// True when diagonal k of `edits` is reached by an insertion.
  bool isInsertion(std::ptrdiff_t edits, std::ptrdiff_t k) const {
    const Row& before = rows_[static_cast<std::size_t>(edits) - 1];
    return k == -edits ||
           (k != edits && at(before, edits - 1, k - 1) < at(before, edits - 1, k + 1));
  }

  bool advance(std::ptrdiff_t edits) {
    Row row(static_cast<std::size_t>(2 * edits + 1), -1);
    bool reached = false;
    for (std::ptrdiff_t k = -edits; k <= edits && !reached; k += 2) {
      std::ptrdiff_t x = 0;
      if (edits > 0) {
        const Row& before = rows_.back();
        x = isInsertion(edits, k) ? at(before, edits - 1, k + 1) : at(before, edits - 1, k - 1) + 1;
      }
      while (x < n_ && x - k >= 0 && x - k < m_ && sameAt(x, x - k)) ++x;
      row[static_cast<std::size_t>(k + edits)] = x;
      reached = x >= n_ && x - k >= m_;
    }
    rows_.push_back(std::move(row));
    return reached;
  }

  void walkBack(std::ptrdiff_t edits) {
    std::ptrdiff_t k = n_ - m_;
    for (; edits > 0; --edits) {
      const bool insertion = isInsertion(edits, k);
      k += insertion ? 1 : -1;
      const std::ptrdiff_t x = at(rows_[static_cast<std::size_t>(edits) - 1], edits - 1, k);
      const auto place = static_cast<std::size_t>(insertion ? x - k : x);
      (insertion ? marks_.added : marks_.removed)[first_ + place] = true;
    }
  }

  const std::vector<int>& from_;
  const std::vector<int>& to_;
  Marks& marks_;
  std::size_t first_ = 0, fromEnd_ = 0, toEnd_ = 0;
  std::ptrdiff_t n_ = 0, m_ = 0;
  std::vector<Row> rows_;
};

/// Equal lines get equal numbers.
std::vector<int> numberLines(const std::vector<std::string_view>& lines,
                             std::unordered_map<std::string_view, int>& numbers) {
  std::vector<int> out;
  out.reserve(lines.size());
  for (const std::string_view line : lines) {
    out.push_back(numbers.try_emplace(line, static_cast<int>(numbers.size())).first->second);
  }
  return out;
}

/// All lines of both texts in one order, with their marks.
std::vector<DiffLine> merge(const std::vector<std::string_view>& from,
                            const std::vector<std::string_view>& to, const Marks& marks) {
  std::vector<DiffLine> all;
  std::size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    if (i < from.size() && marks.removed[i])
      all.push_back({'-', from[i++]});
    else if (j < to.size() && marks.added[j])
      all.push_back({'+', to[j++]});
    else {
      all.push_back({' ', from[i++]});
      ++j;
    }
  }
  return all;
}

std::string range(std::size_t line, std::size_t count) {
  return std::to_string(line) + (count == 1 ? "" : "," + std::to_string(count));
}

}  // namespace

LineDiff diffLines(std::string_view from, std::string_view to, std::size_t context) {
  const auto fromLines = linesOf(from);
  const auto toLines = linesOf(to);
  std::unordered_map<std::string_view, int> numbers;
  const auto fromNumbers = numberLines(fromLines, numbers);
  const auto toNumbers = numberLines(toLines, numbers);
  Marks marks{std::vector<bool>(fromLines.size()), std::vector<bool>(toLines.size())};
  Search(fromNumbers, toNumbers, marks).run();
  const std::vector<DiffLine> all = merge(fromLines, toLines, marks);

  LineDiff out;
  std::size_t fromLine = 0, toLine = 0;  // before all[i]
  std::size_t lastChange = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool changed = all[i].mark != ' ';
    if (changed && (out.hunks.empty() || i - lastChange > 2 * context + 1)) {
      const std::size_t lead = std::min(context, out.hunks.empty() ? i : i - lastChange - 1);
      DiffHunk hunk{fromLine - lead + 1, 0, toLine - lead + 1, 0, {}};
      hunk.lines.assign(all.begin() + static_cast<std::ptrdiff_t>(i - lead),
                        all.begin() + static_cast<std::ptrdiff_t>(i));
      out.hunks.push_back(std::move(hunk));
    }
    if (changed) lastChange = i;
    const bool near = !out.hunks.empty() && (changed || i - lastChange <= context);
    // Between two changes that are close, what is after one's context is before the other's.
    const bool bridged = !changed && !near && !out.hunks.empty() && [&] {
      const std::size_t end = std::min(all.size(), lastChange + 2 * context + 2);
      return std::any_of(all.begin() + static_cast<std::ptrdiff_t>(i),
                         all.begin() + static_cast<std::ptrdiff_t>(end),
                         [](const DiffLine& line) { return line.mark != ' '; });
    }();
    if (near || bridged) out.hunks.back().lines.push_back(all[i]);
    if (all[i].mark != '+') ++fromLine;
    if (all[i].mark != '-') ++toLine;
    if (all[i].mark == '-') ++out.removed;
    if (all[i].mark == '+') ++out.added;
  }
  for (DiffHunk& hunk : out.hunks) {
    for (const DiffLine& line : hunk.lines) {
      if (line.mark != '+') ++hunk.fromCount;
      if (line.mark != '-') ++hunk.toCount;
    }
    // An empty side is named by the line before it.
    if (hunk.fromCount == 0) --hunk.fromLine;
    if (hunk.toCount == 0) --hunk.toLine;
  }
  return out;
}

std::string unifiedText(const LineDiff& diff, std::string_view fromName, std::string_view toName) {
  if (diff.hunks.empty()) return "";
  std::string out = "--- " + std::string(fromName) + "\n+++ " + std::string(toName) + "\n";
  for (const DiffHunk& hunk : diff.hunks) {
    out += "@@ -" + range(hunk.fromLine, hunk.fromCount) + " +" + range(hunk.toLine, hunk.toCount) +
           " @@\n";
    for (const DiffLine& line : hunk.lines) {
      out += line.mark;
      out += line.text;
      if (!line.text.ends_with('\n')) out += "\n\\ No newline at end of file\n";
    }
  }
  return out;
}

}  // namespace belay::base
