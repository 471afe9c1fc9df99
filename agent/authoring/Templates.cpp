#include "agent/authoring/Templates.h"

#include "common/base/Text.h"
#include "embedded/Embedded.h"

namespace belay::authoring {

namespace {

constexpr std::string_view kFolder = "config/templates/";
constexpr std::string_view kEnd = ".flow.yaml";

/// What the comment in the first line says.
std::string_view firstComment(std::string_view text) {
  if (!text.starts_with("# ")) return {};
  return text.substr(2, text.find('\n') - 2);
}

}  // namespace

std::vector<Template> allTemplates() {
  std::vector<Template> out;
  for (const embedded::File& file : embedded::files()) {
    if (!file.path.starts_with(kFolder) || !file.path.ends_with(kEnd)) continue;
    const std::string_view name =
        file.path.substr(kFolder.size(), file.path.size() - kFolder.size() - kEnd.size());
    if (name.find('/') == std::string_view::npos)
      out.push_back({name, firstComment(file.content), file.content});
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
    const bool here = !done && line.starts_with("slug: ");
    done = done || here;
    out += here ? "slug: " + std::string(slug) : std::string(line);
  }
  return out;
}

}  // namespace belay::authoring
