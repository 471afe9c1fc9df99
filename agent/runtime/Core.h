#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/engine/Engine.h"
#include "agent/runtime/Census.h"
#include "agent/runtime/FlowCache.h"
#include "agent/runtime/HostGuard.h"
#include "agent/runtime/Performer.h"
#include "agent/runtime/RunCache.h"
#include "agent/trust/Decision.h"
#include "agent/trust/Policy.h"
#include "common/base/Clock.h"
#include "common/base/Random.h"
#include "common/log/Log.h"

namespace belay::runtime {

/// The outside of the heart, injected. All must outlive the runtime.
struct World {
  journal::Journal& journal;
  script::Evaluator& evaluator;
  LargeOutputs& outputs;
  const trust::Policy& policy;
  const base::Clock& clock;
  base::Random& random;
  log::Log& log;
  const trust::DecisionKeys& decisionKeys;  ///< Those that may answer approvals of class local.
  /// This host's own key, by which people know its requests; made when there is none.
  std::function<base::Result<crypto::P256PublicKey>()> hostKey = noHostKey;

  static base::Result<crypto::P256PublicKey> noHostKey();
};

/// Bounds of the heart; the settings file documents each under `limits`.
struct RuntimeSettings {
  std::size_t inlineBytesMax = 64u << 10;  ///< Outputs above it become resources.
  std::size_t activeRunsMax = 100'000;     ///< Runs that have not ended, waiting ones included.
  std::size_t concurrentRunsMax = 0;       ///< Runs that are at work at once; 0: no bound.
  std::size_t flowsCached = 64;
  std::uint64_t flowResourceBytes = 0;  ///< Of the resources of one flow; 0: no bound.
  CodeBounds code;
  script::Limits codeLimits;              ///< Of the code of one run, between two results.
  std::size_t programsKept = 64;          ///< Runs of code that move and stay in memory.
  std::size_t programBytes = 128u << 20;  ///< Memory of those together.
  std::size_t restingBytes = 4u << 20;    ///< Of them, that of those whose runs only wait.
  std::string epoch = "1";                ///< Of this host; part of every idempotency key.
};

/// What is done after the commit.
struct StartAttempt {
  Attempt attempt;
  bool recovering = false;
};
struct CancelAttempt {
  flow::Family family = flow::Family::kRun;
  base::RunId run;
  engine::StepKey key;
};
using Order = std::variant<StartAttempt, CancelAttempt>;

/// A run that has ended and may have been in the way of others.
struct EndedRun {
  std::int64_t number = 0;  ///< RunHead::number.
  std::string slug;
  std::int64_t release = 0;
  bool waited = false;  ///< It had not begun.
};

/// An effect that waits for its turn. Runs take turns, so that none starves the others.
struct Owed {
  base::RunId run;
  engine::Effect effect;
  bool recovering = false;
};

/// Records events and keeps what they cause: the one place where state, journal and queue change
/// together.
///
/// Threads: the loop.
/// Errors:  those of the journal, and kJournalCorrupt; all end the transaction at hand.
class Core {
 public:
  Core(World world, RuntimeSettings settings);

  World& world() { return world_; }
  const RuntimeSettings& settings() const { return settings_; }
  FlowCache& flows() { return flows_; }
  RunCache& runs() { return runs_; }
  Census& census() { return census_; }
  HostGuard& guard() { return guard_; }

  /// Applies the event, appends it to the run's chain, arms its timers, queues what else it owes.
  base::Status record(LiveRun& run, engine::EventBody body);
  /// That the decisions in a run's history, where it came from disk, are those that were signed:
  /// looked at once, before the run goes on. Errors: kDecisionInvalid, for as long as the run is in
  /// memory.
  base::Status trusts(LiveRun& run);
  /// Puts a new run's first row in place before its first event.
  base::Status create(LiveRun& run);

  bool hasOwed() const { return !owed_.empty(); }
  /// What comes next. On a full disk only what ends runs: all else would use up the reserve, and
  /// waits for room.
  std::optional<Owed> takeOwed();
  /// Whether takeOwed() has something.
  bool canAdvance();
  /// Whether the run was asked to end, or has ended.
  bool isEnding(const base::RunId& run);
  void owe(const base::RunId& run, engine::Effect effect, bool recovering = false);

  void order(Order order) { orders_.push_back(std::move(order)); }
  /// The orders of a transaction that has been committed.
  std::vector<Order> takeOrders();

  /// Writes the rows of the runs that changed, and lets go of those that need no memory.
  base::Status flush();
  /// Of the runs that flush() found ended, those that others may wait for.
  std::vector<EndedRun> takeEnded();
  /// The runs that changed in a transaction that has been committed, each once.
  std::vector<base::RunId> takeChanged();
  /// After a rollback: forgets everything that was not committed; returns the runs that had
  /// something to do.
  std::vector<base::RunId> forget();

  /// Runs that have not ended. Counted in memory, because every start asks.
  base::Result<std::uint64_t> activeRuns();

  std::int64_t wallMs() const { return world_.clock.wallMs(); }

 private:
  base::Status arm(const LiveRun& run, std::string key, std::int64_t delayMs);
  base::Status control(LiveRun& parent, const engine::ControlChild& what);
  /// The step that a child was given up with has nobody to wait for: `why`.
  base::Status endGivenUp(LiveRun& parent, const base::RunId& child, const base::Error& why);
  /// Lets go of a run that needs no memory, and of those above it that waited for it alone.
  void release(const LiveRun& run);
  /// Whether a run that waits stays in memory for now, because to make its program again would take
  /// as long as all it has done. Lets go of others that have waited for longer.
  bool rests(const LiveRun& run);
  bool isResting(const base::RunId& run) const;
  void noteEnd(const LiveRun& run);

  World world_;
  const RuntimeSettings settings_;

  // Owner only.
  FlowCache flows_;
  RunCache runs_;
  Census census_;
  HostGuard guard_;
  std::deque<Owed> owed_;
  std::vector<Order> orders_;
  std::vector<base::RunId> touched_;
  std::optional<std::int64_t>
      activeRuns_;  ///< Nothing: not yet counted, or uncertain after a rollback.
  std::vector<EndedRun> ended_;
  std::vector<base::RunId> changed_;  ///< Flushed, not yet committed.
  struct Resting {
    base::RunId run;
    std::size_t bytes = 0;  ///< Of its program.
  };
  std::vector<Resting> resting_;  ///< Who has waited longest comes first.
};

/// The failure that an error of an expression, a check or the host becomes.
engine::Failure failureOf(const base::Error& error);

}  // namespace belay::runtime
