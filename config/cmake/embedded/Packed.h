#pragma once

#include <cstddef>
#include <span>
#include <string_view>

/// What embed has written: the files one behind the other, as one zlib stream.
namespace belay::embedded::packed {

struct Entry {
  std::string_view path;
  std::size_t bytes;  ///< of the file
};

extern const std::span<const Entry> kEntries;  ///< sorted by path
extern const std::span<const unsigned char> kData;
extern const std::size_t kBytes;  ///< of all files together

}  // namespace belay::embedded::packed
