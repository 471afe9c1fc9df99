#pragma once

#include <span>
#include <string_view>

/// The repository's text files that are inside the binary: docs, error pages, schema, templates,
/// defaults.
///
/// Threads: any; everything is constant once it is there. The first call unpacks it (some
/// milliseconds); views are valid for ever.
namespace belay::embedded {

struct File {
  std::string_view path;     ///< from the repository's root: "docs/errors/BLY-0101.md"
  std::string_view content;  ///< exactly the file's bytes
};

/// Returns all files, sorted by path.
std::span<const File> files();

/// Returns the file of that path, or nullptr.
const File* find(std::string_view path);

}  // namespace belay::embedded
