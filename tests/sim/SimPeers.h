#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/runtime/Performer.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/SimClock.h"

namespace belay::sim {

/// The world outside of the daemon, which keeps count: jobs that outlive it, a server, a store of
/// large outputs. It survives the death of the daemon; a power cut ends its jobs.
class SimPeers {
 public:
  SimPeers(test::SeededRandom& random, test::SimClock& clock) : random_(random), clock_(clock) {}

  /// Effects that reached the world, by idempotency key and attempt.
  const std::map<std::string, int>& effects() const { return effects_; }
  /// A `once` effect that reached the world twice under one key and attempt, or the like; empty:
  /// none.
  const std::string& violation() const { return violation_; }

  /// The daemon is new: results go to this sink, and requests that were in flight are gone.
  void attach(runtime::ResultSink sink);
  void powerCut();
  /// What attempts come to, instead of chance.
  void setResults(std::function<runtime::StepResult(const runtime::Attempt&)> results) {
    results_ = std::move(results);
  }
  /// While true the daemon is dead already: what it orders has not happened.
  void setDead(bool dead) { dead_ = dead; }

  /// Gives the results that are due to the sink.
  void deliver();
  /// Boot time of the next result; 0: none.
  std::int64_t nextMs() const;

  class Jobs;
  class Server;

 private:
  struct Pending {
    runtime::Attempt attempt;
    std::int64_t dueMs = 0;
    runtime::StepResult result;
    bool wanted = true;
  };
  void begin(const runtime::Attempt& attempt, bool isJob);
  runtime::StepResult resultOf(const runtime::Attempt& attempt);
  std::string keyOf(const runtime::Attempt& attempt) const {
    return attempt.idempotencyKey + "/" + std::to_string(attempt.key.attempt);
  }

  test::SeededRandom& random_;
  test::SimClock& clock_;
  runtime::ResultSink sink_;
  std::function<runtime::StepResult(const runtime::Attempt&)> results_;
  std::map<std::string, int> effects_;
  std::map<std::string, Pending> jobs_;      ///< Running or ended; they survive the daemon.
  std::map<std::string, Pending> requests_;  ///< They do not.
  std::string violation_;
  bool dead_ = false;
};

/// `run` steps: found again after a crash, as agent/jobs does.
class SimPeers::Jobs final : public runtime::Performer {
 public:
  explicit Jobs(SimPeers& peers) : peers_(peers) {}
  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  bool recovers() const override { return true; }
  void recover(const runtime::Attempt& attempt) override;
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

 private:
  SimPeers& peers_;
};

/// `http` and `notify` steps: whether a request took effect is not known after a crash.
class SimPeers::Server final : public runtime::Performer {
 public:
  explicit Server(SimPeers& peers) : peers_(peers) {}
  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

 private:
  SimPeers& peers_;
};

}  // namespace belay::sim
