#include "common/base/Ids.h"

#include <algorithm>

namespace belay::base {

namespace {

bool isLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool isIdentifier(std::string_view text) {
  if (text.empty() || text.size() > 64 || !isLowerAlnum(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return isLowerAlnum(c) || c == '_' || c == '-'; });
}

}  // namespace belay::base
