#include "agent/authoring/Templates.h"

#include <array>

#include "common/base/Text.h"
#include "embedded/Embedded.h"

namespace belay::authoring {

namespace {

constexpr std::string_view kFolder = "config/templates/";
constexpr std::array<std::string_view, 2> kEnds{".flow.yaml", ".flow.js"};

/// What the comment in the first line says.
std::string_view firstComment(std::string_view text) {
  for (const std::string_view mark : {"# ", "// "}) {
    if (text.starts_with(mark)) return text.substr(mark.size(), text.find('\n') - mark.size());
  }
  return {};
}

}  // namespace

std::vector<Template> allTemplates() {
  std::vector<Template> out;
  for (const embedded::File& file : embedded::files()) {
    if (!file.path.starts_with(kFolder)) continue;
    const std::string_view name = file.path.substr(kFolder.size());
    if (name.find('/') != std::string_view::npos) continue;
    for (const std::string_view end : kEnds) {
      if (!name.ends_with(end)) continue;
      out.push_back({name.substr(0, name.size() - end.size()), firstComment(file.content),
                     file.content, end});
    }
  }
  return out;
}

std::optional<Template> findTemplate(std::string_view name) {
  for (const Template& one : allTemplates()) {
    if (one.name == name) return one;
  }
  return std::nullopt;
}

std::string withSlug(const Template& from, std::string_view slug) {
  std::string out;
  bool done = false;
  for (const std::string_view line : base::split(from.text, '\n')) {
    if (!out.empty()) out += '\n';
    const bool inYaml = !done && line.starts_with("slug: ");
    const bool inCode = !done && line.starts_with("  slug: \"");
    done = done || inYaml || inCode;
    out += inYaml   ? "slug: " + std::string(slug)
           : inCode ? "  slug: \"" + std::string(slug) + "\","
                    : std::string(line);
  }
  return out;
}

}  // namespace belay::authoring
