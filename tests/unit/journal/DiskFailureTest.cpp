// Lets the n-th operation of the disk fail, once or for good, for many n over the whole scenario.
// The process then dies, with or without the power: what was acknowledged must be there, and
// nothing by halves. A journal that refuses to go on must do so for good; one that goes on must be
// right. BELAY_TEST_THOROUGH=1 tries every n.

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/unit/journal/Scenario.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::Status;
using belay::test::FaultVfs;
using belay::test::Scenario;
using belay::test::SeededRandom;

namespace {

/// Operations between two that fail: a prime, so that all kinds of operations are met.
const std::uint64_t kStride = std::getenv("BELAY_TEST_THOROUGH") != nullptr ? 1 : 61;

/// Runs on after errors of reads, which leave nothing unknown, as a caller may who tries again.
/// Says when a journal whose write has failed takes another one.
std::string runOnAfterErrors(Scenario& scenario) {
  if (!scenario.open().ok()) return "";
  for (int tries = 0; tries < 3; ++tries) {
    if (scenario.run().ok() || scenario.on.journal == nullptr) return "";
    scenario.on.journal->rollback();
    const Status next = scenario.on.journal->setMeta("after", "1");
    scenario.on.journal->rollback();
    if (next.ok()) continue;
    if (next.error().code == ErrorCode::kDiskFull) return "";
    if (scenario.on.journal->setMeta("after", "2").ok()) return "forgets: " + next.error().message;
    return "";
  }
  return "";
}

std::string failAt(const FaultVfs::Fault& fault, const std::vector<std::string>& states,
                   bool& happened) {
  Scenario scenario;
  scenario.vfs.setFault(fault);
  std::string wrong = runOnAfterErrors(scenario);
  happened = scenario.vfs.faultHappened();
  scenario.kill();
  scenario.vfs.clearFault();
  const int acknowledged = scenario.acknowledged();
  const FaultVfs::Disk disk = scenario.vfs.disk();
  SeededRandom random(fault.at);
  if (wrong.empty()) wrong = scenario.judge(disk, acknowledged, states);
  if (wrong.empty()) {
    wrong = scenario.judge(FaultVfs::crashImage(disk, random), acknowledged, states);
  }
  return wrong.empty() ? "" : "operation " + std::to_string(fault.at) + ": " + wrong;
}

std::string failEverywhere(FaultVfs::Failure failure, bool sticky) {
  const std::vector<std::string> states = Scenario::expectedStates();
  bool happened = true;
  std::uint64_t tried = 0;
  for (std::uint64_t at = 1; happened; at += kStride, ++tried) {
    const std::string wrong = failAt({at, failure, sticky}, states, happened);
    if (!wrong.empty()) return wrong;
  }
  return tried > 20 ? "" : "only " + std::to_string(tried) + " operations were tried";
}

}  // namespace

TEST_GROUP(DiskFailure){};

TEST(DiskFailure, anIoErrorLosesNothingThatWasAcknowledged) {
  STRCMP_EQUAL("", failEverywhere(FaultVfs::Failure::kIoError, false).c_str());
}

TEST(DiskFailure, aDiskThatFailsForGoodLosesNothingThatWasAcknowledged) {
  STRCMP_EQUAL("", failEverywhere(FaultVfs::Failure::kIoError, true).c_str());
}

TEST(DiskFailure, aDiskThatStaysFullLosesNothingThatWasAcknowledged) {
  STRCMP_EQUAL("", failEverywhere(FaultVfs::Failure::kDiskFull, true).c_str());
}

TEST(DiskFailure, theJournalGoesOnWhenAFullDiskHasRoomAgain) {
  const std::vector<std::string> states = Scenario::expectedStates();
  bool happened = true;
  for (std::uint64_t at = 1; happened; at += kStride) {
    Scenario scenario;
    CHECK(scenario.open().ok());
    scenario.vfs.setFault({scenario.vfs.operations() + at, FaultVfs::Failure::kDiskFull, false});
    Status done = scenario.run();
    happened = scenario.vfs.faultHappened();
    // The restart met the full disk: then there is no journal that could go on.
    if (!done.ok() && scenario.acknowledged() == Scenario::kRestart) continue;
    if (!done.ok()) {
      CHECK(done.error().code == ErrorCode::kDiskFull);
      CHECK(!scenario.on.journal->inTransaction());
      CHECK(scenario.on.journal->fullMode());
      CHECK(scenario.on.journal->recoverReserve().ok());
      CHECK(!scenario.on.journal->fullMode());
      done = scenario.run();
    }
    CHECK(done.ok());
    scenario.kill();
    const std::string found = Scenario::dumpOf(scenario.vfs.disk(), scenario.on.options.path);
    STRCMP_EQUAL(states.back().c_str(), found.c_str());
  }
}
