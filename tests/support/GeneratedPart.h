#pragma once

#include <stdlib.h>

#include <string>

#include "common/base/Files.h"

namespace belay::test {

/// The part of a page between "<!-- NAME -->" and "<!-- end of NAME -->"; empty when there is none.
/// With BELAY_UPDATE_GOLDEN in the environment it is replaced by `wanted` first. Paths are from the
/// root of the repository.
inline std::string generatedPart(const std::string& page, const std::string& name,
                                 const std::string& wanted) {
  const auto text = base::readFile(page, 4u << 20);
  if (!text) return "";
  const std::string begin = "<!-- " + name + " -->\n";
  const std::string end = "<!-- end of " + name + " -->\n";
  const std::size_t from = text->find(begin);
  const std::size_t to = text->find(end);
  if (from == std::string::npos || to == std::string::npos) return "";
  if (::getenv("BELAY_UPDATE_GOLDEN") != nullptr) {
    const std::string next = text->substr(0, from + begin.size()) + wanted + text->substr(to);
    if (!base::writeFileDurably(page, next, 0644)) return "";
    return wanted;
  }
  return text->substr(from + begin.size(), to - from - begin.size());
}

}  // namespace belay::test
