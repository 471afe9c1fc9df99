#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/yaml/Yaml.h"

namespace belay::authoring {

/// Something of a Dagu file that the flow does not have, or has in another way.
struct ImportNote {
  enum class Kind { kDropped, kChanged } kind = Kind::kDropped;
  yaml::Mark place;
  std::string pointer;  ///< JSON Pointer within the document.
  std::string message;
};

struct DaguImport {
  std::string flow;  ///< YAML text; where it is valid is for the checks of flows to say.
  std::vector<ImportNote>
      notes;  ///< In the order of the file. Whatever is not in the flow is here.
};

inline constexpr std::size_t kDaguStepsMax = 500;

/// Translates a DAG of Dagu, of the current format or of older ones. A step that has no counterpart
/// becomes one that fails and says so, never one that does nothing.
///
/// Errors: of yaml::parse; kInvalidArgument when the text is no DAG; kLimit beyond kDaguStepsMax.
base::Result<DaguImport> importDagu(std::string_view text, std::string_view fileName);

}  // namespace belay::authoring
