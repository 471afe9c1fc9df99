#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace belay::authoring {

/// A whole flow to begin with, inside the binary.
struct Template {
  std::string_view name;
  std::string_view summary;  ///< Its first comment.
  std::string_view text;
  std::string_view ending;  ///< Of its file's name: ".flow.yaml", or ".flow.js" of code.
};

/// In the order of their names.
std::vector<Template> allTemplates();
std::optional<Template> findTemplate(std::string_view name);

/// The text of a template as a flow with another slug. Comments and layout stay.
std::string withSlug(const Template& from, std::string_view slug);

}  // namespace belay::authoring
