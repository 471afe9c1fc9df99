// A journal on a real file, opened anew where a restart matters. Each test writes rows, and looks
// at what comes back.

#include "agent/journal/Journal.h"
#include "agent/journal/Schema.h"
#include "tests/unit/journal/JournalFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using engine::RunStatus;
using flow::WaitKind;
using journal::RunFilter;
using journal::RunHead;
using journal::TimerRow;
using journal::WaitFilter;
using journal::WaitStatus;

namespace {

std::string idsOf(const std::vector<journal::RunRow>& rows) {
  std::string ids;
  for (const journal::RunRow& row : rows) ids += row.id.str() + " ";
  return ids;
}

}  // namespace

TEST_GROUP(Journal) {
  test::JournalFixture on;

  void setup() override { CHECK(on.open().ok()); }
  void commit() { CHECK(on.journal->commit().ok()); }
  void reopen() { CHECK(on.open().ok()); }
  void addRun(const std::string& id, int events = 1, const std::string& slug = "flow") {
    CHECK(on.addRun(id, events, slug).ok());
  }
};

TEST(Journal, keepsACommittedRunWithItsEvents) {
  addRun("r1", 3);
  commit();
  reopen();
  const auto row = on.journal->run(on.runId("r1")).value();
  CHECK(row.has_value());
  STRCMP_EQUAL("flow", row->slug.c_str());
  STRCMP_EQUAL("uid:1000", row->startedBy.c_str());
  const auto events = on.journal->events(on.runId("r1"), 0, 100).value();
  LONGS_EQUAL(3, events.size());
  LONGS_EQUAL(3, events[2].seq);
  STRCMP_EQUAL("step_started", events[2].name.c_str());
  STRCMP_EQUAL("{\"n\":2}", events[2].body.c_str());
}

TEST(Journal, forgetsWhatWasNotCommitted) {
  addRun("r1");
  commit();
  addRun("r2");
  reopen();
  CHECK(on.journal->run(on.runId("r1")).value().has_value());
  CHECK(!on.journal->run(on.runId("r2")).value().has_value());
}

TEST(Journal, readsSeeWhatTheOpenTransactionWrote) {
  addRun("r1", 2);
  CHECK(on.journal->inTransaction());
  LONGS_EQUAL(2, on.journal->events(on.runId("r1"), 0, 100).value().size());
}

TEST(Journal, rollbackForgetsAllSinceTheLastCommit) {
  addRun("r1");
  commit();
  addRun("r2");
  on.journal->rollback();
  CHECK(!on.journal->inTransaction());
  CHECK(!on.journal->run(on.runId("r2")).value().has_value());
  addRun("r3");
  commit();
  CHECK(on.journal->run(on.runId("r3")).value().has_value());
}

TEST(Journal, commitOfNothingIsOk) { commit(); }

TEST(Journal, refusesASecondRunOfTheSameId) {
  addRun("r1");
  const auto again = on.addRun("r1");
  CHECK(again.error().code == ErrorCode::kConflict);
  // The transaction goes on: a conflict is no failure of the disk.
  addRun("r2");
  commit();
  CHECK(on.journal->run(on.runId("r2")).value().has_value());
}

TEST(Journal, aHeadThatIsReadBackGoesOnWithTheChain) {
  addRun("r1", 2);
  commit();
  reopen();
  RunHead head = on.journal->head(on.runId("r1")).value();
  LONGS_EQUAL(2, head.seq);
  CHECK(on.journal->appendEvent(head, "step_finished", 5, "{}").ok());
  commit();
  LONGS_EQUAL(3, on.journal->events(on.runId("r1"), 0, 100).value().size());
  CHECK(on.verifyAll().value().ok);
}

TEST(Journal, eventsCanBeReadInPieces) {
  addRun("r1", 5);
  const auto piece = on.journal->events(on.runId("r1"), 2, 2).value();
  LONGS_EQUAL(2, piece.size());
  LONGS_EQUAL(3, piece[0].seq);
  LONGS_EQUAL(0, on.journal->events(on.runId("r1"), 5, 2).value().size());
}

TEST(Journal, anUnknownRunHasNoHeadAndNoEvents) {
  CHECK(on.journal->head(on.runId("nope")).error().code == ErrorCode::kRunNotFound);
  CHECK(on.journal->events(on.runId("nope"), 0, 1).error().code == ErrorCode::kRunNotFound);
}

TEST(Journal, listsRunsNewestFirstInPages) {
  for (const char* id : {"a", "b", "c", "d", "e"}) addRun(id);
  RunFilter filter;
  filter.most = 2;
  STRCMP_EQUAL("e d ", idsOf(on.journal->runs(filter).value()).c_str());
  filter.before = "d";
  STRCMP_EQUAL("c b ", idsOf(on.journal->runs(filter).value()).c_str());
  filter.before = "a";
  STRCMP_EQUAL("", idsOf(on.journal->runs(filter).value()).c_str());
  filter.before = "nope";
  CHECK(on.journal->runs(filter).error().code == ErrorCode::kRunNotFound);
}

TEST(Journal, listsRunsOfAFlowAndOfAnAge) {
  addRun("a", 1, "one");
  addRun("b", 1, "two");
  on.clock.advance(std::chrono::milliseconds{1000});
  addRun("c", 1, "one");
  RunFilter filter;
  filter.slug = "one";
  STRCMP_EQUAL("c a ", idsOf(on.journal->runs(filter).value()).c_str());
  filter.createdBeforeMs = on.clock.wallMs();
  STRCMP_EQUAL("a ", idsOf(on.journal->runs(filter).value()).c_str());
}

TEST(Journal, listsRunsByStatus) {
  for (const char* id : {"a", "b", "c", "d"}) addRun(id);
  CHECK(on.endRun("a", RunStatus::kFailed).ok());
  CHECK(on.endRun("b", RunStatus::kSucceeded).ok());
  CHECK(on.endRun("c", RunStatus::kFailed).ok());
  RunFilter filter;
  filter.statuses = {RunStatus::kFailed, RunStatus::kSucceeded};
  STRCMP_EQUAL("c b a ", idsOf(on.journal->runs(filter).value()).c_str());
  filter.most = 2;
  STRCMP_EQUAL("c b ", idsOf(on.journal->runs(filter).value()).c_str());
  filter.before = "c";
  STRCMP_EQUAL("b a ", idsOf(on.journal->runs(filter).value()).c_str());
}

TEST(Journal, listsRunsByTrigger) {
  const auto add = [&](const char* id, engine::TriggerKind trigger, const char* slug = "flow") {
    RunHead head;
    auto row = on.runRow(id, slug);
    row.trigger = trigger;
    CHECK(on.journal->addRun(row, head).ok());
  };
  add("a", engine::TriggerKind::kManual);
  add("b", engine::TriggerKind::kSchedule);
  add("c", engine::TriggerKind::kFlow, "other");
  add("d", engine::TriggerKind::kSchedule, "other");
  add("e", engine::TriggerKind::kSchedule);
  commit();
  reopen();
  const auto listed = [&](std::vector<engine::TriggerKind> triggers, RunFilter filter = {}) {
    filter.triggers = std::move(triggers);
    return idsOf(on.journal->runs(filter).value());
  };
  STRCMP_EQUAL("e d b ", listed({engine::TriggerKind::kSchedule}).c_str());
  STRCMP_EQUAL("a ", listed({engine::TriggerKind::kManual}).c_str());
  STRCMP_EQUAL("c a ", listed({engine::TriggerKind::kManual, engine::TriggerKind::kFlow}).c_str());
  STRCMP_EQUAL("", listed({engine::TriggerKind::kWebhook}).c_str());
  STRCMP_EQUAL("e d c b ",
               listed({engine::TriggerKind::kFlow, engine::TriggerKind::kSchedule}).c_str());
  STRCMP_EQUAL("e d b ",
               listed({engine::TriggerKind::kSchedule, engine::TriggerKind::kSchedule}).c_str());
  RunFilter filter;
  filter.slug = "other";
  STRCMP_EQUAL("d ", listed({engine::TriggerKind::kSchedule}, filter).c_str());
  filter = {};
  filter.most = 1;
  STRCMP_EQUAL("e ", listed({engine::TriggerKind::kSchedule}, filter).c_str());
  filter.before = "e";
  STRCMP_EQUAL("d ", listed({engine::TriggerKind::kSchedule}, filter).c_str());
  CHECK(on.endRun("b", RunStatus::kFailed).ok());
  filter = {};
  filter.statuses = {RunStatus::kFailed};
  STRCMP_EQUAL("b ", listed({engine::TriggerKind::kSchedule}, filter).c_str());
  CHECK(on.journal->run(on.runId("d")).value()->trigger == engine::TriggerKind::kSchedule);
}

TEST(Journal, unfinishedRunsAreThoseThatDoNotOnlyWait) {
  for (const char* id : {"a", "b", "c", "d"}) addRun(id);
  CHECK(on.endRun("a", RunStatus::kSucceeded).ok());
  auto row = on.runRow("b");
  row.status = RunStatus::kWaiting;
  CHECK(on.journal->updateRun(on.journal->head(on.runId("b")).value(), row).ok());
  row = on.runRow("c");
  row.status = RunStatus::kPaused;
  CHECK(on.journal->updateRun(on.journal->head(on.runId("c")).value(), row).ok());
  STRCMP_EQUAL("c d ", idsOf(on.journal->unfinishedRuns().value()).c_str());
  LONGS_EQUAL(3, on.journal->countActive().value());
}

TEST(Journal, findsRunsByThePrefixOfTheirId) {
  for (const char* id : {"ab1", "ab2", "abz", "b"}) addRun(id);
  LONGS_EQUAL(3, on.journal->runsByPrefix("ab", 10).value().size());
  LONGS_EQUAL(1, on.journal->runsByPrefix("abz", 10).value().size());
  LONGS_EQUAL(2, on.journal->runsByPrefix("", 2).value().size());
}

TEST(Journal, aWaitIsAnsweredOnce) {
  addRun("r1");
  CHECK(on.journal->addWait(on.waitRow("w1", "r1")).ok());
  commit();
  CHECK(on.journal->closeWait(on.waitId("w1"), WaitStatus::kAnswered, 7).ok());
  const auto again = on.journal->closeWait(on.waitId("w1"), WaitStatus::kRejected, 8);
  CHECK(again.error().code == ErrorCode::kWaitClosed);
  const auto row = on.journal->wait(on.waitId("w1")).value();
  CHECK(row->status == WaitStatus::kAnswered);
  LONGS_EQUAL(7, row->closedMs);
  STRCMP_EQUAL("flow", row->slug.c_str());
  const auto none = on.journal->closeWait(on.waitId("w2"), WaitStatus::kAnswered, 7);
  CHECK(none.error().code == ErrorCode::kWaitNotFound);
}

TEST(Journal, aWaitNeedsItsRun) {
  CHECK(on.journal->addWait(on.waitRow("w1", "nope")).error().code == ErrorCode::kRunNotFound);
}

TEST(Journal, listsOpenWaitsNewestFirst) {
  addRun("r1");
  addRun("r2");
  CHECK(on.journal->addWait(on.waitRow("w1", "r1")).ok());
  CHECK(on.journal->addWait(on.waitRow("w2", "r2", WaitKind::kCallback)).ok());
  CHECK(on.journal->addWait(on.waitRow("w3", "r1")).ok());
  CHECK(on.journal->closeWait(on.waitId("w1"), WaitStatus::kAnswered, 7).ok());
  WaitFilter filter;
  auto found = on.journal->waits(filter).value();
  LONGS_EQUAL(2, found.size());
  STRCMP_EQUAL("w3", found[0].id.str().c_str());
  filter.kind = WaitKind::kApproval;
  LONGS_EQUAL(1, on.journal->waits(filter).value().size());
  filter.openOnly = false;
  LONGS_EQUAL(2, on.journal->waits(filter).value().size());
  filter = WaitFilter{};
  filter.run = "r2";
  found = on.journal->waits(filter).value();
  LONGS_EQUAL(1, found.size());
  STRCMP_EQUAL("w2", found[0].id.str().c_str());
}

TEST(Journal, findsOpenWaitsForAnEventOldestFirst) {
  addRun("r1");
  for (const char* id : {"w1", "w2", "w3"}) {
    auto row = on.waitRow(id, "r1", WaitKind::kEvent);
    row.eventName = id == std::string("w3") ? "other" : "deployed";
    CHECK(on.journal->addWait(row).ok());
  }
  const auto found = on.journal->waitsForEvent("deployed", 10).value();
  LONGS_EQUAL(2, found.size());
  STRCMP_EQUAL("w1", found[0].id.str().c_str());
}

TEST(Journal, timersComeDueOnTheirOwnClock) {
  const RunHead head = on.addRun("r1").value();
  TimerRow timer{head.number, {}, "retry:a", "boot-1", 70'000, 1'800'000'010'000, false};
  CHECK(on.journal->putTimer(timer).ok());
  timer.key = "wait:w";
  timer.onWallClock = true;
  CHECK(on.journal->putTimer(timer).ok());
  const auto next = on.journal->nextDue().value();
  LONGS_EQUAL(70'000, *next.bootMs);
  CHECK_EQUAL(1'800'000'010'000, *next.wallMs);
  LONGS_EQUAL(0, on.journal->dueTimers(69'999, 0, 10).value().size());
  const auto due = on.journal->dueTimers(70'000, 0, 10).value();
  LONGS_EQUAL(1, due.size());
  STRCMP_EQUAL("retry:a", due[0].key.c_str());
  STRCMP_EQUAL("r1", due[0].run.str().c_str());
  LONGS_EQUAL(2, on.journal->dueTimers(70'000, 1'800'000'010'000, 10).value().size());
}

TEST(Journal, aTimerOfTheSameKeyIsMoved) {
  const RunHead head = on.addRun("r1").value();
  TimerRow timer{head.number, {}, "retry:a", "boot-1", 70'000, 0, false};
  CHECK(on.journal->putTimer(timer).ok());
  timer.dueBootMs = 80'000;
  CHECK(on.journal->putTimer(timer).ok());
  LONGS_EQUAL(80'000, *on.journal->nextDue().value().bootMs);
  CHECK(on.journal->removeTimer(head, "retry:a").ok());
  CHECK(!on.journal->nextDue().value().bootMs.has_value());
}

TEST(Journal, afterARebootTimersKeepTheWallTimeThatIsLeft) {
  const RunHead head = on.addRun("r1").value();
  const std::int64_t wall = on.clock.wallMs();
  // One minute from now on both clocks.
  TimerRow timer{head.number, {}, "a", "boot-1", 120'000, wall + 60'000, false};
  CHECK(on.journal->putTimer(timer).ok());
  CHECK(on.journal->rebaseTimers("boot-2", 5'000, wall + 20'000).ok());
  LONGS_EQUAL(45'000, *on.journal->nextDue().value().bootMs);
  // The same boot again changes nothing.
  CHECK(on.journal->rebaseTimers("boot-2", 9'000, wall + 30'000).ok());
  LONGS_EQUAL(45'000, *on.journal->nextDue().value().bootMs);
}

TEST(Journal, aWallClockThatJumpedCannotMakeATimerLongerOrNegative) {
  const RunHead head = on.addRun("r1").value();
  const std::int64_t wall = on.clock.wallMs();
  TimerRow timer{head.number, {}, "a", "boot-1", 120'000, wall + 60'000, false};
  CHECK(on.journal->putTimer(timer).ok());
  CHECK(on.journal->rebaseTimers("boot-2", 5'000, 0).ok());  // 1970
  LONGS_EQUAL(65'000, *on.journal->nextDue().value().bootMs);
  CHECK(on.journal->rebaseTimers("boot-3", 7'000, wall + 10'000'000).ok());
  LONGS_EQUAL(7'000, *on.journal->nextDue().value().bootMs);
}

TEST(Journal, keepsFlowsDraftsAndBindings) {
  CHECK(on.journal->putFlow({"d1", "flow", "yaml", "slug: flow", 1}).ok());
  CHECK(on.journal->putFlow({"d1", "flow", "yaml", "another text", 2}).ok());
  STRCMP_EQUAL("slug: flow", on.journal->flowByDigest("d1").value()->content.c_str());
  CHECK(on.journal->setDraft("flow", "d1", 1).ok());
  CHECK(on.journal->setDraft("flow", "d2", 2).ok());
  addRun("r1");
  addRun("r2");
  const auto head = on.journal->flowHead("flow").value();
  STRCMP_EQUAL("d2", head->draftDigest.c_str());
  LONGS_EQUAL(2, on.journal->runsOfFlow("flow").value());
  LONGS_EQUAL(0, on.journal->runsOfFlow("nope").value());
  LONGS_EQUAL(1, on.journal->flowHeads().value().size());
  CHECK(!on.journal->flowHead("nope").value().has_value());
  CHECK(on.journal->putBinding("flow", "chat", "c1").ok());
  CHECK(on.journal->putBinding("flow", "chat", "c2").ok());
  const auto bindings = on.journal->bindings("flow").value();
  LONGS_EQUAL(1, bindings.size());
  STRCMP_EQUAL("c2", bindings[0].connection.c_str());
}

TEST(Journal, kvExpires) {
  CHECK(on.journal->putKv({"s", "a", "1", 100, 0}).ok());
  CHECK(on.journal->putKv({"s", "b", "2", 0, 0}).ok());
  CHECK(on.journal->kv("s", "a", 99).value().has_value());
  CHECK(!on.journal->kv("s", "a", 100).value().has_value());
  LONGS_EQUAL(1, on.journal->kvList("s", "", 100, 10).value().size());
  CHECK(on.journal->dropExpiredKv(100, 10).ok());
  CHECK(!on.journal->kv("s", "a", 0).value().has_value());
  CHECK(on.journal->kv("s", "b", 0).value().has_value());
  CHECK(on.journal->removeKv("s", "b").ok());
  CHECK(!on.journal->kv("s", "b", 0).value().has_value());
}

TEST(Journal, kvIsListedByPrefixInOrder) {
  for (const char* key : {"b", "a/2", "a/1", "a", "aa"}) {
    CHECK(on.journal->putKv({"s", key, "0", 0, 0}).ok());
  }
  const auto found = on.journal->kvList("s", "a/", 0, 10).value();
  LONGS_EQUAL(2, found.size());
  STRCMP_EQUAL("a/1", found[0].key.c_str());
  LONGS_EQUAL(2, on.journal->kvList("s", "", 0, 2).value().size());
  LONGS_EQUAL(0, on.journal->kvList("other", "", 0, 2).value().size());
}

TEST(Journal, knowsWhichContentsAreReferenced) {
  addRun("r1");
  const base::RunId run = on.runId("r1");
  CHECK(on.journal->addResource({"res://1", "d1", run, "s", "n", "text/plain", 5, 1}).ok());
  CHECK(on.journal->isReferenced("d1").value());
  CHECK(!on.journal->isReferenced("d2").value());
  LONGS_EQUAL(5, on.journal->resource("res://1").value()->size);
  CHECK(!on.journal->resource("res://2").value().has_value());
  journal::ResourceFilter filter;
  filter.run = "r1";
  LONGS_EQUAL(1, on.journal->resources(filter).value().size());
}

// Regression: a second run with the same output could not record it, and never ended.
TEST(Journal, oneContentCanBelongToSeveralRunsAndSteps) {
  addRun("r1");
  addRun("r2");
  for (const char* run : {"r1", "r2"}) {
    for (const char* step : {"a", "b"}) {
      CHECK(on.journal->addResource({"res://1", "d1", on.runId(run), step, "n", "t", 5, 1}).ok());
    }
  }
  LONGS_EQUAL(4, on.journal->resources({}).value().size());
  CHECK(on.journal->resource("res://1").value().has_value());
}

TEST(Journal, remembersStartKeysAndMeta) {
  addRun("r1");
  CHECK(on.journal->addStartKey("k", on.runId("r1"), 1).ok());
  CHECK(on.journal->addStartKey("k", on.runId("r1"), 1).error().code == ErrorCode::kConflict);
  STRCMP_EQUAL("r1", on.journal->runByStartKey("k").value()->str().c_str());
  CHECK(!on.journal->runByStartKey("other").value().has_value());
  CHECK(on.journal->setMeta("epoch", "1").ok());
  CHECK(on.journal->setMeta("epoch", "2").ok());
  STRCMP_EQUAL("2", on.journal->meta("epoch").value()->c_str());
  CHECK(!on.journal->meta("none").value().has_value());
}

TEST(Journal, countsItsRows) {
  addRun("r1", 3);
  CHECK(on.journal->addWait(on.waitRow("w1", "r1")).ok());
  commit();
  const auto stats = on.journal->stats().value();
  LONGS_EQUAL(1, stats.runs);
  LONGS_EQUAL(3, stats.events);
  LONGS_EQUAL(1, stats.openWaits);
  LONGS_EQUAL(1, stats.commits);
  LONGS_EQUAL(journal::kSchemaVersion, stats.schemaVersion);
  CHECK(stats.fileBytes == stats.pages * 4096);
  CHECK(stats.walBytes > 0);
}

TEST(Journal, aClosedJournalRefusesEverything) {
  addRun("r1");
  CHECK(on.journal->close().error().code == ErrorCode::kConflict);
  commit();
  CHECK(on.journal->close().ok());
  CHECK(!base::fileExists(on.options.path + "-wal"));
  CHECK(!on.addRun("r2").ok());
  CHECK(!on.journal->runs({}).ok());
  CHECK(!on.journal->commit().ok());
  reopen();
  CHECK(on.journal->run(on.runId("r1")).value().has_value());
}

TEST(Journal, upkeepAndItsLikeRefuseAnOpenTransaction) {
  addRun("r1");
  journal::CheckCursor cursor;
  CHECK(on.journal->upkeep(true).error().code == ErrorCode::kConflict);
  CHECK(on.journal->prune(0, 1).error().code == ErrorCode::kConflict);
  CHECK(on.journal->backup(on.folder.at("b")).error().code == ErrorCode::kConflict);
  CHECK(on.journal->quickCheck(cursor, 10).error().code == ErrorCode::kConflict);
}
