#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace belay::authoring {

/// A section of the manual that answers a search.
struct DocHit {
  std::string_view path;  ///< Of the page: "docs/flows.md"
  std::string heading;    ///< Of the section.
  std::string excerpt;    ///< Around the place where most of the words stand.
  double score = 0;
};

/// Looks for words in the pages that are inside the binary, in any order and without regard to
/// case; "retries" finds "retry" too. Sections with all the words come first, then by how often and
/// where they stand; at most one section of a page stands before the best ones of other pages.
std::vector<DocHit> searchDocs(const std::vector<std::string>& words, std::size_t most);

}  // namespace belay::authoring
