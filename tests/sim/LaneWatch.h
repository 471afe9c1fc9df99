#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "agent/journal/Journal.h"

namespace belay::sim {

/// Looks at the runs that are there, whenever a host is at rest, and says whether the bounds of
/// their flows hold: never more of a key active than may be, begun in the order in which they came,
/// and nobody waits while there is room. Of flows with releases besides, that on_new_release does
/// what it says: runs of two releases are not at work together (drain), and what was live before
/// is not queued any more (supersede).
///
/// It believes the first events of the runs for keys and limits, and their rows for what they do.
/// Threads: owner.
class LaneWatch {
 public:
  /// Of all releases of a flow.
  void onNewRelease(const std::string& slug, const std::string& word) { policies_[slug] = word; }
  /// `hostMost`: runs that may be at work at once; 0: no bound. What is wrong; empty: nothing.
  std::string look(journal::Journal& journal, std::size_t hostMost);

 private:
  using Lane = std::pair<std::string, std::string>;  ///< Slug and key.
  struct Seen {
    std::uint32_t limit = 0;
    std::uint32_t active = 0;
    std::uint32_t ready = 0;                     ///< Have a slot, and wait for the host.
    std::map<base::RunId, std::int64_t> queued;  ///< With their places.
  };
  /// The runs of the releases of a flow.
  struct Releases {
    std::map<std::int64_t, std::uint32_t> active;
    std::map<std::int64_t, std::int64_t> firstWaiting;  ///< The place of the first.
  };

  std::string add(journal::Journal& journal, const journal::RunRow& row);
  std::string compare(const Lane& lane, const Seen& seen);
  std::string release(journal::Journal& journal, const journal::RunRow& row, std::int64_t place);
  /// Whether a run of this release has to wait for those of others.
  bool drains(const std::string& slug, std::int64_t release, std::int64_t place) const;

  std::map<std::string, std::string> policies_;
  std::map<std::string, Releases> releases_;
  std::map<base::RunId, std::int64_t> releaseOf_;
  std::map<Lane, Seen> now_;
  std::map<Lane, Seen> before_;
  std::map<base::RunId, engine::RunStatus> statuses_;
};

}  // namespace belay::sim
