#include "embedded/Embedded.h"

#include <algorithm>

namespace belay::embedded {

const File* find(std::string_view path) noexcept {
  const auto all = files();
  const auto found = std::ranges::lower_bound(all, path, {}, &File::path);
  return found != all.end() && found->path == path ? &*found : nullptr;
}

}  // namespace belay::embedded
