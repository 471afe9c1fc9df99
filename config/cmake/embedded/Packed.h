#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "embedded/Embedded.h"

/// What embed has written: the files one behind the other, as one zlib stream, and
/// room for what is in it, which is no memory until it is used.
namespace belay::embedded::packed {

struct Entry {
  std::string_view path;
  std::size_t bytes;  ///< of the file
};

extern const std::span<const Entry> kEntries;  ///< sorted by path
extern const std::span<const unsigned char> kData;
extern const std::span<unsigned char> kRoom;  ///< for all files together
extern const std::span<File> kFiles;          ///< one for each entry

}  // namespace belay::embedded::packed
