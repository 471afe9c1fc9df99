#include "agent/cli/ResourceViewers.h"

#include <algorithm>
#include <vector>

#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::cli {

using json::Value;

namespace {

constexpr std::size_t kRowsMost = 1'000;
constexpr std::size_t kColumnsMost = 40;

std::string cellOf(const Value* value) {
  if (!value || value->isNull()) return "";
  return value->isString() ? value->asString() : json::print(*value);
}

/// Rows of a list of objects; nothing for any other JSON.
std::string tableOfJson(const Value& value, const Style& style) {
  const Value* rows = value.isObject() ? value.find("rows") : &value;
  if (!rows || !rows->isArray() || rows->asArray().empty()) return {};
  std::vector<std::string> heads;
  for (const Value& row : rows->asArray()) {
    if (!row.isObject()) return {};
    for (const auto& [name, cell] : row.asObject()) {
      if (std::find(heads.begin(), heads.end(), name) == heads.end() && heads.size() < kColumnsMost)
        heads.push_back(name);
    }
  }
  Table table(heads);
  std::size_t count = 0;
  for (const Value& row : rows->asArray()) {
    if (++count > kRowsMost) break;
    std::vector<Table::Cell> cells;
    for (const std::string& head : heads) cells.emplace_back(cellOf(row.find(head)));
    table.row(std::move(cells));
  }
  return table.print(style);
}

/// The fields of the record that begins at `at`, which moves behind it.
std::vector<std::string> csvRecord(std::string_view text, std::size_t& at) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += c;
        ++at;
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

std::string tableOfCsv(std::string_view text, const Style& style) {
  std::size_t at = 0;
  std::vector<std::string> heads = csvRecord(text, at);
  if (heads.size() < 2 || heads.size() > kColumnsMost) return {};
  const std::size_t width = heads.size();
  Table table(std::move(heads));
  for (std::size_t count = 0; at < text.size() && count < kRowsMost; ++count) {
    std::vector<std::string> fields = csvRecord(text, at);
    fields.resize(width);
    table.row({fields.begin(), fields.end()});
  }
  return table.print(style);
}

std::string colouredDiff(std::string_view content, const Style& style) {
  std::string out;
  for (const std::string_view line : base::split(content, '\n')) {
    const auto tone = line.starts_with("+++") || line.starts_with("---") ? Style::Tone::kBold
                      : line.starts_with('+')                           ? Style::Tone::kGood
                      : line.starts_with('-')                           ? Style::Tone::kBad
                      : line.starts_with('@')                           ? Style::Tone::kDim
                                                                        : Style::Tone::kPlain;
    out += style.paint(tone, base::visible(line)) + "\n";
  }
  if (content.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace

Viewer viewerFor(std::string_view mediaType, std::string_view name) {
  const auto is = [&](std::string_view type, std::string_view end) {
    return mediaType.find(type) != std::string_view::npos || name.ends_with(end);
  };
  if (is("diff", ".diff") || is("patch", ".patch")) return Viewer::kDiff;
  if (is("csv", ".csv")) return Viewer::kTable;
  return is("json", ".json") ? Viewer::kJson : Viewer::kText;
}

std::string view(std::string_view content, Viewer viewer, const Style& style) {
  std::string out;
  if (viewer == Viewer::kDiff) return colouredDiff(content, style);
  if (viewer == Viewer::kTable || viewer == Viewer::kJson) {
    const auto value = json::parse(content);
    if (value && viewer == Viewer::kTable) out = tableOfJson(*value, style);
    if (!value && viewer == Viewer::kTable) out = tableOfCsv(content, style);
    if (value && out.empty()) out = base::visible(json::printPretty(*value), true) + "\n";
  }
  return out.empty() ? base::visible(content, true) : out;
}

}  // namespace belay::cli
