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

#include "agent/journal/Journal.h"
#include "agent/runtime/Loop.h"
#include "agent/script/QuickJsEvaluator.h"
#include "agent/steps/FunctionStep.h"
#include "agent/steps/KvStep.h"
#include "agent/steps/SetStep.h"
#include "agent/trust/Policy.h"
#include "common/crypto/P256.h"
#include "common/crypto/Sha256.h"
#include "tests/sim/LaneWatch.h"
#include "tests/sim/SimPeers.h"
#include "tests/support/FaultVfs.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/MemoryOutputs.h"
#include "tests/support/TempFolder.h"

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
  struct Process;  ///< One life of the daemon.

  void boot();
  void die(bool powerCut);
  void act();
  base::Status putDrafts(journal::Journal& journal);
  void startRun();
  void answerSomething();
  base::Status decide(runtime::Runtime& runtime, const journal::WaitRow& wait, bool approved);
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
  test::SimClock clock_;
  test::MemoryLog log_;
  test::TempFolder folder_;  ///< Only its name is used: the files are in disk_.
  test::FaultVfs disk_;
  test::MemoryOutputs outputs_;
  SimPeers peers_;
  LaneWatch lanes_;
  trust::DecisionKeys decisionKeys_;
  crypto::P256PrivateKey decisionKey_;
  trust::Policy policy_ = trust::Policy::builtInForUser();
  std::unique_ptr<Process> process_;

  std::vector<std::pair<std::string, std::string>> flows_;  ///< Slugs and texts.
  std::set<base::RunId> acknowledgedRuns_;
  std::set<base::WaitId> acknowledgedAnswers_;
  std::optional<test::FaultVfs::Disk>
      cut_;  ///< The disk at the moment of the power cut that is under way.
  std::uint64_t cutAtSync_ = 0;
  std::uint64_t boots_ = 1;
  std::size_t concurrentRunsMax_ = 0;
  crypto::Sha256 trace_;
  Outcome outcome_;
};

}  // namespace belay::sim
