// Runs statements on files that are made for it, harmless ones and others, in this process.

#include <sqlite3.h>
#include <unistd.h>

#include <string>

#include "agent/steps/SqliteStatement.h"
#include "common/base/Files.h"
#include "common/json/Json.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::Result;
using belay::json::Value;
using belay::steps::runSqlite;
using belay::steps::SqliteRequest;

TEST_GROUP(SqliteStatement) {
  belay::test::TempFolder folder;
  belay::base::PosixClock clock;
  std::string path = folder.at("data.db");

  void setup() override {
    make("create table t (id integer primary key, name text);"
         "insert into t values (1, 'one'), (2, 'two')");
  }
  void make(const char* sql) const {
    sqlite3* raw = nullptr;
    LONGS_EQUAL(SQLITE_OK, sqlite3_open(path.c_str(), &raw));
    LONGS_EQUAL(SQLITE_OK, sqlite3_exec(raw, sql, nullptr, nullptr, nullptr));
    sqlite3_close(raw);
  }
  Result<Value> ask(const std::string& sql, const std::string& params = "null",
                    bool write = false) const {
    SqliteRequest request;
    request.file = path;
    request.sql = sql;
    request.params = *belay::json::parse(params);
    request.write = write;
    return runSqlite(request, clock);
  }
  std::string rows(const std::string& sql, const std::string& params = "null") const {
    const auto got = ask(sql, params);
    return got.ok() ? belay::json::print(*got->find("rows")) : got.error().message;
  }
  ErrorCode code(const std::string& sql, const std::string& params = "null",
                 bool write = false) const {
    const auto got = ask(sql, params, write);
    CHECK_FALSE(got.ok());
    return got.ok() ? ErrorCode::kInternal : got.error().code;
  }
};

TEST(SqliteStatement, givesRowsByName) {
  STRCMP_EQUAL(R"([{"id":1,"name":"one"},{"id":2,"name":"two"}])", rows("select * from t").c_str());
  STRCMP_EQUAL(R"([{"n":"two"}])", rows("select name as n from t where id = ?", "[2]").c_str());
  STRCMP_EQUAL(R"([{"n":"one"}])",
               rows("select name as n from t where id = :id and :all", R"({"id":1,"all":true})")
                   .c_str());
  STRCMP_EQUAL("[]", rows("select name from t where name = ?", R"(["' or 1=1; --"])").c_str());
}

TEST(SqliteStatement, takesAndGivesBytes) {
  STRCMP_EQUAL(R"([{"b":{"base64":"AP8="},"n":2}])",
               rows("select :b as b, length(:b) as n", R"({"b":{"base64":"AP8="}})").c_str());
  STRCMP_EQUAL(R"([{"b":{"base64":"/w=="}}])", rows("select cast(x'ff' as text) as b").c_str());
}

TEST(SqliteStatement, parametersMustFit) {
  CHECK(code("select ?", "[]") == ErrorCode::kDbQuery);
  CHECK(code("select ?", "[1,2]") == ErrorCode::kDbQuery);
  CHECK(code("select :a", R"({"b":1})") == ErrorCode::kDbQuery);
  CHECK(code("select :a", R"({"a":1,"b":1})") == ErrorCode::kDbQuery);
  CHECK(code("select 1", "3") == ErrorCode::kInvalidArgument);
}

TEST(SqliteStatement, readsOnlyUnlessItMayWrite) {
  CHECK(code("delete from t") == ErrorCode::kDbReadOnly);
  CHECK(code("create table x (a)") == ErrorCode::kDbReadOnly);
  CHECK(code("insert into t select 3, 'x'") == ErrorCode::kDbReadOnly);
  const auto wrote = ask("insert into t (name) values (?), ('four') returning id", R"(["three"])", true);
  CHECK(wrote.ok());
  LONGS_EQUAL(2, wrote->integer("changes"));
  STRCMP_EQUAL(R"([{"id":3},{"id":4}])", belay::json::print(*wrote->find("rows")).c_str());
}

TEST(SqliteStatement, refusesWhatIsNotItsBusiness) {
  for (const char* sql :
       {"attach 'x' as y", "detach main", "begin", "savepoint s", "pragma journal_mode = wal",
        "pragma user_version = 3", "vacuum into 'x'", "create virtual table v using fts5(a)",
        "select 1; select 2", "", "-- nothing", "select * from nowhere", "selec 1"}) {
    CHECK(code(sql, "null", true) == ErrorCode::kDbQuery);
  }
  CHECK(ask("pragma table_info(t)").ok());
  CHECK(ask("select * from t; -- a comment").ok());
}

TEST(SqliteStatement, endsAtItsTime) {
  SqliteRequest request;
  request.file = path;
  request.sql = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
  request.timeoutMs = 50;
  CHECK(runSqlite(request, clock).error().code == ErrorCode::kStepTimeout);
}

TEST(SqliteStatement, boundsRowsBytesAndFiles) {
  SqliteRequest request;
  request.file = path;
  request.sql =
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)"
      " select i, 'xxxxxxxxxxxxxxxxxxxxxxxx' as x from n";
  request.rowsMax = 10;
  const auto some = runSqlite(request, clock);
  LONGS_EQUAL(10, some->integer("row_count"));
  CHECK(some->flag("truncated"));
  request.rowsMax = 1000;
  request.resultBytes = 1024;
  CHECK(runSqlite(request, clock).error().code == ErrorCode::kLimit);
  request.resultBytes = 1u << 20;
  request.sql =
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)"
      " insert into t (name) select hex(randomblob(2000)) from n";
  request.write = true;
  request.fileBytes = 256u << 10;
  CHECK(runSqlite(request, clock).error().code == ErrorCode::kLimit);
  STRCMP_EQUAL(R"([{"c":2}])", rows("select count(*) as c from t").c_str());
}

TEST(SqliteStatement, whatFailsHasChangedNothing) {
  SqliteRequest request;
  request.file = path;
  request.sql =
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)"
      " insert into t (name) select 'xxxxxxxxxxxxxxxxxxxxxxxx' from n returning id, name";
  request.write = true;
  request.resultBytes = 1024;
  CHECK(runSqlite(request, clock).error().code == ErrorCode::kLimit);
  STRCMP_EQUAL(R"([{"c":2}])", rows("select count(*) as c from t").c_str());
  // This keeps its first row where nobody takes it back.
  CHECK(code("insert or fail into t values (3, 'x'), (1, 'twice')", "null", true) ==
        ErrorCode::kDbQuery);
  STRCMP_EQUAL(R"([{"c":2}])", rows("select count(*) as c from t").c_str());
  make("create table child (of integer references t (id) deferrable initially deferred)");
  CHECK(code("insert into child values (77)", "null", true) == ErrorCode::kDbQuery);
  STRCMP_EQUAL("[]", rows("select * from child").c_str());
  CHECK(code("insert or rollback into t values (3, 'x'), (1, 'twice')", "null", true) ==
        ErrorCode::kDbQuery);
  STRCMP_EQUAL(R"([{"c":2}])", rows("select count(*) as c from t").c_str());
}

namespace {

/// Files of which a journal is removed, and then this is said to have failed.
struct ForgetfulFiles : sqlite3_vfs {
  ForgetfulFiles() : sqlite3_vfs(*sqlite3_vfs_find(nullptr)), real(sqlite3_vfs_find(nullptr)) {
    zName = "forgetful";
    xDelete = [](sqlite3_vfs* vfs, const char* file, int durably) {
      sqlite3_vfs* const below = static_cast<ForgetfulFiles*>(vfs)->real;
      below->xDelete(below, file, durably);
      return SQLITE_IOERR_DIR_FSYNC;
    };
    sqlite3_vfs_register(this, 1);
  }
  ~ForgetfulFiles() {
    sqlite3_vfs_unregister(this);
    sqlite3_vfs_register(real, 1);
  }
  sqlite3_vfs* real;
};

}  // namespace

TEST(SqliteStatement, aCommitOfWhichTheEndIsNotKnownIsCalledSo) {
  {
    const ForgetfulFiles files;
    const auto got = ask("insert into t values (3, 'three')", "null", true);
    CHECK_FALSE(got.ok());
    CHECK(got.error().code == ErrorCode::kStepAmbiguous);
  }
  STRCMP_EQUAL(R"([{"c":3}])", rows("select count(*) as c from t").c_str());
}

TEST(SqliteStatement, aJournalThatNamesAnotherFileRemovesNone) {
  const std::string victim = folder.at("victim");
  CHECK(belay::base::writeFileDurably(victim, "not of this database\n").ok());
  const auto number = [](std::uint32_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
    return out;
  };
  const std::string magic("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
  const std::uint32_t pages = 2;
  std::string journal = magic + number(0) + number(1) + number(pages) + number(512) + number(4096);
  journal.resize(512, '\0');
  std::uint32_t sum = 0;
  for (const char c : victim) sum += static_cast<std::uint32_t>(static_cast<signed char>(c));
  journal += number(0x40000000 / 4096 + 1) + victim +
             number(static_cast<std::uint32_t>(victim.size())) + number(sum) + magic;
  const auto before = belay::base::readFile(path, 1u << 20);
  LONGS_EQUAL(pages * 4096, before->size());
  CHECK(belay::base::writeFileDurably(path + "-journal", journal).ok());
  const auto got = ask("insert into t values (3, 'three')", "null", true);
  CHECK_TRUE(belay::base::fileExists(victim));
  CHECK_FALSE(got.ok());
  CHECK(got.error().code == ErrorCode::kDbQuery);
  STRCMP_CONTAINS(victim.c_str(), got.error().message.c_str());
  CHECK(*before == *belay::base::readFile(path, 1u << 20));
}

TEST(SqliteStatement, whatAnInterruptedWriteLeftIsTakenBack) {
  sqlite3* raw = nullptr;
  LONGS_EQUAL(SQLITE_OK, sqlite3_open(path.c_str(), &raw));
  const char* const half =
      "pragma cache_size = 1; begin; with recursive n(i) as"
      " (select 1 union all select i + 1 from n where i < 1000)"
      " insert into t (name) select hex(randomblob(100)) from n";
  LONGS_EQUAL(SQLITE_OK, sqlite3_exec(raw, half, nullptr, nullptr, nullptr));
  const auto file = belay::base::readFile(path, 4u << 20);
  const auto journal = belay::base::readFile(path + "-journal", 4u << 20);
  CHECK(file.ok() && file->size() > 100'000 && journal.ok());
  sqlite3_close(raw);
  path = folder.at("half.db");
  CHECK(belay::base::writeFileDurably(path, *file).ok());
  CHECK(belay::base::writeFileDurably(path + "-journal", *journal).ok());
  CHECK(ask("insert into t values (3, 'three')", "null", true).ok());
  STRCMP_EQUAL(R"([{"c":3}])", rows("select count(*) as c from t").c_str());
}

TEST(SqliteStatement, writesWithALogBesideTheFile) {
  make("pragma journal_mode = wal");
  CHECK(ask("insert into t values (3, 'three')", "null", true).ok());
  STRCMP_EQUAL(R"([{"c":3}])", rows("select count(*) as c from t").c_str());
  CHECK(code("insert or fail into t values (4, 'x'), (1, 'twice')", "null", true) ==
        ErrorCode::kDbQuery);
  STRCMP_EQUAL(R"([{"c":3}])", rows("select count(*) as c from t").c_str());
}

TEST(SqliteStatement, opensOnlyWhatIsAFileOfItsOwn) {
  LONGS_EQUAL(0, ::symlink(path.c_str(), folder.at("link.db").c_str()));
  SqliteRequest request;
  request.sql = "select 1";
  for (const std::string& file : {folder.at("link.db"), folder.at("none.db"), folder.at("")}) {
    request.file = file;
    CHECK(runSqlite(request, clock).error().code == ErrorCode::kDbQuery);
  }
  CHECK_FALSE(belay::base::fileExists(folder.at("none.db")));
}
