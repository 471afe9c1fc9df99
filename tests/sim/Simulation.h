#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/flow/Validate.h"
#include "agent/journal/Journal.h"
#include "common/crypto/Sha256.h"
#include "tests/sim/LaneWatch.h"
#include "tests/sim/RandomRing.h"
#include "tests/sim/SimHost.h"

namespace belay::sim {

/// What one simulation came to.
struct Outcome {
  std::string violation;  ///< Empty: every promise held.
  std::string trace;      ///< Digest of all that happened: the same for the same seed.
  std::uint64_t runs = 0, events = 0, crashes = 0, cuts = 0;
};

/// The engine, the journal and the loop of one host under a simulated clock, disk and world, killed
/// and cut off from power at random moments.
///
/// The oracle stands outside: it believes only what was acknowledged before a crash, and what
/// reached the world.
///
/// Threads: owner.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed);
  ~Simulation();

  Outcome run();

 private:
  void check(const SimFlow& random, flow::Format format);
  void boot();
  /// The daemon is gone without a word, and comes back.
  void die(Death how);
  void comeBack(Death how);
  void act();
  void startRun();
  void startRing();
  void releaseRing();
  void answerSomething();
  void controlSomething();
  void resolveSomething();
  void passTime();
  void settle();
  bool step();
  void note(const std::string& line);
  void fail(const std::string& what);
  void checkAcknowledged();
  void checkHistories();
  void checkChildren(const engine::RunState& run, const std::vector<journal::EventRow>& events);
  bool firstEndSucceeded(const base::RunId& run);
  std::optional<journal::WaitRow> someWait(flow::WaitKind kind);
  std::vector<journal::RunRow> rowsOf(bool ended);

  test::SeededRandom random_;
  test::SeededRandom worldRandom_;
  std::unique_ptr<SimHost> host_;
  LaneWatch lanes_;

  SimFlows flows_;
  std::vector<RingFlow> ring_;
  std::uint64_t releases_ = 0;
  std::set<base::RunId> acknowledgedRuns_;
  std::set<base::WaitId> acknowledgedAnswers_;
  std::size_t concurrentRunsMax_ = 0;
  crypto::Sha256 trace_;
  Outcome outcome_;
};

}  // namespace belay::sim
