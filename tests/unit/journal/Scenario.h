#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/journal/Journal.h"
#include "tests/support/FaultVfs.h"
#include "tests/unit/journal/JournalFixture.h"

namespace belay::test {

/// A fixed history of a journal on a FaultVfs: steps that each write something and commit, among
/// them checkpoints, prunings and a restart. After each step the content of the file is known,
/// so that what is found after a failure can be compared with it.
class Scenario {
 public:
  static constexpr int kSteps = 72;
  static constexpr int kRestart = 39;  ///< The step that closes the journal and opens it again.

  Scenario();

  /// Opens the journal on the disk as it is.
  base::Status open() { return on.open(); }
  /// Does steps until one fails, the first time from step 0; counts those that were acknowledged.
  base::Status run();
  int acknowledged() const { return acknowledged_; }
  /// Called after each step that was acknowledged.
  void onAcknowledged(std::function<void()> hook) { onAcknowledged_ = std::move(hook); }

  /// Closes the journal as a killed process does: nothing more is written.
  void kill();
  /// Digest of the content of all tables of a journal on a disk, after "ok" when it is sound.
  static std::string dumpOf(const FaultVfs::Disk& disk, const std::string& path);
  /// Opens a journal on `disk` and says what is wrong with it: empty when it holds exactly what
  /// `states` says after `acknowledged` steps or after one more, and is sound.
  std::string judge(FaultVfs::Disk disk, int acknowledged, const std::vector<std::string>& states);

  /// dumpOf() after 0, 1, … steps without any failure.
  static std::vector<std::string> expectedStates();

  FaultVfs vfs;
  JournalFixture on;

 private:
  base::Status step(int number);
  base::Status writeRows(int number);
  base::Status startRuns(int number);
  base::Status append(const std::string& run, int number);

  int acknowledged_ = 0;
  std::function<void()> onAcknowledged_;
};

}  // namespace belay::test
