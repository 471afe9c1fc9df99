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
