// Opens a journal of each older version. tests/data has them as the text that SQLite makes of a
// file which a daemon of that version wrote; they stay for ever.

#include <sys/stat.h>

#include "agent/journal/Schema.h"
#include "common/base/Files.h"
#include "common/sqlite/Database.h"
#include "tests/unit/journal/JournalFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;

TEST_GROUP(Migration) {
  test::JournalFixture on;

  std::unique_ptr<sqlite::Database> file() {
    sqlite::OpenOptions options;
    options.path = on.options.path;
    auto database = sqlite::Database::open(options);
    CHECK(database.ok());
    return std::move(database).value();
  }
  void makeOld(int version) {
    const auto text =
        base::readFile("tests/data/journal-v" + std::to_string(version) + ".sql", 1 << 20);
    CHECK(text.ok());
    CHECK(file()->exec(text->c_str(), "make an old journal").ok());
    CHECK_EQUAL(0, ::chmod(on.options.path.c_str(), 0600));
  }
};

TEST(Migration, bringsAFileOfVersion1ForwardWithAllItsRows) {
  makeOld(1);
  CHECK(on.open().ok());
  LONGS_EQUAL(journal::kSchemaVersion, on.journal->stats()->schemaVersion);
  const auto report = on.verifyAll().value();
  CHECK(report.ok);
  LONGS_EQUAL(2, report.runs);
  LONGS_EQUAL(6, report.events);
  LONGS_EQUAL(1, report.hostRows);
  LONGS_EQUAL(0, report.flowChanges);
  LONGS_EQUAL(1, on.journal->waits({})->size());
  LONGS_EQUAL(1, on.journal->countActive().value());
  STRCMP_EQUAL("team", on.journal->bindings("kept")->front().connection.c_str());
  const auto head = on.journal->flowHead("kept").value();
  CHECK(on.journal->flowByDigest(head->draftDigest).value().has_value());
}

TEST(Migration, bringsAFileOfVersion2ForwardWithItsResources) {
  makeOld(2);
  CHECK(on.open().ok());
  const auto report = on.verifyAll().value();
  CHECK(report.ok);
  LONGS_EQUAL(2, report.runs);
  CHECK(on.journal->release("kept", 1).value().has_value());
  const auto rows = on.journal->resources({}).value();
  LONGS_EQUAL(4, rows.size());
  for (const journal::ResourceRow& row : rows) {
    STRCMP_EQUAL("big", row.step.c_str());
    LONGS_EQUAL(row.name == "big.stdout" ? 100'000 : 65'742, row.size);
    CHECK(on.journal->isReferenced(row.digest).value());
  }
  const auto runs = on.journal->runs({});
  LONGS_EQUAL(2, runs->size());
  for (const journal::RunRow& row : *runs) CHECK(row.parent.empty());
}

TEST(Migration, takesWhatTheNewVersionAdds) {
  makeOld(1);
  CHECK(on.open().ok());
  journal::FlowChangeRow row;
  row.slug = "kept";
  row.what = journal::FlowChange::kReleased;
  row.release = 1;
  row.digest = on.journal->flowHead("kept").value()->draftDigest;
  CHECK(on.journal->addFlowChange(row).ok());
  CHECK(on.journal->commit().ok());
  CHECK(on.journal->close().ok());
  CHECK(on.open().ok());
  CHECK(on.journal->release("kept", 1).value().has_value());
}

TEST(Migration, isOneTransactionThatFailsWhole) {
  makeOld(1);
  // The last statement of the migration cannot succeed: its name is taken.
  CHECK(file()->exec("CREATE TABLE statement_forks (a INTEGER)", "get in the way").ok());
  CHECK(!on.open().ok());
  LONGS_EQUAL(2, file()->readInteger("PRAGMA user_version", "look").value());
  LONGS_EQUAL(
      0, file()
             ->readInteger("SELECT count(*) FROM sqlite_schema WHERE name = 'statements'", "look")
             .value());
}

TEST(Migration, isNotForReaders) {
  makeOld(1);
  on.options.readOnly = true;
  CHECK(on.open().error().code == ErrorCode::kJournalOlder);
  LONGS_EQUAL(1, file()->readInteger("PRAGMA user_version", "look").value());
}
