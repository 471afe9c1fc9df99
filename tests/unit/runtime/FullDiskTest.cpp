// Fills the disk under a host: what could not be written has not happened, on the disk and in
// memory.

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace std::chrono_literals;
using test::FaultVfs;
using test::TestRuntime;

namespace {

constexpr const char* kAsk =
    "slug: ask\nsteps:\n  - id: ask\n    wait: {approval: {summary: Go on?}, timeout: 24h}\n";

}  // namespace

TEST_GROUP(FullDisk) {
  TestRuntime host;

  void setup() override { host.boot(); }
  void fillDisk() {
    host.disk.setFault({host.disk.operations() + 1, FaultVfs::Failure::kDiskFull, true});
  }
  void makeRoom() {
    host.disk.clearFault();
    host.pass(10s);
  }
};

TEST(FullDisk, anAnswerThatCouldNotBeWrittenCanBeGivenAgain) {
  const auto run = host.start(kAsk);
  const auto wait = host.openWait();
  fillDisk();
  const base::Status refused = host.decide(wait, true);
  CHECK_FALSE(refused.ok());
  CHECK(refused.error().code == base::ErrorCode::kDiskFull);
  STRCMP_EQUAL("waiting", host.status(run).c_str());

  makeRoom();
  CHECK(host.decide(wait, true).ok());
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  STRCMP_EQUAL("run_created wait_opened wait_resolved step_finished run_finished",
               host.history(run).c_str());
}

TEST(FullDisk, aRunThatCouldNotBeWrittenIsNotThere) {
  fillDisk();
  const auto run = std::make_shared<std::string>();
  const auto asked = host.post(kAsk, run, {});
  CHECK(host.settle().ok() && asked->answered && !asked->status.ok());
  makeRoom();
  CHECK(host.journal->runs({})->empty());
  host.start(kAsk);
  LONGS_EQUAL(1, host.journal->runs({})->size());
}
