// Cuts the power at every sync and after every acknowledged step of the scenario, and looks at what
// a disk may then hold, by several seeds. The same harness must find what a disk that lies about
// syncs loses, and an acknowledgement that comes too early: else its silence would mean nothing.
// BELAY_TEST_THOROUGH=1 looks at many more of the disks that a cut can leave.

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/unit/journal/Scenario.h"

#include <CppUTest/TestHarness.h>

using belay::test::FaultVfs;
using belay::test::Scenario;
using belay::test::SeededRandom;

namespace {

const int kSeeds = std::getenv("BELAY_TEST_THOROUGH") != nullptr ? 200 : 3;

struct Snapshot {
  FaultVfs::Disk disk;
  int acknowledged = 0;
};

/// Runs the scenario and keeps the disk at each moment at which the power will be cut.
std::vector<Snapshot> moments(Scenario& scenario) {
  std::vector<Snapshot> kept;
  const auto keep = [&](int acknowledged) { kept.push_back({scenario.vfs.disk(), acknowledged}); };
  scenario.vfs.onSync([&] { keep(scenario.acknowledged()); });
  scenario.onAcknowledged([&] { keep(scenario.acknowledged() + 1); });
  CHECK(scenario.open().ok());
  keep(0);
  CHECK(scenario.run().ok());
  scenario.vfs.onSync({});
  scenario.vfs.ignoreSyncsOf("none");
  scenario.kill();
  return kept;
}

/// The first thing that is wrong after a cut; `early` steps are said to be acknowledged too soon.
std::string cutEverywhere(Scenario& scenario, int early) {
  const std::vector<std::string> states = Scenario::expectedStates();
  int number = 0;
  for (const Snapshot& moment : moments(scenario)) {
    ++number;
    const int acknowledged = std::min(moment.acknowledged + early, Scenario::kSteps);
    for (int seed = 0; seed < kSeeds; ++seed) {
      SeededRandom random(static_cast<std::uint64_t>(number * 1000 + seed));
      const FaultVfs::Disk image = FaultVfs::crashImage(moment.disk, random);
      const std::string wrong = scenario.judge(image, acknowledged, states);
      if (wrong.empty()) continue;
      return "moment " + std::to_string(number) + ", seed " + std::to_string(seed) + ": " + wrong;
    }
  }
  return "";
}

}  // namespace

TEST_GROUP(PowerCut) { Scenario scenario; };

TEST(PowerCut, losesNothingThatWasAcknowledgedAndTearsNothing) {
  STRCMP_EQUAL("", cutEverywhere(scenario, 0).c_str());
}

TEST(PowerCut, theHarnessFindsADiskWhoseSyncsDoNothing) {
  // As synchronous=OFF.
  scenario.vfs.ignoreSyncsOf("");
  CHECK(!cutEverywhere(scenario, 0).empty());
}

TEST(PowerCut, theHarnessFindsAWalThatIsNotSynced) {
  // As synchronous=NORMAL, which syncs the WAL at checkpoints only.
  scenario.vfs.ignoreSyncsOf("-wal");
  CHECK(!cutEverywhere(scenario, 0).empty());
}

TEST(PowerCut, theHarnessFindsAnAcknowledgementBeforeTheCommit) {
  CHECK(!cutEverywhere(scenario, 1).empty());
}
