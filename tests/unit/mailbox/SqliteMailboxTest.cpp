// What is special about the store in a file: who may open it, and what it refuses to read.

#include <sys/wait.h>
#include <unistd.h>

#include "common/sqlite/Database.h"
#include "relay/mailbox/Schema.h"
#include "relay/mailbox/SqliteMailbox.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace belay::mailbox;
using base::ErrorCode;

namespace {

base::Result<std::unique_ptr<SqliteMailbox>> openAt(const std::string& path, bool create = true) {
  SqliteOptions options;
  options.path = path;
  options.lockWait = std::chrono::milliseconds{0};
  options.create = create;
  return SqliteMailbox::open(options);
}

void makeFile(const std::string& path, const char* sql) {
  sqlite::OpenOptions options;
  options.path = path;
  auto database = sqlite::Database::open(options);
  CHECK(database.ok());
  CHECK((*database)->exec(sql, "test").ok());
}

}  // namespace

TEST_GROUP(SqliteMailbox) { test::TempFolder folder; };

TEST(SqliteMailbox, aSecondProcessIsRefused) {
  const std::string path = folder.at("relay.db");
  const auto first = openAt(path);
  CHECK(first.ok());
  // Another process, because the locks of one process do not meet each other.
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = openAt(path);
    const bool refused = !second.ok() && second.error().code == ErrorCode::kAlreadyRunning;
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  LONGS_EQUAL(child, ::waitpid(child, &status, 0));
  LONGS_EQUAL(0, status);
}

TEST(SqliteMailbox, nothingIsMadeWhereNobodyAskedForIt) {
  const auto opened = openAt(folder.at("relay.db"), false);
  CHECK(!opened.ok());
  LONGS_EQUAL(int(ErrorCode::kNotInitialised), int(opened.error().code));
}

TEST(SqliteMailbox, aForeignDatabaseIsLeftAlone) {
  makeFile(folder.at("relay.db"), "CREATE TABLE t (a); PRAGMA application_id = 7;");
  const auto opened = openAt(folder.at("relay.db"));
  CHECK(!opened.ok());
  LONGS_EQUAL(int(ErrorCode::kJournalForeign), int(opened.error().code));
}

TEST(SqliteMailbox, aStoreOfBeforeTheFirstReleaseIsNamed) {
  const std::string mark =
      "CREATE TABLE t (a); PRAGMA application_id = " + std::to_string(kApplicationId) +
      "; PRAGMA user_version = 1;";
  makeFile(folder.at("relay.db"), mark.c_str());
  const auto opened = openAt(folder.at("relay.db"));
  CHECK(!opened.ok());
  LONGS_EQUAL(int(ErrorCode::kJournalForeign), int(opened.error().code));
}

TEST(SqliteMailbox, aNewerStoreIsRefused) {
  const std::string mark =
      "CREATE TABLE t (a); PRAGMA application_id = " + std::to_string(kApplicationId) +
      "; PRAGMA user_version = 99;";
  makeFile(folder.at("relay.db"), mark.c_str());
  const auto opened = openAt(folder.at("relay.db"));
  CHECK(!opened.ok());
  LONGS_EQUAL(int(ErrorCode::kJournalNewer), int(opened.error().code));
}
