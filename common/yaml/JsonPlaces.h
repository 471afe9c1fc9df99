#pragma once

#include <string_view>

#include "common/json/Value.h"
#include "common/yaml/Yaml.h"

namespace belay::yaml {

/// The places of all values of a JSON text. The text must have passed json::parse and have given
/// `root`: nothing is checked a second time.
Place jsonPlaces(std::string_view text, const json::Value& root);

}  // namespace belay::yaml
