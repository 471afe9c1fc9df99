#include "embedded/Embedded.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>

#include "embedded/Packed.h"

namespace belay::embedded {

namespace {

/// Fills in the room for the files. True: what the build has packed can be read.
bool unpack() {
  uLongf size = packed::kRoom.size();
  const int done =
      uncompress(packed::kRoom.data(), &size, packed::kData.data(), packed::kData.size());
  if (done != Z_OK || size != packed::kRoom.size()) return false;
  std::string_view rest{reinterpret_cast<const char*>(packed::kRoom.data()), packed::kRoom.size()};
  for (std::size_t i = 0; i < packed::kEntries.size(); ++i) {
    const packed::Entry& entry = packed::kEntries[i];
    packed::kFiles[i] = {entry.path, rest.substr(0, entry.bytes)};
    rest.remove_prefix(entry.bytes);
  }
  return true;
}

}  // namespace

std::span<const File> files() {
  // When the first is asked for: most lives of the daemon need none.
  static const bool unpacked = unpack();
  if (!unpacked) std::abort();
  return packed::kFiles;
}

const File* find(std::string_view path) {
  const auto all = files();
  const auto found = std::ranges::lower_bound(all, path, {}, &File::path);
  return found != all.end() && found->path == path ? &*found : nullptr;
}

}  // namespace belay::embedded
