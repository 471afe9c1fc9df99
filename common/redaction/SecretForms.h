#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace belay::redaction {

/// How a secret value can look in a text: as it is and in the usual encodings, each once, none
/// shorter than `shortest`. The caller wipes them. Threads: any.
std::vector<std::string> secretForms(std::string_view value, std::size_t shortest);

}  // namespace belay::redaction
