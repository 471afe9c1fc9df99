#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/journal/AdmissionTable.h"
#include "agent/runtime/Core.h"

namespace belay::runtime {

/// Whether a run that would be queued below another one would wait for itself: a run with open
/// children ends when all of them have ended, and a run that is queued begins when enough of those
/// that hold the slots of its lane have ended (with on_new_release: drain, when all runs of other
/// releases have). Whoever does anything else comes to its end.
///
/// It looks at what is there, so that the last to join a circle is the one that finds it. At most
/// some thousand runs are looked at: beyond them, runs are taken to come to their end.
///
/// Threads:   the loop.
/// Ownership: borrows the core.
/// Errors:    those that end the transaction.
class WaitGraph {
 public:
  explicit WaitGraph(Core& core)
      : core_(core), table_(core.world().journal.admissions()), census_(core.census()) {}

  /// "it would be queued behind run r1, which waits for it"; empty: nothing prevents it from
  /// beginning. `newcomer` has no row yet; `parent` is the run whose step it is for.
  base::Result<std::string> circleOf(const journal::AdmissionRow& newcomer,
                                     const base::RunId& parent);

 private:
  using Path = std::vector<base::RunId>;

  /// One look at all that the newcomer depends on; true when it can begin.
  base::Result<bool> settle();
  base::Result<bool> ends(const base::RunId& run, std::size_t depth);
  base::Result<bool> childrenEnd(const base::RunId& run, std::size_t depth);
  base::Result<bool> begins(const journal::AdmissionRow& row, std::size_t depth);
  base::Result<bool> laneMoves(const journal::AdmissionRow& row, std::size_t depth);
  base::Result<bool> othersEnd(const journal::AdmissionRow& row, std::size_t depth);
  /// ends(), and that `from` depends on it where it does not.
  base::Result<bool> dependsOn(const base::RunId& from, const base::RunId& on, std::size_t depth);
  bool isOver(const base::RunId& run);
  /// From the newcomer to its parent over what does not end; empty: there is none.
  Path circle() const;
  /// Drops a link that only rows know of: a run that somebody has retried alone.
  base::Result<bool> holds(const Path& path);
  base::Result<bool> isQueued(const base::RunId& run);
  base::Result<std::string> text(const Path& path);

  Core& core_;
  journal::AdmissionTable& table_;
  Census& census_;
  journal::AdmissionRow newcomer_;
  base::RunId parent_;
  std::set<base::RunId> free_;  ///< Come to their end.
  std::set<base::RunId> seen_;  ///< In this look.
  std::map<base::RunId, std::vector<base::RunId>> stuckOn_;
  std::set<std::pair<base::RunId, base::RunId>> dropped_;
};

}  // namespace belay::runtime
