#pragma once

#include <string_view>

#include "common/base/Result.h"
#include "common/yaml/Yaml.h"

namespace belay::flow {

/// Reads `export const flow = {…}` of a flow that is code, with the places of all its values. It is
/// a literal, and read as one: nothing of the file runs for it.
///
/// Errors: kFlowCode with the place in the text.
base::Result<yaml::Document> readCodeFile(std::string_view text);

}  // namespace belay::flow
