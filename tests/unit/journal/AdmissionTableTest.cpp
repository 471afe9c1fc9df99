// Puts runs into lanes, on a real file, and asks who is next and who stands where.

#include "agent/journal/AdmissionTable.h"
#include "tests/unit/journal/JournalFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using journal::AdmissionRow;
using journal::Turn;

TEST_GROUP(AdmissionTable) {
  test::JournalFixture on;
  std::int64_t places = 0;

  void setup() override { CHECK(on.open().ok()); }
  journal::AdmissionTable& table() { return on.journal->admissions(); }
  AdmissionRow add(const std::string& id, Turn turn, const std::string& lane = ":a",
                   std::int64_t release = 1, const std::string& slug = "flow") {
    const auto head = on.addRun(id, 1, slug);
    CHECK(head.ok());
    AdmissionRow row;
    row.run = head->number;
    row.slug = slug;
    row.lane = lane;
    row.release = release;
    row.limit = 1;
    row.turn = turn;
    row.place = ++places;
    CHECK(table().add(row).ok());
    return row;
  }
  static const char* idOf(const base::Result<std::optional<AdmissionRow>>& row) {
    return row.ok() && *row ? (*row)->id.str().c_str() : "none";
  }
};

TEST(AdmissionTable, eachLaneHasItsOwnOrder) {
  add("h", Turn::kBegun);
  add("q1", Turn::kQueued);
  add("other", Turn::kQueued, ":b");
  add("q2", Turn::kQueued);
  add("elsewhere", Turn::kQueued, ":a", 1, "flow2");
  STRCMP_EQUAL("q1", idOf(table().firstQueued("flow", ":a")));
  STRCMP_EQUAL("h", idOf(table().firstHeld("flow", ":a")));
  STRCMP_EQUAL("none", idOf(table().firstHeld("flow", ":b")));
  const auto counts = table().count("flow", ":a");
  LONGS_EQUAL(2, counts->queued);
  LONGS_EQUAL(1, counts->held);
}

TEST(AdmissionTable, whoLeavesHoldsItsSlotAndIsNotAskedAgain) {
  const AdmissionRow first = add("h1", Turn::kBegun);
  add("h2", Turn::kBegun);
  CHECK(table().setTurn(first.run, Turn::kLeaving).ok());
  STRCMP_EQUAL("h2", idOf(table().firstHeld("flow", ":a")));
  LONGS_EQUAL(2, table().count("flow", ":a")->held);
  LONGS_EQUAL(1, table().count("flow", ":a")->leaving);
  CHECK(table().remove(first.run).ok());
  LONGS_EQUAL(1, table().count("flow", ":a")->held);
}

TEST(AdmissionTable, lanesAreWalkedOneByOne) {
  add("a1", Turn::kQueued);
  add("a2", Turn::kQueued);
  add("h", Turn::kBegun, ":held");
  add("b", Turn::kQueued, ":b");
  add("c", Turn::kQueued, ".", 1, "flow2");
  STRCMP_EQUAL("a1", idOf(table().nextLane("", "")));
  STRCMP_EQUAL("b", idOf(table().nextLane("flow", ":a")));
  STRCMP_EQUAL("c", idOf(table().nextLane("flow", ":b")));
  STRCMP_EQUAL("none", idOf(table().nextLane("flow2", ".")));
}

TEST(AdmissionTable, placesAreCountedInTheQueueAtHand) {
  add("h", Turn::kBegun);
  add("q1", Turn::kQueued);
  add("x", Turn::kQueued, ":b");
  add("q2", Turn::kQueued);
  add("r1", Turn::kReady, ":c");
  add("r2", Turn::kReady, ":d");
  const auto of = [this](const char* id) {
    return **table().place(test::JournalFixture::runId(id), true);
  };
  LONGS_EQUAL(0, of("q1").ahead);
  STRCMP_EQUAL("h", of("q1").behind.str().c_str());
  LONGS_EQUAL(1, of("q2").ahead);
  STRCMP_EQUAL("q1", of("q2").behind.str().c_str());
  STRCMP_EQUAL("", of("r1").behind.str().c_str());
  LONGS_EQUAL(1, of("r2").ahead);
  STRCMP_EQUAL("r1", of("r2").behind.str().c_str());
  CHECK(!table().place(test::JournalFixture::runId("h"), true)->has_value());
  STRCMP_EQUAL("r1", idOf(table().firstReady()));
}

TEST(AdmissionTable, runsOfOtherReleasesAreFoundDraftsApart) {
  add("draft", Turn::kQueued, ":a", 0);
  const AdmissionRow mine = add("mine", Turn::kQueued, ":b", 2);
  CHECK(!*table().othersBefore("flow", 2, mine.place));
  add("later", Turn::kReady, ":c", 1);
  CHECK(!*table().othersBefore("flow", 2, mine.place));
  CHECK(*table().othersBefore("flow", 2, 1000));
  add("begun", Turn::kBegun, ":d", 1);
  AdmissionRow after;
  after.slug = "flow";
  const auto others = table().waitingOthers(after, 2, 10);
  LONGS_EQUAL(1, others->size());
  STRCMP_EQUAL("later", others->front().id.str().c_str());
  LONGS_EQUAL(0, table().waitingOthers(others->front(), 2, 10)->size());
}

TEST(AdmissionTable, isPartOfTheTransaction) {
  CHECK(on.addRun("r").ok());
  CHECK(on.journal->commit().ok());
  add("q", Turn::kQueued);
  on.journal->rollback();
  STRCMP_EQUAL("none", idOf(table().firstQueued("flow", ":a")));
  add("q", Turn::kQueued);
  CHECK(on.journal->commit().ok());
  CHECK(on.journal->close().ok());
  CHECK(on.open().ok());
  STRCMP_EQUAL("q", idOf(table().firstQueued("flow", ":a")));
}
