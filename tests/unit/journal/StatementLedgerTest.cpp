// Keeps signed statements as text (the ledger does not look inside), reads back what is in force,
// and changes rows behind the journal's back to see them named.

#include "common/sqlite/Database.h"
#include "tests/unit/journal/JournalFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using journal::StatementFate;
using journal::StatementKind;
using journal::StatementRow;

TEST_GROUP(StatementLedger) {
  test::JournalFixture on;

  void setup() override { CHECK(on.open().ok()); }

  static StatementRow pin(std::int64_t counter, const char* digest) {
    StatementRow row;
    row.kind = StatementKind::kPin;
    row.subject = "deploy/stable";
    row.counter = counter;
    row.digest = digest;
    row.text = "a.b.c\n";
    row.quorum = 2;
    row.signers = "kid ada\n";
    row.by = "uid:1000";
    row.atMs = 1'800'000'001'000;
    return row;
  }
  void add(StatementRow row) { CHECK(on.journal->addStatement(row).ok()); }
  void tamper(const std::string& change) {
    CHECK(on.journal->commit().ok());
    CHECK(on.journal->close().ok());
    on.journal.reset();
    sqlite::OpenOptions options;
    options.path = on.options.path;
    auto database = sqlite::Database::open(options);
    CHECK(database.value()->exec(change.c_str(), "tamper").ok());
  }
};

TEST(StatementLedger, givesTheHighestCounterOfAChainFirst) {
  add(pin(1, "aa"));
  add(pin(7, "bb"));
  StatementRow other = pin(9, "cc");
  other.subject = "deploy/beta";
  add(other);
  StatementRow fork = pin(7, "dd");
  fork.fate = StatementFate::kFork;
  add(fork);
  CHECK(on.journal->commit().ok());
  const auto rows = on.journal->statements(StatementKind::kPin, "deploy/stable", 10).value();
  LONGS_EQUAL(2, rows.size());
  STRCMP_EQUAL("bb", rows[0].digest.c_str());
  STRCMP_EQUAL("a.b.c\n", rows[0].text.c_str());
  LONGS_EQUAL(2, rows[0].number);
  LONGS_EQUAL(0, on.journal->statements(StatementKind::kRoster, "", 1)->size());
  LONGS_EQUAL(1, on.journal->forks(10)->size());
  CHECK(on.journal->isKnownFork(StatementKind::kPin, "dd").value());
  CHECK_FALSE(on.journal->isKnownFork(StatementKind::kPin, "bb").value());
  const auto report = on.verifyAll(1).value();
  CHECK(report.ok);
  LONGS_EQUAL(4, report.statements);
}

TEST(StatementLedger, forgetsWhatWasRolledBack) {
  add(pin(1, "aa"));
  on.journal->rollback();
  add(pin(1, "bb"));
  CHECK(on.journal->commit().ok());
  LONGS_EQUAL(1, on.verifyAll()->statements);
}

TEST(StatementLedger, namesAnyFieldThatWasChanged) {
  for (const char* change :
       {"kind = 1", "fate = 1", "subject = 'x'", "counter = 2", "digest = 'x'", "text = 'x'",
        "quorum = 1", "signers = 'x'", "by_whom = 'x'", "at_ms = 7"}) {
    test::JournalFixture other;
    CHECK(other.open().ok());
    StatementRow first = pin(1, "aa");
    CHECK(other.journal->addStatement(first).ok());
    CHECK(other.journal->commit().ok());
    CHECK(other.journal->close().ok());
    other.journal.reset();
    sqlite::OpenOptions options;
    options.path = other.options.path;
    {
      auto database = sqlite::Database::open(options);
      CHECK(database.value()
                ->exec((std::string("UPDATE statements SET ") + change).c_str(), "tamper")
                .ok());
    }
    CHECK_TEXT(other.open().error().code == ErrorCode::kJournalChainBroken, change);
  }
}

TEST(StatementLedger, namesAMissingRow) {
  for (int i = 1; i <= 20; ++i) add(pin(i, "aa"));
  tamper("DELETE FROM statements WHERE number = 2");
  CHECK(on.open().ok());
  const auto report = on.verifyAll(100).value();
  CHECK_FALSE(report.ok);
  STRCMP_EQUAL("row 2 of the ledger of statements (deploy/stable): it does not follow",
               report.firstBad.c_str());
}
