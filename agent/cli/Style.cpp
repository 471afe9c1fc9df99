#include "agent/cli/Style.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 12;  ///< Cells are not cut below this.

std::string_view codeOf(Style::Tone tone) {
  switch (tone) {
    case Style::Tone::kBold:
      return "1";
    case Style::Tone::kDim:
      return "2";
    case Style::Tone::kGood:
      return "32";
    case Style::Tone::kBad:
      return "31";
    case Style::Tone::kWarn:
      return "33";
    case Style::Tone::kBusy:
      return "36";
    case Style::Tone::kPlain:
      break;
  }
  return "";
}

/// The character that begins at `at`; malformed bytes count one each.
char32_t decode(std::string_view text, std::size_t at, std::size_t& length) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  if (at + length > text.size()) length = 1;
  if (length == 1) return first;
  char32_t value = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) value = value << 6 | (byte(at + i) & 0x3Fu);
  return value;
}

std::size_t columnsOf(char32_t c) {
  struct Range {
    char32_t from, to;
  };
  constexpr std::array<Range, 4> kCombining{
      {{0x300, 0x36F}, {0x1AB0, 0x1AFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}}};
  constexpr std::array<Range, 7> kWide{{{0x1100, 0x115F},
                                        {0x2E80, 0xA4CF},
                                        {0xAC00, 0xD7A3},
                                        {0xF900, 0xFAFF},
                                        {0xFE30, 0xFE6F},
                                        {0xFF00, 0xFF60},
                                        {0x1F300, 0x1FAFF}}};
  const auto within = [c](const Range& range) { return c >= range.from && c <= range.to; };
  if (std::any_of(kCombining.begin(), kCombining.end(), within)) return 0;
  return std::any_of(kWide.begin(), kWide.end(), within) || (c >= 0x20000 && c <= 0x3FFFD) ? 2 : 1;
}

}  // namespace

std::string Style::paint(Tone tone, std::string_view text) const {
  const std::string_view code = codeOf(tone);
  if (!color_ || code.empty() || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

Style::Tone Style::toneOf(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, Tone>, 25> kTones{{
      {"succeeded", Tone::kGood}, {"approved", Tone::kGood}, {"answered", Tone::kGood},
      {"ok", Tone::kGood},        {"failed", Tone::kBad},    {"rejected", Tone::kBad},
      {"fail", Tone::kBad},       {"timed_out", Tone::kBad}, {"ambiguous", Tone::kBad},
      {"cancelled", Tone::kBad},  {"error", Tone::kBad},     {"waiting", Tone::kWarn},
      {"paused", Tone::kWarn},    {"stopping", Tone::kWarn}, {"backoff", Tone::kWarn},
      {"open", Tone::kWarn},      {"warn", Tone::kWarn},     {"warning", Tone::kWarn},
      {"running", Tone::kBusy},   {"body", Tone::kGood},     {"stopped", Tone::kDim},
      {"skipped", Tone::kDim},    {"ended", Tone::kDim},     {"closed", Tone::kDim},
      {"queued", Tone::kWarn},
  }};
  const auto found = std::find_if(kTones.begin(), kTones.end(),
                                  [word](const auto& row) { return row.first == word; });
  return found == kTones.end() ? Tone::kPlain : found->second;
}

std::string shown(std::string_view text) { return base::visible(text); }

std::size_t widthOf(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    width += columnsOf(decode(text, at, length));
  }
  return width;
}

std::string shorten(std::string_view text, std::size_t columns) {
  if (widthOf(text) <= columns) return std::string(text);
  std::size_t width = 1;  // The ellipsis.
  std::size_t at = 0;
  for (std::size_t length = 0; at < text.size(); at += length) {
    const std::size_t next = columnsOf(decode(text, at, length));
    if (width + next > columns) break;
    width += next;
  }
  return std::string(text.substr(0, at)) + "…";
}

std::string Table::print(const Style& style, bool squeezed) const {
  std::vector<std::size_t> widths;
  for (const std::string& head : heads_) widths.push_back(widthOf(head));
  std::vector<std::vector<Cell>> rows = rows_;
  for (std::vector<Cell>& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      row[i].text = shown(row[i].text);
      widths[i] = std::max(widths[i], widthOf(row[i].text));
    }
  }
  if (style.columns() != 0) {
    std::size_t total = kGap * (widths.empty() ? 0 : widths.size() - 1);
    for (const std::size_t width : widths) total += width;
    std::size_t narrowest = kNarrowest;
    while (total > style.columns()) {
      const auto widest = std::max_element(widths.begin(), widths.end());
      if (*widest <= narrowest) {
        if (!squeezed || narrowest == 1) break;
        narrowest = 1;
        continue;
      }
      const std::size_t cut = std::min(*widest - narrowest, total - style.columns());
      *widest -= cut;
      total -= cut;
    }
  }
  const auto line = [&](const std::vector<Cell>& cells) {
    std::string out;
    for (std::size_t i = 0; i < cells.size() && i < widths.size(); ++i) {
      const std::string text = shorten(cells[i].text, widths[i]);
      out += style.paint(cells[i].tone, text);
      // Nothing behind the last cell: a line that is copied has no trailing spaces.
      if (i + 1 < cells.size())
        out += std::string(widths[i] - std::min(widths[i], widthOf(text)) + kGap, ' ');
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
  };
  std::vector<Cell> heads;
  for (const std::string& head : heads_) heads.emplace_back(head, Style::Tone::kDim);
  std::string out = line(heads);
  for (const std::vector<Cell>& row : rows) out += line(row);
  return out;
}

std::string lasting(std::int64_t milliseconds) {
  const auto two = [](std::int64_t a, const char* unitA, std::int64_t b, const char* unitB) {
    std::string out = std::to_string(a) + " " + unitA;
    if (b != 0) out += " " + std::to_string(b) + " " + unitB;
    return out;
  };
  if (milliseconds < 0) milliseconds = 0;
  if (milliseconds < 1000) return std::to_string(milliseconds) + " ms";
  const std::int64_t seconds = milliseconds / 1000;
  if (seconds < 60)
    return std::to_string(seconds) + "." + std::to_string(milliseconds % 1000 / 100) + " s";
  if (seconds < 3600) return two(seconds / 60, "m", seconds % 60, "s");
  if (seconds < 86'400) return two(seconds / 3600, "h", seconds % 3600 / 60, "m");
  return two(seconds / 86'400, "d", seconds % 86'400 / 3600, "h");
}

std::string relative(std::string_view instant, std::int64_t nowMs) {
  const auto at = base::parseInstant(instant);
  if (!at) return "–";
  const std::int64_t apart = nowMs - *at;
  const std::int64_t seconds = std::abs(apart) / 1000;
  if (seconds < 1) return "just now";
  const std::string length = seconds < 60       ? std::to_string(seconds) + " s"
                             : seconds < 3600   ? std::to_string(seconds / 60) + " m"
                             : seconds < 86'400 ? std::to_string(seconds / 3600) + " h"
                                                : std::to_string(seconds / 86'400) + " d";
  return apart >= 0 ? length + " ago" : "in " + length;
}

}  // namespace belay::cli
