#pragma once

#include <string>

#include "common/json/Value.h"

namespace belay::authoring {

/// A value as YAML in the layout of the templates: short lists and objects in one line, texts of
/// several lines as blocks. Reading it gives the value again.
std::string yamlText(const json::Value& value);

}  // namespace belay::authoring
