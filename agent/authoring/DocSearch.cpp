#include "agent/authoring/DocSearch.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "common/base/Text.h"
#include "embedded/Embedded.h"

namespace belay::authoring {

namespace {

constexpr std::size_t kExcerptBytes = 160;
constexpr double kHeadingWeight = 8;
constexpr double kPageWeight = 5;

struct Section {
  std::string_view path;
  std::string page;  ///< Title and file name, lower case.
  std::string heading;
  std::vector<std::string_view> lines;
};

/// Both "retry" and "retries" become "retr": a stem that is cheap and the same on both sides.
std::string stemOf(std::string word) {
  for (const std::string_view end : {"ies", "ing", "ed", "es", "s", "y", "e"}) {
    if (word.size() >= end.size() + 3 && word.ends_with(end)) {
      word.resize(word.size() - end.size());
      return word;
    }
  }
  return word;
}

std::vector<Section> sectionsOf(const embedded::File& file) {
  std::vector<Section> out;
  std::string page = base::toLower(file.path);
  bool fenced = false;
  for (const std::string_view line : base::split(file.content, '\n')) {
    if (line.starts_with("```")) fenced = !fenced;
    const std::size_t marks = fenced ? std::string_view::npos : line.find_first_not_of('#');
    const bool head =
        !fenced && marks != 0 && marks != std::string_view::npos && line[marks] == ' ';
    if (head && out.empty()) page += " " + base::toLower(line.substr(marks + 1));
    if (head)
      out.push_back({file.path, {}, std::string(line.substr(marks + 1)), {}});
    else if (out.empty())
      out.push_back({file.path, {}, "", {}});
    if (!head) out.back().lines.push_back(line);
  }
  for (Section& section : out) section.page = page;
  return out;
}

std::size_t countOf(std::string_view text, std::string_view stem) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(stem, at)) != std::string_view::npos;
       at += stem.size()) {
    // Where a word begins: "age" is not meant by "message".
    const auto before = static_cast<unsigned char>(at == 0 ? ' ' : text[at - 1]);
    if (std::isalnum(before) == 0) ++count;
  }
  return count;
}

std::string excerptOf(std::string_view line, const std::vector<std::string>& stems) {
  const std::string lower = base::toLower(line);
  std::size_t at = std::string::npos;
  for (const std::string& stem : stems) at = std::min(at, lower.find(stem));
  if (line.size() <= kExcerptBytes) return std::string(base::trim(line));
  std::size_t from = at == std::string::npos || at < kExcerptBytes / 3 ? 0 : at - kExcerptBytes / 3;
  while (from > 0 && line[from - 1] != ' ') --from;
  std::size_t end = std::min(line.size(), from + kExcerptBytes);
  while (end < line.size() && line[end] != ' ') ++end;
  return (from > 0 ? "… " : "") + std::string(base::trim(line.substr(from, end - from))) +
         (end < line.size() ? " …" : "");
}

/// Score of a section; its excerpt comes from the line with most of the words.
DocHit weigh(const Section& section, const std::vector<std::string>& stems) {
  DocHit hit{section.path, section.heading, {}, 0};
  const std::string heading = base::toLower(section.heading);
  std::vector<double> found(stems.size(), 0);
  double best = 0;
  std::string_view bestLine = section.lines.empty() ? std::string_view() : section.lines.front();
  for (const std::string_view line : section.lines) {
    const std::string lower = base::toLower(line);
    double here = 0;
    for (std::size_t i = 0; i < stems.size(); ++i) {
      const auto count = static_cast<double>(countOf(lower, stems[i]));
      found[i] += count;
      here += std::min(count, 1.0) * 10 + std::min(count, 3.0);
    }
    if (here > best) bestLine = line;
    best = std::max(best, here);
  }
  double all = 0;
  for (std::size_t i = 0; i < stems.size(); ++i) {
    const auto inHeading =
        static_cast<double>(std::min<std::size_t>(countOf(heading, stems[i]), 1));
    const auto inPage =
        static_cast<double>(std::min<std::size_t>(countOf(section.page, stems[i]), 1));
    if (found[i] + inHeading == 0) continue;
    ++all;
    hit.score += std::log2(1 + found[i]) + inHeading * kHeadingWeight + inPage * kPageWeight;
  }
  if (all == 0) return hit;
  // All of the words count more than one of them many times.
  hit.score += 100 * all / static_cast<double>(stems.size());
  hit.excerpt = excerptOf(bestLine, stems);
  return hit;
}

}  // namespace

std::vector<DocHit> searchDocs(const std::vector<std::string>& words, std::size_t most) {
  std::vector<std::string> stems;
  for (const std::string& word : words) {
    for (const std::string_view part : base::split(word, ' ')) {
      if (!part.empty()) stems.push_back(stemOf(base::toLower(part)));
    }
  }
  std::vector<DocHit> hits;
  for (const embedded::File& file : embedded::files()) {
    if (!file.path.starts_with("docs/") || !file.path.ends_with(".md")) continue;
    for (const Section& section : sectionsOf(file)) {
      DocHit hit = weigh(section, stems);
      if (hit.score > 0) hits.push_back(std::move(hit));
    }
  }
  const auto better = [](const DocHit& a, const DocHit& b) { return a.score > b.score; };
  std::stable_sort(hits.begin(), hits.end(), better);
  // Further sections of a page stand behind the best ones of other pages, unless they are as good.
  std::set<std::string_view> seen;
  for (DocHit& hit : hits) {
    if (!seen.insert(hit.path).second) hit.score *= 0.8;
  }
  std::stable_sort(hits.begin(), hits.end(), better);
  if (hits.size() > most) hits.resize(most);
  return hits;
}

}  // namespace belay::authoring
