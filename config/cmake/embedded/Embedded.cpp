#include "embedded/Embedded.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "embedded/Packed.h"

namespace belay::embedded {

namespace {

/// All files, unpacked when the first of them is asked for: most lives of the daemon need none.
struct Unpacked {
  std::vector<unsigned char> bytes;
  std::vector<File> files;

  Unpacked() : bytes(packed::kBytes) {
    uLongf size = bytes.size();
    const int done = uncompress(bytes.data(), &size, packed::kData.data(), packed::kData.size());
    // The build has written these bytes: what cannot be read is a broken binary.
    if (done != Z_OK || size != bytes.size()) std::abort();
    std::string_view rest{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    for (const packed::Entry& entry : packed::kEntries) {
      files.push_back({entry.path, rest.substr(0, entry.bytes)});
      rest.remove_prefix(entry.bytes);
    }
  }
};

}  // namespace

std::span<const File> files() {
  static const Unpacked unpacked;
  return unpacked.files;
}

const File* find(std::string_view path) {
  const auto all = files();
  const auto found = std::ranges::lower_bound(all, path, {}, &File::path);
  return found != all.end() && found->path == path ? &*found : nullptr;
}

}  // namespace belay::embedded
