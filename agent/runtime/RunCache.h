#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/engine/RunState.h"
#include "agent/journal/Journal.h"
#include "agent/runtime/CodeFeed.h"
#include "agent/runtime/FlowCache.h"
#include "agent/runtime/Performer.h"
#include "agent/runtime/RecordedDecisions.h"
#include "common/base/Result.h"
#include "common/log/Log.h"

namespace belay::runtime {

/// The items of the for_each steps of a run, taken apart when they are first asked for.
///
/// Threads: the loop.
class ItemCache {
 public:
  /// JSON texts, in order. Errors: those of the resource that the list was kept as; kJsonSyntax.
  base::Result<const std::vector<std::string>*> of(const engine::ActiveBlock& block,
                                                   LargeOutputs& outputs);
  /// Lets go of the items of a step that has ended.
  void drop(const std::string& path) { lists_.erase(path); }

 private:
  struct List {
    std::uint32_t visit = 0;
    std::vector<std::string> items;
  };
  std::map<std::string, List> lists_;
};

/// A run in memory: its state, where its chain ends, and the row that lists show.
struct LiveRun {
  engine::RunState state;
  journal::RunHead head;
  journal::RunRow row;
  std::shared_ptr<const LoadedFlow> flow;  ///< Shared with the cache of flows and other runs.
  ItemCache items;
  std::unique_ptr<CodeRun> code;  ///< Set if the flow is code.
  bool dirty = false;             ///< The row has to be written again.
  /// Of a history that was read from disk, until they have been verified.
  std::unique_ptr<RecordedDecisions> unverified;
  std::optional<base::Error> distrust;  ///< Why this run may not go on.
};

/// The step of a run at a path, or what undoes it; null pointer: there is none, and of code, none
/// that has not ended.
const flow::Step* stepOf(const LiveRun& run, const std::string& path);

/// The runs that move. A run that only waits costs disk and no memory: it is loaded again when its
/// wait is answered. Some runs of code stay for a while (Core::rests).
///
/// Threads: the loop.
class RunCache {
 public:
  RunCache(journal::Journal& journal, FlowCache& flows, log::Log& log)
      : journal_(journal), flows_(flows), log_(log) {}

  /// The run, loaded by applying its events where it is not in memory. Errors: kRunNotFound;
  /// kJournalIo; any other: this run cannot be read, which was logged, and all others can go on
  /// (ofOneRun()).
  base::Result<LiveRun*> get(const base::RunId& id);
  LiveRun* find(const base::RunId& id);
  LiveRun& add(std::unique_ptr<LiveRun> run);
  void drop(const base::RunId& id);
  /// Forgets all: after a rollback memory is ahead of the journal.
  void clear() { runs_.clear(); }
  std::size_t size() const { return runs_.size(); }

 private:
  base::Result<std::unique_ptr<LiveRun>> load(const base::RunId& id);

  journal::Journal& journal_;
  FlowCache& flows_;
  log::Log& log_;
  std::map<base::RunId, std::unique_ptr<LiveRun>> runs_;
};

/// Rebuilds a state from the journal. Used by reads too, with the daemon down. `decisions` and
/// `feed` take those of the history.
base::Result<engine::RunState> replay(journal::Journal& journal, const base::RunId& id,
                                      RecordedDecisions* decisions = nullptr,
                                      CodeFeed* feed = nullptr);

/// Brings the row of a run in line with its state; true when something changed.
bool project(const engine::RunState& state, journal::RunRow& row);

}  // namespace belay::runtime
