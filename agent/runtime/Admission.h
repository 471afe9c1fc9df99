#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "agent/journal/AdmissionTable.h"
#include "agent/runtime/Core.h"

namespace belay::runtime {

/// What a run needs to begin.
struct Ticket {
  std::string slug;
  std::int64_t release = 0;  ///< 0: a draft.
  bool drains = false;       ///< on_new_release: drain.
  std::optional<engine::Lane> lane;
  flow::OnConflict onConflict = flow::OnConflict::kQueue;
  std::uint32_t maxQueued = 0;
  base::RunId parent;  ///< The run that waits for this one; empty: none.
};

/// What becomes of a run that asks to begin.
struct Admittance {
  enum class Verdict : std::uint8_t { kBegin, kQueue, kSkip } verdict = Verdict::kBegin;
  journal::Turn turn = journal::Turn::kBegun;  ///< Not of kSkip.
  base::RunId because;                         ///< Of kSkip: a run that is in the way.
};

/// Which runs begin and which wait: the slots of `concurrency`, `on_new_release: drain`, and the
/// places of the host (limits.concurrent_runs).
///
/// A run first gets a slot of its lane, in order of the lane, and then a place on the host, in
/// order of all that have one. So neither queue is ever searched, however long it is. A run that
/// only waits keeps its slot and gives its place on the host back; when it goes on, it does not ask
/// again.
///
/// Threads:   the loop.
/// Ownership: borrows the core.
/// Errors:    those that end the transaction; ask() besides: kFlowBusy, kQueueFull.
class Admission {
 public:
  explicit Admission(Core& core) : core_(core), census_(core.census()) {}

  /// Evaluates the key. `inputJson` and `triggerJson` are what expressions see.
  /// Errors: of the expression; kInputInvalid for a key that is too long.
  base::Result<Ticket> ticketOf(const LoadedFlow& flow, std::string_view source,
                                const std::string& inputJson, const std::string& triggerJson);
  /// Of a run that has had its key evaluated.
  static Ticket ticketOf(const LiveRun& run);

  /// Whether `run` may begin now. To make room for it, on_conflict: supersede ends others. A run
  /// that would have to wait for one that waits for it, by itself or over others, is refused.
  base::Result<Admittance> ask(const Ticket& ticket, const base::RunId& run, const std::string& by);
  /// Puts what ask() said of a run into effect; `place` 0: behind all others.
  base::Status take(std::int64_t run, const Ticket& ticket, const Admittance& admittance,
                    std::int64_t place = 0);
  /// Takes a row away.
  base::Status withdraw(const journal::AdmissionRow& row);

  /// Before a commit, after a flush: lets runs begin for which there is room, at most some
  /// hundred.
  base::Status admit();
  /// True when admit() has more to look at.
  bool hasWork() const;
  /// Looks at all queues: at the start, and after a rollback.
  void lookAtAll();
  /// After a rollback.
  void forget();

 private:
  using LaneName = std::pair<std::string, std::string>;  ///< Slug and lane.
  /// Lanes to look at, one after another.
  struct Sweep {
    std::string only;  ///< Slug; empty: all.
    LaneName after;
  };

  base::Result<journal::LaneCounts*> countsOf(const LaneName& lane);
  base::Status makeRoom(const Ticket& ticket, const LaneName& lane, const base::RunId& newcomer,
                        const std::string& by);
  base::Result<base::RunId> inTheWay(const LaneName& lane);
  /// Errors: kFlowBusy when a run above holds a slot of the lane.
  base::Status refuseBehindAbove(const Ticket& ticket, const LaneName& lane);
  /// Errors: kFlowBusy when a run above is of another release of the flow.
  base::Status refuseToOutwaitAbove(const Ticket& ticket);
  /// Errors: kFlowBusy when the run, queued, would wait for itself over other runs.
  base::Status refuseCircle(const Ticket& ticket, const base::RunId& run);
  base::Result<bool> drained(const std::string& slug, std::int64_t release, std::int64_t place);
  base::Result<bool> hostHasRoom();
  bool boundsHost() const { return core_.settings().concurrentRunsMax != 0; }

  base::Status leave(const EndedRun& run);
  /// True when the lane has been worked off, false when `budget_` was used up.
  base::Result<bool> fill(const LaneName& lane);
  base::Result<bool> sweep(Sweep& at);
  base::Status fillHost();
  /// The run of a row, when it still means to begin.
  base::Result<LiveRun*> candidate(const journal::AdmissionRow& row);
  base::Status begin(const journal::AdmissionRow& row, LiveRun& run);

  Core& core_;
  Census& census_;
  std::map<LaneName, journal::LaneCounts> counts_;  ///< Of some lanes, as the table has them.
  std::optional<std::int64_t> lastPlace_;
  std::set<LaneName> freed_;
  std::deque<Sweep> sweeps_;
  bool hostUnknown_ = false;  ///< Runs may wait for a place though there is room.
  std::size_t budget_ = 0;
};

}  // namespace belay::runtime
