// Scrubs a journal, then changes it behind its back, column by column, to see each change named.

#include "agent/journal/JournalScrub.h"
#include "agent/journal/Chain.h"
#include "common/base/Text.h"
#include "common/sqlite/Database.h"
#include "common/sqlite/Statement.h"
#include "tests/unit/journal/JournalFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using base::ErrorCode;
using journal::ScrubPlan;
using redaction::Redactor;
using redaction::SecretValue;

namespace {

const std::string kRun = "r1";

}  // namespace

TEST_GROUP(ScrubLedger) {
  test::JournalFixture on;
  Redactor values;

  void setup() override {
    CHECK(values.add("S", SecretValue("the-leaked-value")));
    CHECK(on.open().ok());
  }

  /// A run with four events; the second has `body`.
  void write(const std::string& body) {
    journal::RunHead head;
    CHECK(on.journal->addRun(on.runRow(kRun), head).ok());
    for (const std::string& each : {std::string("{}"), body, std::string("{}")})
      CHECK(on.journal->appendEvent(head, "step_started", 7, each).ok());
    CHECK(on.journal->commit().ok());
  }
  void scrub() {
    const ScrubPlan plan{values, "S", "uid:1", true, {}, {}};
    CHECK(on.journal->scrub(plan).ok());
  }
  std::vector<journal::EventRow> events() {
    return on.journal->events(test::JournalFixture::runId(kRun), 0, 10).value();
  }
  void close() {
    if (on.journal) CHECK(on.journal->close().ok());
    on.journal.reset();
  }
  void tamper(const std::string& change) {
    close();
    sqlite::OpenOptions options;
    options.path = on.options.path;
    auto database = sqlite::Database::open(options);
    CHECK_TEXT(database.value()->exec(change.c_str(), "tamper").ok(), change.c_str());
  }
};

TEST(ScrubLedger, explainsTheTextOfAnEventAndNoOtherColumn) {
  write(R"({"a":"the-leaked-value"})");
  scrub();
  STRCMP_EQUAL(R"({"a":"***S***"})", (events().at(1).body.substr(0, 13) + "\"}").c_str());
  CHECK(on.verifyAll().value().ok);
  const auto second = events().at(1);
  const std::string body = "body = '" + second.body + "'";
  // Each change, and how it is taken back.
  const std::pair<std::string, std::string> changes[] = {{"at_ms = 99", "at_ms = 7"},
                                                         {"name = 'x'", "name = 'step_started'"},
                                                         {"body = '{}'", body},
                                                         {"seq = 77", "seq = 2"}};
  for (const auto& [change, back] : changes) {
    tamper("UPDATE events SET " + change + " WHERE place = 2");
    CHECK_TEXT(on.open().error().code == ErrorCode::kJournalChainBroken, change.c_str());
    tamper("UPDATE events SET " + back + " WHERE place = 2");
    CHECK_TEXT(on.open().ok(), change.c_str());
  }
  tamper("UPDATE events SET hash = zeroblob(32) WHERE place = 2");
  CHECK(on.open().error().code == ErrorCode::kJournalChainBroken);
}

TEST(ScrubLedger, hasNoRowsBelowOne) {
  write("{}");
  for (const char* number : {"0", "-1", "-9223372036854775808"}) {
    tamper("INSERT INTO scrubs SELECT " + std::string(number) +
           ", 1, 'x', 'x', 'event', r.id, 2, lower(hex(e.hash)), lower(hex(e.hash)), 1, zeroblob(32)"
           " FROM events AS e JOIN runs AS r ON r.number = e.run WHERE e.seq = 2");
    if (on.open().ok()) {
      const auto report = on.verifyAll(100).value();
      CHECK_FALSE(report.ok);
      STRCMP_EQUAL(("row " + std::string(number) + " of the ledger of scrubs (event): it does not follow").c_str(),
                   report.firstBad.c_str());
    }
    tamper("DELETE FROM scrubs");
    CHECK(on.open().ok());
    CHECK(on.verifyAll(100).value().ok);
  }
}

TEST(ScrubLedger, hasNoRowAtTheEndOfAllNumbers) {
  write("{}");
  tamper(
      "INSERT INTO scrubs SELECT 9223372036854775807, 1, 'x', 'x', 'event', r.id, 2, lower(hex(e.hash)),"
      " lower(hex(e.hash)), 1, zeroblob(32) FROM events AS e JOIN runs AS r ON r.number = e.run WHERE e.seq = 2");
  CHECK(on.open().error().code == ErrorCode::kJournalChainBroken);
}

TEST(ScrubLedger, isNotBelievedInRowsBelowOne) {
  write("{}");
  // The text is another one, and a row that is not in the chain says what it would hash to.
  close();
  CHECK(on.open().ok());
  const auto second = events().at(1);
  tamper("UPDATE events SET body = '[]' WHERE seq = 2");
  sqlite::OpenOptions options;
  options.path = on.options.path;
  {
    auto database = sqlite::Database::open(options).value();
    journal::Hash previous{};
    sqlite::Statement read(*database, "read", "SELECT hash FROM events WHERE seq = 1");
    {
      sqlite::Execution rows(read);
      CHECK(rows.next().value());
      CHECK(journal::copyHash(rows.blob(0), previous));
    }
    const std::string now =
        base::toHex(journal::runChainNext(previous, 2, second.atMs, second.name, "[]"));
    CHECK(database->exec(("INSERT INTO scrubs SELECT -1, 1, 'x', 'x', 'event', r.id, 2,"
                          " lower(hex(e.hash)), '" + now + "', 1, zeroblob(32) FROM events AS e"
                          " JOIN runs AS r ON r.number = e.run WHERE e.seq = 2").c_str(), "tamper").ok());
  }
  CHECK(on.open().error().code == ErrorCode::kJournalChainBroken);
}
