// Flips single bits of a journal's file, and looks whether anybody is told something wrong: a
// journal must refuse to open, name an error, or give every event exactly as it was written.

#include <string>
#include <vector>

#include "tests/unit/journal/Scenario.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using test::FaultVfs;
using test::Scenario;
using test::SeededRandom;

namespace {

constexpr int kFlips = 240;

/// All events of all runs, or nothing when an error says that something is wrong.
std::string readEvents(journal::Journal& journal, bool& failed) {
  std::string all;
  journal::RunFilter filter;
  filter.most = 1000;
  const auto runs = journal.runs(filter);
  failed = !runs.ok();
  if (failed) return "";
  for (const journal::RunRow& run : *runs) {
    const auto events = journal.events(run.id, 0, 1000);
    failed = !events.ok();
    if (failed) return "";
    all += run.id.str() + "\n";
    for (const journal::EventRow& event : *events) {
      all += std::to_string(event.seq) + event.name + std::to_string(event.atMs) + event.body;
    }
  }
  return all;
}

}  // namespace

TEST_GROUP(BitFlip) {
  Scenario scenario;
  std::string expected;

  /// The disk after the scenario, and all its events.
  FaultVfs::Disk prepare() {
    CHECK(scenario.open().ok());
    CHECK(scenario.run().ok());
    bool failed = false;
    expected = readEvents(*scenario.on.journal, failed);
    CHECK(!failed);
    scenario.kill();
    return scenario.vfs.disk();
  }

  /// True when somebody noticed.
  bool flip(const FaultVfs::Disk& whole, const std::string& path, SeededRandom& random) {
    FaultVfs::Disk disk = whole;
    std::string& content = disk.files.at(path).content;
    const std::uint64_t bit = random.below(content.size() * 8);
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << bit % 8));
    scenario.on.journal.reset();
    scenario.vfs.setDisk(std::move(disk));
    if (!scenario.open().ok()) return true;
    const auto verified = scenario.on.verifyAll(1000);
    const bool found = !verified.ok() || !verified->ok;
    bool failed = false;
    const std::string events = readEvents(*scenario.on.journal, failed);
    // The list of runs is no part of a chain: a run can be missing from it, if verify says so.
    if (!found && !failed) STRCMP_EQUAL(expected.c_str(), events.c_str());
    return found || failed;
  }
};

TEST(BitFlip, inTheFileIsNoticedOrHarmless) {
  FaultVfs::Disk disk = prepare();
  scenario.vfs.setDisk(disk);
  CHECK(scenario.open().ok());
  CHECK(scenario.on.journal->close().ok());
  disk = scenario.vfs.disk();
  SeededRandom random;
  int noticed = 0;
  for (int i = 0; i < kFlips; ++i) noticed += flip(disk, scenario.on.options.path, random) ? 1 : 0;
  // The rest fell into pages of tables that are empty here, or into free space: each table and index
  // that the scenario does not use is a page more of them.
  CHECK(noticed > kFlips / 10);
}

TEST(BitFlip, inTheWalIsNoticedOrHarmless) {
  const FaultVfs::Disk disk = prepare();
  const std::string wal = scenario.on.options.path + "-wal";
  CHECK(!disk.files.at(wal).content.empty());
  SeededRandom random;
  for (int i = 0; i < kFlips / 4; ++i) {
    FaultVfs::Disk damaged = disk;
    std::string& content = damaged.files.at(wal).content;
    const std::uint64_t bit = random.below(content.size() * 8);
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << bit % 8));
    scenario.on.journal.reset();
    scenario.vfs.setDisk(std::move(damaged));
    // SQLite ends the WAL at the first frame that is damaged: what is before is sound.
    CHECK(scenario.open().ok());
    const auto verified = scenario.on.verifyAll(1000);
    CHECK(verified.ok());
    CHECK(verified->ok);
  }
}
