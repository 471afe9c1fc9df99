// Databases in a folder of their own; what SQLite says must come out as one of our codes, with the
// statement's name.

#include <sqlite3.h>
#include <unistd.h>

#include <array>

#include "common/base/Files.h"
#include "common/sqlite/Database.h"
#include "common/sqlite/Statement.h"
#include "common/sqlite/Transaction.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::sqlite::Database;
using belay::sqlite::Execution;
using belay::sqlite::OpenOptions;
using belay::sqlite::Statement;
using belay::sqlite::Transaction;

TEST_GROUP(Database) {
  belay::test::TempFolder folder;
  std::unique_ptr<Database> database = open("a.db");

  std::unique_ptr<Database> open(const std::string& name) {
    OpenOptions options;
    options.path = folder.at(name);
    auto opened = Database::open(options);
    CHECK(opened.ok());
    return std::move(opened).value();
  }
  void execute(const char* sql) { CHECK(database->exec(sql, "test").ok()); }
};

TEST(Database, readsBackWhatWasBound) {
  execute("CREATE TABLE t (a INTEGER, b TEXT, c BLOB, d TEXT)");
  Statement insert(*database, "insert", "INSERT INTO t VALUES (?,?,?,?)");
  const std::string text("x\0y", 3);
  const std::array<std::uint8_t, 2> blob{0, 255};
  CHECK(Execution(insert, -5, text, blob, std::string_view{}).run().ok());
  Statement select(*database, "select", "SELECT a, b, c, d, NULL FROM t");
  Execution row(select);
  CHECK(row.next().value());
  LONGS_EQUAL(-5, row.integer(0));
  CHECK(row.text(1) == text);
  LONGS_EQUAL(2, row.blob(2).size());
  LONGS_EQUAL(255, row.blob(2)[1]);
  CHECK(!row.isNull(3));
  CHECK(row.text(3).empty());
  CHECK(row.isNull(4));
  CHECK(!row.next().value());
}

TEST(Database, aStatementCanBeUsedAgainAfterARow) {
  execute("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)");
  Statement select(*database, "select", "SELECT a FROM t WHERE a >= ? ORDER BY a");
  for (const int from : {1, 2, 1}) {
    Execution row(select, from);
    CHECK(row.next().value());
    LONGS_EQUAL(from, row.integer(0));
  }
}

TEST(Database, aStatementIsCompiledOnceThoughAPartialIndexHangsOnItsParameter) {
  execute("CREATE TABLE t (a INTEGER, b INTEGER); CREATE INDEX p ON t (b) WHERE a = 1");
  Statement select(*database, "select", "SELECT b FROM t WHERE a = ? AND b > ?");
  for (const int a : {1, 2, 1}) CHECK(!Execution(select, a, 0).next().value());
  sqlite3_stmt* compiled = sqlite3_next_stmt(database->raw(), nullptr);
  LONGS_EQUAL(0, sqlite3_stmt_status(compiled, SQLITE_STMTSTATUS_REPREPARE, 0));
}

TEST(Database, aBrokenConstraintIsAConflictThatNamesTheStatement) {
  execute("CREATE TABLE t (a INTEGER PRIMARY KEY)");
  Statement insert(*database, "add number", "INSERT INTO t VALUES (?)");
  CHECK(Execution(insert, 1).run().ok());
  const auto again = Execution(insert, 1).run();
  CHECK(!again.ok());
  CHECK(again.error().code == ErrorCode::kConflict);
  CHECK(again.error().message.find("add number") != std::string::npos);
  CHECK(Execution(insert, 2).run().ok());
}

TEST(Database, wrongSqlIsInternal) {
  Statement wrong(*database, "wrong", "SELECT * FROM nowhere");
  const auto row = Execution(wrong).next();
  CHECK(row.error().code == ErrorCode::kInternal);
  // And again: the failure to compile is not remembered as a success.
  CHECK(!Execution(wrong).next().ok());
}

TEST(Database, refusesAFileThatIsNoDatabase) {
  CHECK(belay::base::writeFileDurably(folder.at("b.db"), std::string(4096, 'x')).ok());
  const auto other = open("b.db");
  const auto read = other->readInteger("PRAGMA user_version", "read header");
  CHECK(read.error().code == ErrorCode::kJournalForeign);
}

TEST(Database, doesNotFollowALink) {
  CHECK_EQUAL(0, ::symlink(folder.at("a.db").c_str(), folder.at("link.db").c_str()));
  OpenOptions options;
  options.path = folder.at("link.db");
  CHECK(!Database::open(options).ok());
}

TEST(Database, saysWhenAnotherConnectionHasTheLock) {
  execute("CREATE TABLE t (a INTEGER)");
  execute("BEGIN EXCLUSIVE");
  const auto other = open("a.db");
  const auto written = other->exec("INSERT INTO t VALUES (1)", "insert");
  CHECK(written.error().code == ErrorCode::kJournalLocked);
}

TEST(Database, aPragmaThatDoesNotTakeIsAnError) {
  CHECK(database->setPragma("cache_size", "-512", "-512").ok());
  const auto refused = database->setPragma("journal_mode", "nonsense", "nonsense");
  CHECK(refused.error().code == ErrorCode::kUnsupported);
}

TEST(Database, attachesOneDatabaseOnly) {
  // VACUUM INTO needs one.
  execute("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7)");
  Statement vacuum(*database, "copy", "VACUUM INTO ?");
  CHECK(Execution(vacuum, folder.at("copy.db")).run().ok());
  LONGS_EQUAL(7, open("copy.db")->readInteger("SELECT a FROM t", "read").value());
  execute("ATTACH ':memory:' AS one");
  CHECK(!database->exec("ATTACH ':memory:' AS two", "attach").ok());
}

TEST(Database, anImmutableFileIsReadWithoutTouchingItsFolder) {
  execute("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7)");
  database.reset();
  OpenOptions options;
  options.path = folder.at("a.db");
  options.immutable = true;
  auto reader = Database::open(options);
  CHECK(reader.ok());
  LONGS_EQUAL(7, reader.value()->readInteger("SELECT a FROM t", "read").value());
  CHECK(reader.value()->exec("DELETE FROM t", "delete").error().code == ErrorCode::kPermission);
}

TEST(Database, aTransactionThatIsNotCommittedIsRolledBack) {
  execute("CREATE TABLE t (a INTEGER)");
  {
    auto transaction = Transaction::begin(*database);
    CHECK(transaction.ok());
    execute("INSERT INTO t VALUES (1)");
    CHECK(!database->inAutocommit());
  }
  CHECK(database->inAutocommit());
  LONGS_EQUAL(0, database->readInteger("SELECT count(*) FROM t", "count").value());
}

TEST(Database, aCommittedTransactionStays) {
  execute("CREATE TABLE t (a INTEGER)");
  {
    auto transaction = Transaction::begin(*database);
    execute("INSERT INTO t VALUES (1)");
    CHECK(transaction.value().commit().ok());
  }
  LONGS_EQUAL(1, database->readInteger("SELECT count(*) FROM t", "count").value());
}

TEST(Database, knowsWhichVersionsNeedASingleConnection) {
  using belay::sqlite::needsSingleConnection;
  CHECK(needsSingleConnection(3'040'001));
  CHECK(needsSingleConnection(3'044'005));
  CHECK(!needsSingleConnection(3'044'006));
  CHECK(needsSingleConnection(3'046'001));
  CHECK(needsSingleConnection(3'050'006));
  CHECK(!needsSingleConnection(3'050'007));
  CHECK(needsSingleConnection(3'051'002));
  CHECK(!needsSingleConnection(3'051'003));
  CHECK(!needsSingleConnection(3'053'000));
}
