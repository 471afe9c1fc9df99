#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "agent/journal/Journal.h"

namespace belay::sim {

/// Looks at the runs that are there, whenever a host is at rest, and says whether the bounds of
/// their flows hold: never more of a key active than may be, begun in the order in which they came,
/// and nobody waits while there is room.
///
/// It believes the first events of the runs for keys and limits, and their rows for what they do.
/// Threads: owner.
class LaneWatch {
 public:
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

  std::string add(journal::Journal& journal, const journal::RunRow& row);
  std::string compare(const Lane& lane, const Seen& seen);

  std::map<Lane, Seen> now_;
  std::map<Lane, Seen> before_;
  std::map<base::RunId, engine::RunStatus> statuses_;
};

}  // namespace belay::sim
