#include "agent/runtime/WaitGraph.h"

#include <algorithm>
#include <deque>

namespace belay::runtime {

using base::Result;
using base::RunId;
using journal::AdmissionRow;
using journal::Turn;

namespace {

constexpr std::size_t kRunsSeen = 4'000;
constexpr std::size_t kDepthMax = 200;
constexpr std::size_t kPage = 64;
constexpr std::size_t kOthersMax = 256;
/// Links that can turn out to be none, before it is left at that.
constexpr int kLooks = 16;
/// Runs that are named of a long circle.
constexpr std::size_t kNamed = 6;

}  // namespace

Result<std::string> WaitGraph::circleOf(const AdmissionRow& newcomer, const RunId& parent) {
  newcomer_ = newcomer;
  parent_ = parent;
  for (int look = 0; look < kLooks; ++look) {
    free_.clear();
    BELAY_ASSIGN(const bool begins, settle());
    if (begins) return std::string();
    const Path path = circle();
    // Others may wait for each other; somebody can end one of them.
    if (path.empty()) return std::string();
    BELAY_ASSIGN(const bool real, holds(path));
    if (real) return text(path);
  }
  return std::string();
}

Result<bool> WaitGraph::settle() {
  // What is found to end in one look may let others end in the next.
  for (std::size_t before = 0;; before = free_.size()) {
    seen_.clear();
    stuckOn_.clear();
    BELAY_ASSIGN(const bool begins, ends(newcomer_.id, 0));
    if (begins || free_.size() == before) return begins;
  }
}

Result<bool> WaitGraph::ends(const RunId& run, std::size_t depth) {
  if (free_.count(run) != 0) return true;
  if (depth > kDepthMax || seen_.size() > kRunsSeen) return true;
  if (!seen_.insert(run).second) return false;
  bool ends = true;
  if (run == newcomer_.id) {
    BELAY_ASSIGN(ends, begins(newcomer_, depth));
  } else {
    BELAY_ASSIGN(const auto row, table_.find(run));
    if (row && row->turn == Turn::kQueued) {
      BELAY_ASSIGN(ends, begins(*row, depth));
    } else if (!row || row->turn == Turn::kBegun) {
      BELAY_ASSIGN(ends, childrenEnd(run, depth));
    }
  }
  if (ends) free_.insert(run);
  return ends;
}

Result<bool> WaitGraph::dependsOn(const RunId& from, const RunId& on, std::size_t depth) {
  BELAY_ASSIGN(const bool ended, ends(on, depth + 1));
  if (!ended) stuckOn_[from].push_back(on);
  return ended;
}

bool WaitGraph::isOver(const RunId& run) {
  const LiveRun* live = core_.runs().find(run);
  return live && live->state.finished.has_value();
}

Result<bool> WaitGraph::childrenEnd(const RunId& run, std::size_t depth) {
  if (isOver(run)) return true;
  bool all = true;
  if (run == parent_) {
    BELAY_ASSIGN(all, dependsOn(run, newcomer_.id, depth));
  }
  BELAY_ASSIGN(const auto* children, census_.children());
  const auto found = children->find(run);
  if (found == children->end()) return all;
  for (const RunId& child : found->second) {
    if (isOver(child) || dropped_.count({run, child}) != 0) continue;
    BELAY_ASSIGN(const bool ends, dependsOn(run, child, depth));
    all &= ends;
  }
  return all;
}

Result<bool> WaitGraph::begins(const AdmissionRow& row, std::size_t depth) {
  BELAY_ASSIGN(const bool moves, laneMoves(row, depth));
  if (!moves) return false;
  return row.drains ? othersEnd(row, depth) : true;
}

/// Whether enough of those that hold the slots end, and the queue before it does not stand still.
Result<bool> WaitGraph::laneMoves(const AdmissionRow& row, std::size_t depth) {
  BELAY_ASSIGN(const auto draining, table_.firstDraining(row.slug, row.lane, row.place));
  if (draining) {
    BELAY_ASSIGN(const bool begins, dependsOn(row.id, draining->id, depth));
    if (!begins) return false;
  }
  if (row.limit == 0) return true;
  std::int64_t limit = row.limit;
  if (limit > 1) {
    BELAY_ASSIGN(const std::int64_t least, table_.leastLimit(row.slug, row.lane, row.place));
    if (least > 0) limit = std::min(limit, least);
  }
  BELAY_ASSIGN(const journal::LaneCounts counts, table_.count(row.slug, row.lane));
  std::int64_t left = counts.held, stuck = 0;
  for (std::int64_t after = 0; left >= limit;) {
    BELAY_ASSIGN(const auto page, table_.held(row.slug, row.lane, after, kPage));
    if (page.empty()) return true;
    for (const AdmissionRow& holder : page) {
      after = holder.place;
      BELAY_ASSIGN(const bool ends, dependsOn(row.id, holder.id, depth));
      if (ends)
        --left;
      else if (++stuck >= limit)
        return false;
      if (left < limit) return true;
    }
  }
  return true;
}

/// Whether the runs of other releases end that have begun, or are queued before it.
Result<bool> WaitGraph::othersEnd(const AdmissionRow& row, std::size_t depth) {
  bool all = true;
  // Whoever waits for no child comes to its end.
  BELAY_ASSIGN(const auto* children, census_.children());
  std::vector<RunId> waiting{parent_};
  for (const auto& parent : *children) waiting.push_back(parent.first);
  for (const RunId& run : waiting) {
    BELAY_ASSIGN(const auto other, core_.world().journal.run(run));
    if (!other || other->slug != row.slug || other->status == engine::RunStatus::kQueued) continue;
    const std::int64_t release = releaseOf(other->source);
    if (release == 0 || release == row.release) continue;
    BELAY_ASSIGN(const bool ends, dependsOn(row.id, run, depth));
    all &= ends;
  }
  AdmissionRow first;
  first.slug = row.slug;
  BELAY_ASSIGN(const auto before, table_.waitingOthers(first, row.release, kOthersMax));
  for (const AdmissionRow& other : before) {
    if (other.place >= row.place) continue;
    BELAY_ASSIGN(const bool ends, dependsOn(row.id, other.id, depth));
    all &= ends;
  }
  return all;
}

WaitGraph::Path WaitGraph::circle() const {
  std::map<RunId, RunId> cameFrom{{newcomer_.id, {}}};
  std::deque<RunId> open{newcomer_.id};
  while (!open.empty() && cameFrom.count(parent_) == 0) {
    const RunId at = open.front();
    open.pop_front();
    const auto next = stuckOn_.find(at);
    if (next == stuckOn_.end()) continue;
    for (const RunId& run : next->second) {
      if (cameFrom.emplace(run, at).second) open.push_back(run);
    }
  }
  Path path;
  if (cameFrom.count(parent_) == 0) return path;
  for (RunId at = parent_; !at.empty(); at = cameFrom.at(at)) path.push_back(at);
  std::reverse(path.begin(), path.end());
  return path;
}

Result<bool> WaitGraph::isQueued(const RunId& run) {
  if (run == newcomer_.id) return true;
  BELAY_ASSIGN(const auto row, table_.find(run));
  return row && row->turn == Turn::kQueued;
}

Result<bool> WaitGraph::holds(const Path& path) {
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    BELAY_ASSIGN(const bool queued, isQueued(path[i]));
    if (queued) continue;
    const auto waits = [&](const engine::RunState& state) {
      return std::any_of(
          state.active.begin(), state.active.end(),
          [&](const engine::ActiveStep& step) { return step.started.child == path[i + 1]; });
    };
    const LiveRun* live = core_.runs().find(path[i]);
    bool real = live && waits(live->state);
    if (!live) {
      // One that cannot be read is said to be so elsewhere, and does not go on.
      const auto state = replay(core_.world().journal, path[i]);
      if (!state && endsTransaction(state.error().code)) return state.error();
      real = !state || waits(*state);
    }
    if (real) continue;
    dropped_.insert({path[i], path[i + 1]});
    return false;
  }
  return true;
}

Result<std::string> WaitGraph::text(const Path& path) {
  std::string out = "it would be queued behind run " + path.at(1).str();
  for (std::size_t i = 1; i + 1 < path.size(); ++i) {
    if (i == kNamed) {
      out += ", and so on to run " + path.back().str();
      break;
    }
    BELAY_ASSIGN(const bool queued, isQueued(path[i]));
    out +=
        (queued ? ", which is queued behind run " : ", which waits for run ") + path[i + 1].str();
  }
  return out + ", which waits for it: none of them could go on";
}

}  // namespace belay::runtime
