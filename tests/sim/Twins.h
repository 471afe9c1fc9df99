#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/engine/RunState.h"
#include "tests/sim/SimHost.h"

namespace belay::sim {

/// The same run twice: on a host whose daemon lives, and on one whose daemon is killed at random
/// moments, its runs paused and resumed. The world answers both alike: what it says depends on the
/// step alone. So both must come to the same end, by the same steps.
///
/// Kills only: a power cut ends jobs, which a flow may see.
///
/// Threads: owner.
class Twins {
 public:
  explicit Twins(std::uint64_t seed);

  /// What differs; empty: nothing. `kills()` says how often the second daemon died.
  std::string compare();
  std::uint64_t kills() const { return kills_; }
  /// Of the account that was compared.
  std::size_t lines() const { return lines_; }

 private:
  /// A run, and those that its steps have started, by what cannot depend on time: statuses, visits,
  /// outcomes and outputs of steps, state, output.
  using Account = std::vector<std::string>;

  Account live(bool dies);
  void liveOut(SimHost& host, bool dies);
  base::Status start(SimHost& host);
  /// Answers every wait that is open, resolves what is ambiguous; false when nothing was to do.
  bool answerAll(SimHost& host);
  bool resolveAll(SimHost& host);
  void resumeSome(SimHost& host, const std::vector<journal::RunRow>& rows);
  void answer(SimHost& host, const journal::WaitRow& wait);
  void disturb(SimHost& host);
  bool step(SimHost& host);
  std::vector<journal::RunRow> openRuns(SimHost& host);
  void describe(SimHost& host, const base::RunId& run, const std::string& name, Account& out);
  void fail(const std::string& what);

  const std::uint64_t seed_;
  test::SeededRandom random_;  ///< Of the deaths; the flows have their own.
  SimFlows flows_;
  std::size_t top_ = 0;  ///< The flow that is run.
  std::uint64_t kills_ = 0;
  std::size_t lines_ = 0;
  std::string failure_;
};

}  // namespace belay::sim
