// Writes releases and promotions, and reads them back; then changes rows behind the journal's back.

#include "common/crypto/Sha256.h"
#include "common/sqlite/Database.h"
#include "tests/unit/journal/JournalFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using journal::FlowChange;
using journal::FlowChangeRow;

TEST_GROUP(FlowLedger) {
  test::JournalFixture on;

  void setup() override { CHECK(on.open().ok()); }

  FlowChangeRow row(FlowChange what, std::int64_t release, const std::string& digest,
                    const std::string& slug = "gate") {
    FlowChangeRow out;
    out.slug = slug;
    out.what = what;
    out.release = release;
    out.digest = digest;
    out.note = "note of " + digest;
    out.origin = "/srv/gate.flow.yaml";
    out.by = "uid:1000 (alice)";
    out.atMs = on.clock.wallMs();
    return out;
  }
  void add(FlowChange what, std::int64_t release, const std::string& digest,
           const std::string& slug = "gate") {
    FlowChangeRow change = row(what, release, digest, slug);
    CHECK(on.journal->addFlowChange(change).ok());
  }
  /// Keeps a content of a flow; its digest.
  std::string keep(const std::string& content) {
    const std::string digest = "sha256:" + crypto::sha256(content).hex();
    CHECK(on.journal->putFlow({digest, "gate", "yaml", content, on.clock.wallMs()}).ok());
    return digest;
  }
  void addReleases(int most) {
    for (int i = 1; i <= most; ++i) add(FlowChange::kReleased, i, keep(std::to_string(i)));
  }
  void reopen() {
    CHECK(on.journal->commit().ok());
    CHECK(on.journal->close().ok());
    CHECK(on.open().ok());
  }
  /// Changes the closed file behind the journal's back.
  void tamper(const char* sql) {
    CHECK(on.journal->commit().ok());
    CHECK(on.journal->close().ok());
    on.journal.reset();
    sqlite::OpenOptions options;
    options.path = on.options.path;
    auto database = sqlite::Database::open(options);
    CHECK(database.ok());
    CHECK(database.value()->exec(sql, "tamper").ok());
  }
};

TEST(FlowLedger, keepsEveryFieldOfARow) {
  add(FlowChange::kReleased, 1, "sha256:aa");
  reopen();
  const auto found = on.journal->release("gate", 1).value();
  CHECK(found.has_value());
  LONGS_EQUAL(1, found->number);
  STRCMP_EQUAL("gate", found->slug.c_str());
  CHECK(found->what == FlowChange::kReleased);
  STRCMP_EQUAL("sha256:aa", found->digest.c_str());
  STRCMP_EQUAL("note of sha256:aa", found->note.c_str());
  STRCMP_EQUAL("/srv/gate.flow.yaml", found->origin.c_str());
  STRCMP_EQUAL("uid:1000 (alice)", found->by.c_str());
  CHECK(found->atMs == on.clock.wallMs());
}

TEST(FlowLedger, numbersRowsOverAllFlowsWithoutGaps) {
  add(FlowChange::kDrafted, 0, "sha256:aa");
  add(FlowChange::kDrafted, 0, "sha256:bb", "other");
  FlowChangeRow third = row(FlowChange::kReleased, 1, "sha256:aa");
  CHECK(on.journal->addFlowChange(third).ok());
  LONGS_EQUAL(3, third.number);
}

TEST(FlowLedger, findsAReleaseByNumberAndTheNewestOfAContent) {
  add(FlowChange::kReleased, 1, "sha256:aa");
  add(FlowChange::kReleased, 2, "sha256:bb");
  add(FlowChange::kReleased, 3, "sha256:aa");
  LONGS_EQUAL(3, on.journal->releaseOf("gate", "sha256:aa").value()->release);
  STRCMP_EQUAL("sha256:bb", on.journal->release("gate", 2).value()->digest.c_str());
  CHECK(!on.journal->release("gate", 4).value());
  CHECK(!on.journal->release("other", 1).value());
  CHECK(!on.journal->releaseOf("other", "sha256:aa").value());
}

TEST(FlowLedger, refusesASecondReleaseOfTheSameNumber) {
  add(FlowChange::kReleased, 1, "sha256:aa");
  FlowChangeRow again = row(FlowChange::kReleased, 1, "sha256:bb");
  CHECK(on.journal->addFlowChange(again).error().code == ErrorCode::kConflict);
  STRCMP_EQUAL("sha256:aa", on.journal->release("gate", 1).value()->digest.c_str());
}

TEST(FlowLedger, listsOneKindOfOneFlowNewestFirstInPages) {
  for (int i = 1; i <= 5; ++i) {
    add(FlowChange::kReleased, i, "sha256:0" + std::to_string(i));
    add(FlowChange::kPromoted, i, "sha256:0" + std::to_string(i));
    add(FlowChange::kReleased, i, "sha256:ff", "other");
  }
  const auto first = on.journal->flowChanges("gate", FlowChange::kReleased, 0, 2).value();
  LONGS_EQUAL(2, first.size());
  LONGS_EQUAL(5, first[0].release);
  LONGS_EQUAL(4, first[1].release);
  const auto next =
      on.journal->flowChanges("gate", FlowChange::kReleased, first[1].number, 9).value();
  LONGS_EQUAL(3, next.size());
  LONGS_EQUAL(3, next[0].release);
  LONGS_EQUAL(5, on.journal->lastFlowChange("gate", FlowChange::kPromoted).value()->release);
  CHECK(!on.journal->lastFlowChange("gate", FlowChange::kArchived).value());
}

TEST(FlowLedger, forgetsWhatWasRolledBackAndGoesOnFromThere) {
  add(FlowChange::kReleased, 1, keep("1"));
  CHECK(on.journal->commit().ok());
  add(FlowChange::kReleased, 2, keep("2"));
  on.journal->rollback();
  CHECK(!on.journal->release("gate", 2).value());
  add(FlowChange::kReleased, 2, keep("3"));
  reopen();
  LONGS_EQUAL(2, on.verifyAll()->flowChanges);
}

TEST(FlowLedger, isVerifiedInPiecesOfAnySize) {
  addReleases(7);
  CHECK(on.journal->commit().ok());
  for (const std::size_t most : {1u, 2u, 7u, 100u}) {
    const auto report = on.verifyAll(most).value();
    CHECK(report.ok);
    LONGS_EQUAL(7, report.flowChanges);
  }
}

TEST(FlowLedger, namesTheRowThatWasChanged) {
  addReleases(40);
  // Far enough back that opening does not look at it.
  tamper("UPDATE flow_changes SET digest = 'sha256:evil' WHERE number = 3");
  CHECK(on.open().ok());
  const auto report = on.verifyAll(100).value();
  CHECK(!report.ok);
  STRCMP_EQUAL("row 3 of the ledger of flows (gate): it does not follow", report.firstBad.c_str());
}

TEST(FlowLedger, namesAnyFieldThatWasChanged) {
  for (const char* change : {"slug = 'gat'", "what = 2", "release = 8", "digest = 'x'",
                             "note = 'x'", "origin = 'x'", "by_whom = 'uid:0'", "at_ms = 7"}) {
    test::JournalFixture other;
    CHECK(other.open().ok());
    FlowChangeRow first = row(FlowChange::kReleased, 1, "sha256:aa");
    CHECK(other.journal->addFlowChange(first).ok());
    CHECK(other.journal->commit().ok());
    CHECK(other.journal->close().ok());
    other.journal.reset();
    sqlite::OpenOptions options;
    options.path = other.options.path;
    auto database = sqlite::Database::open(options);
    CHECK(database.value()
              ->exec((std::string("UPDATE flow_changes SET ") + change).c_str(), "tamper")
              .ok());
    database.value().reset();
    CHECK_TEXT(other.open().error().code == ErrorCode::kJournalChainBroken, change);
  }
}

TEST(FlowLedger, namesAMissingRow) {
  addReleases(40);
  tamper("DELETE FROM flow_changes WHERE number = 2");
  CHECK(on.open().ok());
  const auto report = on.verifyAll(100).value();
  STRCMP_EQUAL("row 2 of the ledger of flows (gate): it does not follow", report.firstBad.c_str());
}

TEST(FlowLedger, isVerifiedWithTheContentsThatItNames) {
  addReleases(3);
  add(FlowChange::kArchived, 0, "");
  tamper("UPDATE flows SET content = 'x' WHERE content = '2'");
  CHECK(on.open().ok());
  const std::string bad = "flow " + keep("2") + ": its content is missing or another one";
  STRCMP_EQUAL(bad.c_str(), on.verifyAll(100)->firstBad.c_str());
  tamper("DELETE FROM flows WHERE content = 'x'");
  CHECK(on.open().ok());
  STRCMP_EQUAL(bad.c_str(), on.verifyAll(100)->firstBad.c_str());
}

TEST(FlowLedger, outlivesPruningWithTheContentThatItPointsTo) {
  const std::int64_t now = on.clock.wallMs();
  const auto put = [&](const char* digest) {
    CHECK(on.journal->putFlow({digest, "gate", "yaml", "slug: gate", now}).ok());
  };
  put("sha256:00");  // of the run
  put("sha256:aa");  // of the release
  put("sha256:bb");  // of the draft
  CHECK(on.journal->setDraft("gate", "sha256:bb", now).ok());
  add(FlowChange::kReleased, 1, "sha256:aa");
  CHECK(on.addRun("r1", 2, "gate").ok());
  CHECK(on.addRun("r2", 2, "gate").ok());
  CHECK(on.endRun("r1", engine::RunStatus::kSucceeded).ok());
  CHECK(on.journal->commit().ok());
  LONGS_EQUAL(1, on.journal->prune(now + 1000, 100).value().runs);
  CHECK(on.journal->release("gate", 1).value().has_value());
  for (const char* digest : {"sha256:00", "sha256:aa", "sha256:bb"}) {
    CHECK_TEXT(on.journal->flowByDigest(digest).value().has_value(), digest);
  }
}
