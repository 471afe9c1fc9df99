#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::steps {

/// What somebody looks for, in the words of people: all words must be there; `"two words"` stand
/// together, `word*` is the beginning of one, `-word` must not be there, and of `a OR b` one does.
///
/// Threads: any.
class SearchQuery {
 public:
  /// Errors: kSearchQuery.
  static base::Result<SearchQuery> parse(std::string_view text);

  /// In the language of FTS5, over the columns name and body; with `slug`, only of that flow.
  std::string fts(std::string_view slug) const;
  /// Whether a text holds what is looked for; words within words too.
  bool matches(std::string_view text) const;

 private:
  struct Term {
    std::string words;
    bool prefix = false;
  };
  static std::string quoted(const Term& term);
  static std::string anyOf(const std::vector<Term>& terms);

  std::vector<std::vector<Term>> all_;  ///< Of each group, one.
  std::vector<Term> none_;
};

}  // namespace belay::steps
