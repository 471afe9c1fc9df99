#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belay::cli {

/// Colours and widths of what people read. Texts that others wrote go through shown() first.
///
/// Threads: any.
class Style {
 public:
  enum class Tone { kPlain, kBold, kDim, kGood, kBad, kWarn, kBusy };

  Style(bool color, std::size_t columns) : color_(color), columns_(columns) {}

  std::string paint(Tone tone, std::string_view text) const;
  std::string bold(std::string_view text) const { return paint(Tone::kBold, text); }
  std::string dim(std::string_view text) const { return paint(Tone::kDim, text); }
  /// The word of a run, visit or wait in the colour of its meaning.
  std::string status(std::string_view word) const { return paint(toneOf(word), word); }
  static Tone toneOf(std::string_view statusWord);

  bool color() const { return color_; }
  /// 0: not a terminal, nothing is shortened.
  std::size_t columns() const { return columns_; }

 private:
  bool color_;
  std::size_t columns_;
};

/// One line of a text from outside: nothing in it can move the cursor, hide, or colour.
std::string shown(std::string_view text);
/// Columns that a text takes on a terminal.
std::size_t widthOf(std::string_view text);
/// At most `columns` wide, with "…" where something was cut.
std::string shorten(std::string_view text, std::size_t columns);

/// Rows of cells in columns that line up. Cells are made visible; the widest one of those that may
/// shrink is shortened until a row fits the terminal, as far as it stays readable.
class Table {
 public:
  struct Cell {
    std::string text;
    Style::Tone tone = Style::Tone::kPlain;
    Cell(std::string value) : text(std::move(value)) {}
    Cell(const char* value) : text(value) {}
    Cell(std::string value, Style::Tone cellTone) : text(std::move(value)), tone(cellTone) {}
  };

  explicit Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}

  void row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  /// `squeezed`: a row fits whatever it costs.
  std::string print(const Style& style, bool squeezed = false) const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<Cell>> rows_;
};

/// "3 s ago", "in 2 h", "just now"; "–" for an empty or malformed instant.
std::string relative(std::string_view instant, std::int64_t nowMs);
/// "950 ms", "12.3 s", "4 m 10 s", "3 h 5 m", "2 d 4 h"
std::string lasting(std::int64_t milliseconds);

}  // namespace belay::cli
