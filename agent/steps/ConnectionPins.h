#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "agent/runtime/Performer.h"
#include "agent/vault/ConnectionStore.h"

namespace belay::steps {

/// What attempts were described with, for their start: what was permitted and approved is what is
/// used, although somebody changes a connection in between.
///
/// Threads: the loop.
template <typename Kept>
class AttemptPins {
 public:
  /// Of describe(). Replaces what was kept for the attempt.
  void keep(const runtime::Attempt& attempt, Kept kept) {
    std::string key = keyOf(attempt);
    std::erase_if(kept_, [&](const auto& one) { return one.first == key; });
    if (kept_.size() >= kKeptMax) kept_.erase(kept_.begin());
    kept_.emplace_back(std::move(key), std::move(kept));
  }
  /// Of start(), at its beginning: what was kept, or an empty one.
  Kept take(const runtime::Attempt& attempt) {
    const std::string key = keyOf(attempt);
    // From the end: most starts follow their description at once.
    const auto found = std::find_if(kept_.rbegin(), kept_.rend(),
                                    [&](const auto& one) { return one.first == key; });
    if (found == kept_.rend()) return {};
    Kept kept = std::move(found->second);
    kept_.erase(std::next(found).base());
    return kept;
  }

 private:
  /// The start follows its description within a round of the loop; a description for an approval has
  /// no start. Older ones go.
  static constexpr std::size_t kKeptMax = 4096;

  static std::string keyOf(const runtime::Attempt& attempt) {
    return attempt.run.str() + " " + attempt.idempotencyKey + " " + attempt.key.path;
  }

  std::vector<std::pair<std::string, Kept>> kept_;  ///< Oldest first.
};

using ConnectionPins = AttemptPins<vault::ConnectionPtr>;

/// Of a start for which nothing is kept: what was allowed for it is not known any more.
base::Error unpinned(const runtime::Attempt& attempt);

/// The connection that an attempt names `name`: `pinned`, or what is bound to it now, or where nothing
/// is, the one of that name. Errors: kConnectionUnbound, kConnectionNotFound for what is bound.
base::Result<vault::ConnectionPtr> connectionOf(const vault::ConnectionStore& store,
                                                const runtime::Attempt& attempt,
                                                const std::string& name,
                                                vault::ConnectionPtr pinned);

}  // namespace belay::steps
