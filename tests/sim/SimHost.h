#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/journal/Journal.h"
#include "agent/runtime/Loop.h"
#include "agent/trust/Policy.h"
#include "common/crypto/P256.h"
#include "tests/sim/SimFlow.h"
#include "tests/sim/SimPeers.h"
#include "tests/support/FaultVfs.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/MemoryOutputs.h"
#include "tests/support/TempFolder.h"

namespace belay::sim {

/// How a daemon dies: a kill leaves what the kernel has, a power cut what the disk had promised,
/// and no processes.
enum class Death { kKill, kPowerCut };

/// What a posted request gives the loop: only an error that ends the transaction, since a refusal
/// is an answer.
base::Status onlyIfItEnds(const base::Status& done);

/// A host under a simulated clock, disk and world, whose daemon dies and comes back.
///
/// Threads: owner.
class SimHost {
 public:
  /// `random` decides what a crash leaves, and the ids; `worldRandom` what the peers do.
  SimHost(test::SeededRandom& random, test::SeededRandom& worldRandom,
          std::size_t concurrentRunsMax);
  ~SimHost();

  /// A new daemon: opens the journal and recovers.
  base::Status boot();
  /// The daemon is gone without a word; boot() is next.
  void die(Death how);
  /// The daemon will die as the `syncs`-th sync from now begins; step() then says so. What the
  /// daemon does until then has not happened. 0: not any more.
  void dieAtSync(std::uint64_t syncs, Death how);
  /// That sync is past: nothing is acknowledged any more.
  bool isDying() const { return left_.has_value(); }

  enum class Stepped { kRests, kDied };
  /// The loop works until it would wait. After kDied, boot() is next.
  base::Result<Stepped> step();

  journal::Journal& journal();
  runtime::Loop& loop();
  SimPeers& peers() { return peers_; }
  test::SimClock& clock() { return clock_; }

  enum class Runs { kOpen, kEnded };
  base::Result<std::vector<journal::RunRow>> runs(Runs which);

  /// Every flow is the draft of its slug.
  static base::Status putDrafts(journal::Journal& journal, const base::Clock& clock,
                                const SimFlows& flows);
  /// Answers the approval `wait`.
  base::Status decide(runtime::Runtime& runtime, const journal::WaitRow& wait, bool approved);
  /// Says of the first step of `run` that is ambiguous what became of it, with the loop's next
  /// work.
  void resolve(const base::RunId& run, engine::Resolution how);
  /// Until the next timer or result; 0: there is none.
  std::int64_t msToNext();

 private:
  struct Process;  ///< One life of the daemon.

  test::SeededRandom& random_;
  const std::size_t concurrentRunsMax_;
  test::SimClock clock_;
  test::MemoryLog log_;
  test::TempFolder folder_;  ///< Only its name is used: the files are in disk_.
  test::FaultVfs disk_;
  test::MemoryOutputs outputs_;
  SimPeers peers_;
  trust::DecisionKeys decisionKeys_;
  crypto::P256PrivateKey decisionKey_;
  trust::Policy policy_ = trust::Policy::builtInForUser();
  std::unique_ptr<Process> process_;

  std::uint64_t dieAtSync_ = 0;
  Death death_ = Death::kKill;
  std::optional<test::FaultVfs::Disk> left_;  ///< By the death that is under way.
  std::uint64_t boots_ = 1;
};

}  // namespace belay::sim
