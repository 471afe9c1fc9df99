// Steps the loop by hand over a disk in memory that can fail and fill up, and looks at the order of
// things: what is on disk when somebody is told, what has left when power fails, and when the loop
// wants to run again.

#include <string>
#include <vector>

#include "tests/support/TestRuntime.h"

#include <CppUTest/TestHarness.h>

using namespace std::chrono_literals;
using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::RunId;
using belay::base::Status;
using belay::runtime::Ack;
using belay::runtime::Runtime;
using belay::runtime::StartRequest;
using belay::test::FaultVfs;
using belay::test::TestRuntime;

namespace {

const char* const kJob = "slug: work\nsteps:\n  - id: build\n    run: {command: [/bin/true]}\n";
const char* const kNap = "slug: nap\nsteps:\n  - id: nap\n    sleep: {for: 10m}\n";

}  // namespace

TEST_GROUP(Loop) {
  TestRuntime host;

  std::shared_ptr<TestRuntime::Asked> postStart(const char* yaml = kJob) {
    return host.post(yaml, std::make_shared<std::string>(), StartRequest{});
  }
  std::size_t runs() {
    belay::journal::RunFilter filter;
    filter.most = 1000;
    return host.journal->runs(filter)->size();
  }
};

TEST(Loop, nobodyIsToldAndNothingLeavesBeforeTheCommitIsOnDisk) {
  host.boot();
  const auto asked = postStart();
  int syncs = 0;
  bool early = false;
  host.disk.onSync([&] {
    ++syncs;
    early = early || asked->answered || !host.jobs.started().empty();
  });
  const auto settled = host.settle();
  host.disk.onSync({});  // the end of the test syncs too, when these locals are gone
  CHECK(settled.ok());
  CHECK(syncs > 0);
  CHECK_FALSE(early);
  CHECK(asked->answered && asked->status.ok());
  LONGS_EQUAL(1, host.jobs.started().size());
}

TEST(Loop, afterAnIoErrorNobodyIsToldAndTheLoopEnds) {
  host.boot();
  const auto asked = postStart();
  host.disk.setFault({host.disk.operations() + 1, FaultVfs::Failure::kIoError, true});
  const auto settled = host.settle();
  CHECK_FALSE(settled.ok());
  CHECK(settled.error().code == ErrorCode::kJournalIo);
  CHECK_FALSE(asked->answered);
  LONGS_EQUAL(0, host.jobs.started().size());
}

TEST(Loop, whatWasToldSurvivesThePower) {
  host.boot();
  const RunId run = host.start(kNap);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    host.cutPower(seed);
    STRCMP_EQUAL("waiting", host.status(run).c_str());
  }
}

TEST(Loop, allThatCameInSharesOneCommit) {
  host.boot();
  CHECK(host.settle().ok());
  const std::uint64_t before = host.journal->stats()->commits;
  for (int i = 0; i < 50; ++i) postStart(kNap);
  CHECK(host.loop->step().ok());
  LONGS_EQUAL(1, host.journal->stats()->commits - before);
  LONGS_EQUAL(50, runs());
}

TEST(Loop, aRoundTakesABoundedNumberOfTasksAndAsksForAnother) {
  host.loopSettings.tasksPerRound = 10;
  host.boot();
  for (int i = 0; i < 25; ++i) postStart(kNap);
  const auto next = host.loop->step();
  LONGS_EQUAL(10, runs());
  CHECK(next->now);
  CHECK(host.settle().ok());
  LONGS_EQUAL(25, runs());
}

TEST(Loop, aTaskThatComesWhileOthersAreAnsweredNeedsNoWakeUpOfItsOwn) {
  host.boot();
  bool second = false;
  host.loop->post([&](Runtime&, std::vector<Ack>& acks) -> Status {
    acks.push_back([&](const Status&) {
      host.loop->post([&second](Runtime&, std::vector<Ack>&) -> Status {
        second = true;
        return {};
      });
    });
    return {};
  });
  const auto next = host.loop->step();
  CHECK(next->now);
  CHECK(host.loop->step().ok());
  CHECK(second);
}

TEST(Loop, anInboxThatIsFullRefuses) {
  host.loopSettings.inboxMax = 3;
  host.boot();
  const auto nothing = [](Runtime&, std::vector<Ack>&) -> Status { return {}; };
  for (int i = 0; i < 3; ++i) CHECK(host.loop->post(nothing));
  CHECK_FALSE(host.loop->post(nothing));
  CHECK(host.settle().ok());
  CHECK(host.loop->post(nothing));
}

TEST(Loop, itSleepsUntilSomethingIsDueAndForEverWhenNothingIs) {
  host.boot();
  const auto idle = host.settle();
  CHECK_FALSE(idle->now);
  CHECK(!idle->bootMs && !idle->wallMs);
  host.start(kNap);
  const auto next = host.settle();
  LONGS_EQUAL((host.clock.sinceBoot() + 10min).count(), *next->bootMs);
  CHECK(!next->wallMs);
}

TEST(Loop, aRequestThatIsWrongDoesNotTakeItsNeighboursAlong) {
  host.boot();
  const auto good = postStart(kNap);
  const auto bad = host.ask([](Runtime&) -> Status {
    return Error{ErrorCode::kInvalidArgument, "no"};
  });
  const auto alsoGood = postStart(kNap);
  CHECK(host.settle().ok());
  CHECK(good->status.ok() && alsoGood->status.ok());
  CHECK(TestRuntime::failedWith(bad->status, ErrorCode::kInvalidArgument));
  LONGS_EQUAL(2, runs());
}

TEST(Loop, listenersHearOfEachChangedRunOnceAndAfterItsCommit) {
  host.boot();
  std::vector<RunId> heard;
  bool inside = false;
  host.loop->onCommit([&](const std::vector<RunId>& runs) {
    heard.insert(heard.end(), runs.begin(), runs.end());
    inside = inside || host.journal->inTransaction();
  });
  const auto asked = postStart(kNap);
  CHECK(host.loop->step().ok());
  LONGS_EQUAL(1, heard.size());
  CHECK_FALSE(inside);
}

TEST(Loop, whileTheDiskIsFullNobodyIsToldAndNothingLeaves) {
  host.boot();
  const RunId waiting = host.start(kNap);
  host.disk.setFault({host.disk.operations() + 1, FaultVfs::Failure::kDiskFull, true});
  const auto start = postStart();
  for (int i = 0; i < 5; ++i) CHECK(host.loop->step().ok());
  CHECK(host.log.contains("journal.disk_full"));
  CHECK_FALSE(start->answered && start->status.ok());
  LONGS_EQUAL(0, host.jobs.started().size());
  LONGS_EQUAL(1, runs());
  STRCMP_EQUAL("waiting", host.status(waiting).c_str());
}

TEST(Loop, whatAFullDiskRolledBackIsTriedAgainOneByOneAndDoneOnce) {
  host.boot();
  const RunId run = host.start(kNap);
  // One write fails; then the reserve has made room.
  host.disk.setFault({host.disk.operations() + 1, FaultVfs::Failure::kDiskFull, false});
  const auto start = postStart(kNap);
  const auto cancel = host.ask(
      [&](Runtime& on) { return on.control(run, belay::runtime::Verb::kCancel, "uid:0"); });
  CHECK(host.loop->step().ok());
  CHECK(host.disk.faultHappened());
  CHECK_FALSE(start->answered || cancel->answered);
  STRCMP_EQUAL("waiting", host.status(run).c_str());
  CHECK(host.settle().ok());
  CHECK(start->answered && start->status.ok());
  CHECK(cancel->answered && cancel->status.ok());
  host.pass(2s);
  STRCMP_EQUAL("cancelled", host.status(run).c_str());
  LONGS_EQUAL(2, runs());
}

TEST(Loop, whatAFullDiskCutShortIsTakenUpAgainOnce) {
  host.boot();
  const RunId run = host.start(kJob);
  LONGS_EQUAL(1, host.jobs.started().size());
  host.disk.setFault({host.disk.operations() + 1, FaultVfs::Failure::kDiskFull, false});
  belay::runtime::StepResult result;
  result.outputJson = "{}";
  host.loop->resultSink()(run, host.jobs.started().front().key, result);
  CHECK(host.loop->step().ok());
  STRCMP_EQUAL("running", host.status(run).c_str());
  host.pass(2s);
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  // Its attempt was in flight: that the disk was full does not start it a second time.
  LONGS_EQUAL(1, host.jobs.started().size());
}

// Regression: a request that was served while the disk was full took the results with it.
TEST(Loop, aResultThatMetAFullDiskOutlivesTheRequestsOfThatTime) {
  host.boot();
  const RunId run = host.start(kJob);
  const RunId other = host.start(kNap);
  host.disk.setFault({host.disk.operations() + 1, FaultVfs::Failure::kDiskFull, false});
  belay::runtime::StepResult result;
  result.outputJson = "{}";
  host.loop->resultSink()(run, host.jobs.started().front().key, result);
  CHECK(host.loop->step().ok());
  CHECK(host.disk.faultHappened());
  const auto cancel = host.ask(
      [&](Runtime& on) { return on.control(other, belay::runtime::Verb::kCancel, "uid:0"); });
  CHECK(host.loop->step().ok());
  CHECK(cancel->answered && cancel->status.ok());
  host.pass(2s);
  STRCMP_EQUAL("succeeded", host.status(run).c_str());
  LONGS_EQUAL(1, host.jobs.started().size());
}
