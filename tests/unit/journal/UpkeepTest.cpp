// What keeps a journal small, sound and copied: checkpoints, pruning, verification, checks,
// backups, and the reserve for a full disk.

#include <sys/stat.h>
#include <unistd.h>

#include "agent/journal/Reserve.h"
#include "common/base/Files.h"
#include "common/sqlite/Database.h"
#include "tests/support/FaultVfs.h"
#include "tests/unit/journal/JournalFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using engine::RunStatus;

TEST_GROUP(JournalUpkeep) {
  test::JournalFixture on;

  void setup() override { CHECK(on.open().ok()); }
  void addEnded(const std::string& id, RunStatus status = RunStatus::kSucceeded) {
    CHECK(on.addRun(id, 2).ok());
    CHECK(on.endRun(id, status).ok());
    CHECK(on.journal->commit().ok());
  }
  /// Changes the file behind the journal's back, which is closed meanwhile.
  void change(const char* sql) {
    if (on.journal) CHECK(on.journal->close().ok());
    on.journal.reset();
    sqlite::OpenOptions options;
    options.path = on.options.path;
    auto database = sqlite::Database::open(options);
    CHECK(database.value()->exec(sql, "change").ok());
  }
  /// What verify says after such a change.
  std::string verifyAfter(const char* sql) {
    change(sql);
    on.options.readOnly = true;
    CHECK(on.open().ok());
    return on.verifyAll().value().firstBad;
  }
  void later() { on.clock.advance(std::chrono::milliseconds{1000}); }
  bool isThere(const std::string& id) { return on.journal->run(on.runId(id)).value().has_value(); }
};

TEST(JournalUpkeep, verifyCountsWhatItSawHoweverSmallThePieces) {
  addEnded("r1");
  addEnded("r2");
  CHECK(on.addRun("r3", 10).ok());
  CHECK(on.journal->commit().ok());
  for (const std::size_t most : {1u, 2u, 7u, 1000u}) {
    const auto report = on.verifyAll(most).value();
    CHECK(report.ok);
    LONGS_EQUAL(3, report.runs);
    LONGS_EQUAL(16, report.events);
    LONGS_EQUAL(2, report.hostRows);
  }
}

TEST(JournalUpkeep, verifyOfAnEmptyJournalIsDone) {
  const auto report = on.verifyAll().value();
  CHECK(report.ok);
  LONGS_EQUAL(0, report.events);
}

TEST(JournalUpkeep, verifyNamesAChangedEvent) {
  addEnded("r1");
  addEnded("r2");
  STRCMP_EQUAL("run r2, event 1: its hash does not match",
               verifyAfter("UPDATE events SET name = 'x' WHERE run = 2 AND seq = 1").c_str());
}

TEST(JournalUpkeep, verifyNamesAMissingEvent) {
  addEnded("r1");
  STRCMP_EQUAL("run r1, event 2: it is missing",
               verifyAfter("DELETE FROM events WHERE seq = 2").c_str());
}

TEST(JournalUpkeep, verifyMissesTheEndOfARunThatWasSealed) {
  addEnded("r1");
  STRCMP_EQUAL("run r1, event 3: the host's chain has sealed another hash",
               verifyAfter("DELETE FROM events WHERE seq = 3; UPDATE runs SET status = 0").c_str());
}

TEST(JournalUpkeep, verifyNamesARunThatHasTheEventsOfAnother) {
  CHECK(on.addRun("r1", 2).ok());
  CHECK(on.addRun("r2", 2).ok());
  CHECK(on.journal->commit().ok());
  STRCMP_EQUAL(
      "run r1, event 1: its hash does not match",
      verifyAfter("UPDATE events SET run = run + 2; UPDATE events SET run = 5 - run").c_str());
}

TEST(JournalUpkeep, verifyNamesEventsWithoutARunAndRunsWithoutEvents) {
  addEnded("r1");
  addEnded("r2");
  STRCMP_EQUAL("run number 1: it has events, but no row",
               verifyAfter("DELETE FROM runs WHERE number = 1").c_str());
  STRCMP_EQUAL("run r2: it has no events",
               verifyAfter("DELETE FROM events; DELETE FROM host_chain").c_str());
}

TEST(JournalUpkeep, verifyNamesABrokenRowOfTheHostsChain) {
  for (const char* id : {"r1", "r2", "r3"}) addEnded(id);
  STRCMP_EQUAL("row 2 of the host's chain: it does not follow",
               verifyAfter("UPDATE host_chain SET at_ms = 1 WHERE seq = 2").c_str());
  STRCMP_EQUAL("row 1 of the host's chain: it does not follow",
               verifyAfter("UPDATE host_chain SET at_ms = 1 WHERE seq = 1").c_str());
}

TEST(JournalUpkeep, pruneRemovesOldEndedRunsWithAllThatIsTheirs) {
  addEnded("old");
  CHECK(on.journal->addWait(on.waitRow("w1", "old")).ok());
  const base::RunId old = on.runId("old");
  CHECK(on.journal->addResource({"res://1", "d1", old, "s", "n", "t", 1, 1}).ok());
  CHECK(on.journal->addResource({"res://2", "shared", old, "s", "n", "t", 1, 1}).ok());
  CHECK(on.journal->addStartKey("key", old, 1).ok());
  CHECK(on.addRun("open", 2).ok());
  CHECK(on.journal->addResource({"res://2", "shared", on.runId("open"), "s", "n", "t", 1, 1}).ok());
  CHECK(on.journal->commit().ok());
  later();
  addEnded("young");
  const auto report = on.journal->prune(on.clock.wallMs(), 100).value();
  LONGS_EQUAL(1, report.runs);
  LONGS_EQUAL(3, report.events);
  LONGS_EQUAL(2, report.resources);
  LONGS_EQUAL(1, report.freedDigests.size());
  STRCMP_EQUAL("d1", report.freedDigests[0].c_str());
  CHECK(!report.more);
  CHECK(!isThere("old"));
  CHECK(isThere("open"));
  CHECK(isThere("young"));
  CHECK(!on.journal->wait(on.waitId("w1")).value().has_value());
  CHECK(!on.journal->runByStartKey("key").value().has_value());
  CHECK(on.journal->isReferenced("shared").value());
  STRCMP_EQUAL("open", on.journal->resource("res://2").value()->run.str().c_str());
  CHECK(!on.journal->inTransaction());
}

TEST(JournalUpkeep, aPrunedRunLeavesNoTriggerToTheNextOfItsNumber) {
  journal::RunHead head;
  auto row = on.runRow("old");
  row.trigger = engine::TriggerKind::kSchedule;
  CHECK(on.journal->addRun(row, head).ok());
  CHECK(on.endRun("old", engine::RunStatus::kSucceeded).ok());
  CHECK(on.journal->commit().ok());
  later();
  LONGS_EQUAL(1, on.journal->prune(on.clock.wallMs(), 100).value().runs);
  journal::RunHead next;
  CHECK(on.journal->addRun(on.runRow("next"), next).ok());
  LONGS_EQUAL(head.number, next.number);
  CHECK(on.journal->run(on.runId("next")).value()->trigger == engine::TriggerKind::kManual);
}

TEST(JournalUpkeep, afterPruningTheChainsAreWhole) {
  for (int i = 0; i < 6; ++i) {
    addEnded("r" + std::to_string(i));
    later();
  }
  CHECK(on.journal->prune(on.clock.wallMs() - 3000, 2).value().more);
  const auto second = on.journal->prune(on.clock.wallMs() - 3000, 2).value();
  LONGS_EQUAL(1, second.runs);
  CHECK(!second.more);
  auto report = on.verifyAll().value();
  CHECK(report.ok);
  LONGS_EQUAL(3, report.hostRows);
  addEnded("r9");
  CHECK(on.journal->prune(INT64_MAX, 100).ok());
  report = on.verifyAll().value();
  CHECK(report.ok);
  LONGS_EQUAL(0, report.hostRows);
  // The chain goes on behind its anchor.
  CHECK(on.open().ok());
  addEnded("r10");
  CHECK(on.open().ok());
  report = on.verifyAll().value();
  CHECK(report.ok);
  LONGS_EQUAL(1, report.hostRows);
}

TEST(JournalUpkeep, aChangedAnchorIsFound) {
  addEnded("r1");
  later();
  addEnded("r2");
  CHECK(on.journal->prune(on.clock.wallMs(), 10).ok());
  STRCMP_EQUAL("row 2 of the host's chain: it does not follow",
               verifyAfter("UPDATE host_anchor SET hash = zeroblob(32)").c_str());
}

TEST(JournalUpkeep, aRunThatWasRetriedIsKeptAndSealedAgain) {
  addEnded("r1", RunStatus::kFailed);
  later();
  // It goes on, and ends later.
  auto row = on.runRow("r1");
  CHECK(on.journal->updateRun(on.journal->head(on.runId("r1")).value(), row).ok());
  CHECK(on.journal->commit().ok());
  LONGS_EQUAL(0, on.journal->prune(on.clock.wallMs(), 10).value().runs);
  CHECK(isThere("r1"));
  later();
  CHECK(on.endRun("r1", RunStatus::kSucceeded).ok());
  CHECK(on.journal->commit().ok());
  CHECK(on.verifyAll().value().ok);
  LONGS_EQUAL(1, on.journal->prune(on.clock.wallMs() + 1, 10).value().runs);
  CHECK(on.verifyAll().value().ok);
}

TEST(JournalUpkeep, verifyNamesARunWhoseStateIsNotThatOfItsLastEvent) {
  addEnded("r1", RunStatus::kFailed);
  CHECK(on.addRun("r2", 2).ok());
  CHECK(on.journal->commit().ok());
  const std::string r1 = "run r1: its state is not that of its last event";
  for (const char* status : {"5", "1", "-1"}) {
    const std::string sql = std::string("UPDATE runs SET status = ") + status + " WHERE id = 'r1'";
    STRCMP_EQUAL(r1.c_str(), verifyAfter(sql.c_str()).c_str());
  }
  STRCMP_EQUAL("run r2: its state is not that of its last event",
               verifyAfter("UPDATE runs SET status = 6").c_str());
}

TEST(JournalUpkeep, verifyNamesARunWhoseEndTheHostsChainLacks) {
  for (int i = 1; i <= 3; ++i) addEnded("r" + std::to_string(i));
  const std::string lacks = ": the host's chain lacks its end";
  STRCMP_EQUAL(("run r3" + lacks).c_str(),
               verifyAfter("DELETE FROM host_chain WHERE seq = 3").c_str());
  STRCMP_EQUAL(("run r1" + lacks).c_str(), verifyAfter("DELETE FROM host_chain").c_str());
  STRCMP_EQUAL("run r1: its state is not that of its last event",
               verifyAfter("DELETE FROM events WHERE name = 'run_finished'").c_str());
}

TEST(JournalUpkeep, verifyFollowsWhatHappensMeanwhile) {
  for (int i = 1; i <= 9; ++i) addEnded("r" + std::to_string(i));
  CHECK(on.addRun("last", 2).ok());
  CHECK(on.journal->commit().ok());
  journal::VerifyCursor cursor, other;
  for (int i = 0; !cursor.done; ++i) {
    const auto piece = on.journal->verify(cursor, 3).value();
    CHECK_TEXT(piece.ok, piece.firstBad.c_str());
    if (i == 1) CHECK(on.journal->verify(other, 3).value().ok);
    if (i == 2) {
      later();
      CHECK(on.endRun("last", RunStatus::kStopped).ok());
      CHECK(on.journal->commit().ok());
      CHECK(on.journal->prune(on.clock.wallMs(), 5).ok());
    }
  }
}

TEST(JournalUpkeep, aDamagedSealIsNotPrunedAway) {
  // A start looks at the last rows only, so this one is found by verify.
  for (int i = 1; i < 40; ++i) addEnded("r" + std::to_string(i));
  change("UPDATE host_chain SET at_ms = 1 WHERE seq = 1");
  CHECK(on.open().ok());
  CHECK(on.journal->prune(INT64_MAX, 100).ok());
  STRCMP_EQUAL("row 1 of the host's chain: it does not follow",
               on.verifyAll().value().firstBad.c_str());
}

TEST(JournalUpkeep, aBackupIsAWholeJournal) {
  for (int i = 0; i < 5; ++i) addEnded("r" + std::to_string(i));
  const std::string target = on.folder.at("backup.db");
  CHECK(on.journal->backup(target).ok());
  CHECK(on.journal->backup(target).error().code == ErrorCode::kConflict);
  CHECK(!base::fileExists(target + ".partial"));
  struct stat info {};
  CHECK_EQUAL(0, ::stat(target.c_str(), &info));
  LONGS_EQUAL(0600, info.st_mode & 07777);
  addEnded("later");
  on.options.path = target;
  CHECK(on.open().ok());
  CHECK(isThere("r4"));
  CHECK(!isThere("later"));
  CHECK(on.verifyAll().value().ok);
}

TEST(JournalUpkeep, aBackupThatCannotBeWrittenLeavesNothingAndHurtsNothing) {
  addEnded("r1");
  CHECK(!on.journal->backup(on.folder.at("none/backup.db")).ok());
  CHECK(!base::fileExists(on.folder.at("none")));
  addEnded("r2");
  CHECK(isThere("r2"));
}

TEST(JournalUpkeep, aBackupInPiecesHoldsWhatIsWrittenMeanwhile) {
  for (int i = 0; i < 50; ++i) addEnded("r" + std::to_string(i));
  const std::string target = on.folder.at("backup.db");
  auto backup = on.journal->beginBackup(target);
  CHECK(backup.ok());
  bool complete = false;
  for (int i = 0; !complete; ++i) {
    addEnded("meanwhile" + std::to_string(i));
    if (i == 1) CHECK(on.journal->prune(on.clock.wallMs() + 1, 10).ok());
    if (i == 2) CHECK(on.journal->upkeep(true).ok());
    const auto stepped = backup.value()->step(3);
    CHECK(stepped.ok());
    complete = *stepped;
    CHECK(complete == base::fileExists(target));
  }
  backup.value().reset();
  const std::uint64_t runs = on.journal->stats().value().runs;
  on.options.path = target;
  CHECK(on.open().ok());
  LONGS_EQUAL(runs, on.journal->stats().value().runs);
  CHECK(on.verifyAll().value().ok);
  journal::CheckCursor cursor;
  CHECK(on.journal->quickCheck(cursor, 10).ok());
}

TEST(JournalUpkeep, aBackupInPiecesThatIsGivenUpLeavesNothing) {
  for (int i = 0; i < 50; ++i) addEnded("r" + std::to_string(i));
  {
    auto backup = on.journal->beginBackup(on.folder.at("backup.db"));
    CHECK(backup.value()->step(2).value() == false);
    CHECK(on.addRun("open").ok());
    CHECK(backup.value()->step(2).error().code == ErrorCode::kConflict);
    on.journal->rollback();
  }
  const std::vector<std::string> names = base::listFolder(on.folder.path()).value();
  for (const std::string& name : names) {
    CHECK(name.find("backup") == std::string::npos);
  }
  addEnded("after");
  CHECK(isThere("after"));
}

TEST(JournalUpkeep, aSmallFileIsCheckedAtOnce) {
  addEnded("r1");
  journal::CheckCursor cursor;
  CHECK(on.journal->quickCheck(cursor, 10).ok());
  CHECK(cursor.done);
}

TEST(JournalUpkeep, aLargeFileIsCheckedInPieces) {
  for (int i = 0; i < 10; ++i) {
    CHECK(on.addRun("r" + std::to_string(i), 1).ok());
    auto head = on.journal->head(on.runId("r" + std::to_string(i))).value();
    for (int n = 0; n < 20; ++n) {
      CHECK(on.journal->appendEvent(head, "large", 1, std::string(60'000, 'x')).ok());
    }
    CHECK(on.journal->commit().ok());
  }
  journal::CheckCursor cursor;
  int pieces = 0;
  for (; !cursor.done && pieces < 1000; ++pieces) CHECK(on.journal->quickCheck(cursor, 20).ok());
  CHECK(cursor.done);
  CHECK(pieces > 20);
}

TEST_GROUP(JournalSize) {
  test::FaultVfs vfs;  // in memory, because much is written
  test::JournalFixture on;

  void setup() override {
    on.options.vfs = vfs.name();
    CHECK(on.open().ok());
  }
};

TEST(JournalSize, theFileStaysFlatWhenOldRunsArePruned) {
  std::uint64_t settled = 0;
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 20; ++i) {
      const std::string id = "r" + std::to_string(round * 100 + i);
      CHECK(on.addRun(id, 10).ok());
      CHECK(on.endRun(id, RunStatus::kSucceeded).ok());
    }
    CHECK(on.journal->commit().ok());
    on.clock.advance(std::chrono::milliseconds{1000});
    while (on.journal->prune(on.clock.wallMs() - 3000, 7).value().more) {
    }
    CHECK(on.journal->upkeep(false).ok());
    const std::uint64_t pages = on.journal->stats().value().pages;
    if (round == 10) settled = pages;
    if (round > 10) CHECK(pages <= settled + settled / 5);
  }
}

TEST(JournalSize, checkpointsWhenIdleOrOverTheBound) {
  CHECK(on.addRun("r1", 200).ok());
  CHECK(on.journal->commit().ok());
  const std::uint64_t small = on.journal->stats().value().walBytes;
  CHECK(on.journal->upkeep(true).ok());
  LONGS_EQUAL(small, on.journal->stats().value().walBytes);  // not worth it
  for (int i = 0; i < 50; ++i) {
    CHECK(on.addRun("s" + std::to_string(i), 700).ok());
    CHECK(on.journal->commit().ok());
  }
  CHECK(on.journal->stats().value().walBytes > 1000 * 4096);
  CHECK(on.journal->upkeep(false).ok());
  CHECK(on.journal->stats().value().walBytes > 1000 * 4096);
  CHECK(on.journal->upkeep(true).ok());
  LONGS_EQUAL(0, on.journal->stats().value().walBytes);
}

TEST(JournalSize, theWalIsWrittenOverAndDoesNotGrowBeyondItsBound) {
  on.options.walMaxBytes = 1 << 20;
  CHECK(on.open().ok());
  for (int i = 0; i < 40; ++i) {
    CHECK(on.addRun("r" + std::to_string(i), 300).ok());
    CHECK(on.journal->commit().ok());
    CHECK(on.journal->upkeep(false).ok());
    CHECK(vfs.disk().files.at(on.options.path + "-wal").content.size() < 3 << 20);
  }
}

TEST_GROUP(JournalReserve) {
  test::TempFolder folder;
  journal::Reserve reserve{folder.at("r"), 100'000};

  std::int64_t allocated() {
    struct stat info {};
    return ::stat(folder.at("r").c_str(), &info) == 0 ? info.st_blocks * 512 : -1;
  }
};

TEST(JournalReserve, takesRealBlocksAndGivesThemBack) {
  CHECK(reserve.take().ok());
  CHECK(allocated() >= 100'000);
  CHECK(reserve.take().ok());
  reserve.release();
  LONGS_EQUAL(-1, allocated());
  CHECK(reserve.take().ok());
  CHECK(allocated() >= 100'000);
}

TEST(JournalReserve, isNotFooledByASparseFile) {
  CHECK(base::writeFileDurably(folder.at("r"), "").ok());
  CHECK_EQUAL(0, ::truncate(folder.at("r").c_str(), 200'000));
  CHECK(reserve.take().ok());
  CHECK(allocated() >= 100'000);
}

TEST(JournalReserve, ofNoBytesDoesNothing) {
  journal::Reserve none(folder.at("none"), 0);
  CHECK(none.take().ok());
  CHECK(!base::fileExists(folder.at("none")));
}

TEST_GROUP(FullDisk) {
  test::FaultVfs vfs;
  test::JournalFixture on;

  void setup() override {
    on.options.vfs = vfs.name();
    CHECK(on.open().ok());
    CHECK(on.addRun("r1").ok());
    CHECK(on.journal->commit().ok());
  }
  /// The disk is full, and a commit has met that.
  void fill() {
    vfs.setFault({1, test::FaultVfs::Failure::kDiskFull, true});
    CHECK(on.addRun("r2").ok());
    CHECK(on.journal->commit().error().code == ErrorCode::kDiskFull);
  }
};

TEST(FullDisk, rollsBackWholeAndGivesTheReserveUp) {
  CHECK(base::fileExists(on.folder.at("journal.reserve")));
  fill();
  CHECK(on.journal->fullMode());
  CHECK(!on.journal->inTransaction());
  CHECK(!base::fileExists(on.folder.at("journal.reserve")));
  CHECK(on.log.contains("error journal.full"));
  CHECK(on.log.contains("BLY-DISK-FULL"));
  CHECK(!on.journal->run(on.runId("r2")).value().has_value());
}

TEST(FullDisk, goesOnInTheRoomOfTheReserve) {
  fill();
  vfs.clearFault();
  CHECK(on.endRun("r1", RunStatus::kCancelled).ok());
  CHECK(on.journal->commit().ok());
  CHECK(on.journal->fullMode());
  CHECK(on.journal->recoverReserve().ok());
  CHECK(!on.journal->fullMode());
  CHECK(base::fileExists(on.folder.at("journal.reserve")));
  CHECK(on.log.contains("info journal.room_again"));
}

TEST(FullDisk, readsGoOn) {
  fill();
  CHECK(on.journal->run(on.runId("r1")).value().has_value());
  CHECK(on.verifyAll().value().ok);
}

TEST_GROUP(PoisonedJournal) {
  test::FaultVfs vfs;
  test::JournalFixture on;

  void setup() override {
    on.options.vfs = vfs.name();
    CHECK(on.open().ok());
    CHECK(on.addRun("r1").ok());
    CHECK(on.journal->commit().ok());
  }
};

TEST(PoisonedJournal, answersEverythingWithTheErrorOfTheCommit) {
  CHECK(on.addRun("r2").ok());
  vfs.setFault({vfs.operations() + 1, test::FaultVfs::Failure::kIoError, false});
  const base::Status failed = on.journal->commit();
  CHECK(failed.error().code == ErrorCode::kJournalIo);
  vfs.clearFault();
  const std::string& why = failed.error().message;
  STRCMP_EQUAL(why.c_str(), on.journal->commit().error().message.c_str());
  STRCMP_EQUAL(why.c_str(), on.addRun("r3").error().message.c_str());
  STRCMP_EQUAL(why.c_str(), on.journal->run(on.runId("r1")).error().message.c_str());
  STRCMP_EQUAL(why.c_str(), on.journal->upkeep(true).error().message.c_str());
  STRCMP_EQUAL(why.c_str(), on.journal->prune(0, 1).error().message.c_str());
  STRCMP_EQUAL(why.c_str(), on.journal->close().error().message.c_str());
}

TEST(PoisonedJournal, leavesItsFilesToTheNextProcess) {
  CHECK(on.addRun("r2").ok());
  vfs.setFault({vfs.operations() + 1, test::FaultVfs::Failure::kIoError, false});
  CHECK(!on.journal->commit().ok());
  vfs.clearFault();
  const std::string wal = vfs.disk().files.at(on.options.path + "-wal").content;
  on.journal.reset();
  CHECK(vfs.disk().files.at(on.options.path + "-wal").content == wal);
  CHECK(on.open().ok());
  CHECK(on.journal->run(on.runId("r1")).value().has_value());
  CHECK(on.verifyAll().value().ok);
}

TEST(PoisonedJournal, noticesThatItsFileIsGone) {
  // What would be written into a file without a name is lost with the process.
  CHECK_EQUAL(0, ::rename(on.options.path.c_str(), on.folder.at("elsewhere").c_str()));
  CHECK(on.journal->upkeep(false).error().code == ErrorCode::kJournalIo);
  CHECK(on.addRun("r2").error().code == ErrorCode::kJournalIo);
}

TEST(FullDisk, aCheckpointThatFindsNoRoomIsTriedAgain) {
  CHECK(on.addRun("r3", 3000).ok());
  CHECK(on.addRun("r4", 60'000).ok());
  CHECK(on.journal->commit().ok());
  vfs.setFault({1, test::FaultVfs::Failure::kDiskFull, true});
  CHECK(on.journal->upkeep(true).ok());
  CHECK(on.journal->fullMode());
  vfs.clearFault();
  CHECK(on.journal->stats().value().walBytes > 0);
  CHECK(on.journal->upkeep(false).ok());
  LONGS_EQUAL(0, on.journal->stats().value().walBytes);
}
