#include "common/base/Utf8.h"

namespace belay::base {

std::string shortened(std::string_view text, std::size_t most) {
  const std::string_view whole = wholeCharacters(text, most);
  return std::string(whole) + (whole.size() < text.size() ? "…" : "");
}

}  // namespace belay::base
