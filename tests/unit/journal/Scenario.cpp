#include "tests/unit/journal/Scenario.h"

#include <sqlite3.h>

#include <array>
#include <memory>
#include <utility>

#include "common/crypto/Sha256.h"
#include "common/sqlite/Statement.h"

namespace belay::test {

using base::Status;
using engine::RunStatus;

namespace {

constexpr std::array<const char*, 14> kTables{
    "meta",  "runs", "events",     "host_chain", "host_anchor",   "waits",      "timers",
    "flows", "kv",   "flow_heads", "bindings",   "run_resources", "start_keys", "sqlite_schema"};

std::string nameOf(int run) { return "run-" + std::to_string(run); }

}  // namespace

Scenario::Scenario() {
  on.options.vfs = vfs.name();
  on.options.reserveBytes = 0;      // the disk that fills up is not a real one
  on.options.walMaxBytes = 40'000;  // some commits
  on.options.cacheBytes = 0;        // the least: more reads that can fail
}

Status Scenario::startRuns(int number) {
  for (int i = 0; i < 3; ++i) {
    BELAY_TRY(on.addRun(nameOf(number + i), 2, "flow"));
    const base::RunId id = on.runId(nameOf(number + i));
    BELAY_TRY(on.journal->addStartKey("key-" + nameOf(number + i), id, number));
    const std::string ref = "res://" + nameOf(number + i);
    BELAY_TRY(on.journal->addResource({ref, "digest", id, "s", "n", "t", 1, 1}));
  }
  BELAY_TRY(on.journal->putFlow({"digest-" + nameOf(number), "flow", "yaml", "text", 1}));
  return on.journal->setDraft("flow", "digest-" + nameOf(number), number);
}

Status Scenario::append(const std::string& run, int number) {
  BELAY_ASSIGN(journal::RunHead head, on.journal->head(on.runId(run)));
  // Now and then larger than a page.
  const std::string body(number % 9 == 0 ? 9'000 : 150, static_cast<char>('a' + number % 26));
  return on.journal->appendEvent(head, "step_finished", number, body);
}

Status Scenario::writeRows(int number) {
  const int first = number - number % 8;
  // Of a run that has not ended.
  const std::string run = nameOf(first + (number % 8 < 4 ? number % 3 : 2));
  BELAY_TRY(append(run, number));
  switch (number % 8) {
    case 1:
      return on.journal->addWait(on.waitRow("wait-" + std::to_string(number), run));
    case 2:
      return on.journal->putKv({"space", "key", std::to_string(number), 0, number});
    case 3: {
      BELAY_ASSIGN(const auto head, on.journal->head(on.runId(run)));
      return on.journal->putTimer({head.number, {}, "retry", "boot-1", number, number, false});
    }
    case 4:
      BELAY_TRY(on.journal->closeWait(on.waitId("wait-" + std::to_string(first + 1)),
                                      journal::WaitStatus::kAnswered, number));
      return on.endRun(nameOf(first), RunStatus::kSucceeded);
    case 5:
      BELAY_TRY(on.journal->setMeta("last", std::to_string(number)));
      return on.endRun(nameOf(first + 1), RunStatus::kFailed);
    default:
      return {};
  }
}

Status Scenario::step(int number) {
  // The same time whenever the step is done.
  const std::int64_t now = 1'800'000'000'000 + number * 1000;
  on.clock.jumpWall(std::chrono::milliseconds{now - on.clock.wallMs()});
  if (number == kRestart) {
    BELAY_TRY(on.journal->close());
    return open();
  }
  if (number % 8 == 6) return on.journal->upkeep(false);
  if (number % 24 == 23) {
    // Keeps the last ten steps.
    const auto pruned = on.journal->prune(now - 10'000, 2);
    return pruned.ok() ? Status{} : Status{pruned.error()};
  }
  BELAY_TRY(number % 8 == 0 ? startRuns(number) : writeRows(number));
  return on.journal->commit();
}

Status Scenario::run() {
  for (; acknowledged_ < kSteps; ++acknowledged_) {
    Status done = step(acknowledged_);
    if (!done.ok()) return done;
    if (onAcknowledged_) onAcknowledged_();
  }
  return {};
}

void Scenario::kill() {
  FaultVfs::Disk disk = vfs.disk();
  on.journal.reset();
  vfs.setDisk(std::move(disk));
}

std::string Scenario::judge(FaultVfs::Disk disk, int acknowledged,
                            const std::vector<std::string>& states) {
  on.journal.reset();
  vfs.setDisk(std::move(disk));
  Status opened = open();
  if (!opened.ok()) return "open: " + opened.error().message;
  const auto verified = on.verifyAll(1000);
  if (!verified.ok()) return "verify: " + verified.error().message;
  if (!verified->ok) return "verify: " + verified->firstBad;
  kill();
  const std::string found = dumpOf(vfs.disk(), on.options.path);
  const auto at = static_cast<std::size_t>(acknowledged);
  if (found == states.at(at) || (at + 1 < states.size() && found == states.at(at + 1))) return "";
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (found == states[i]) {
      return std::to_string(acknowledged) + " steps were acknowledged, there are " +
             std::to_string(i);
    }
  }
  return "the content is not that of any step";
}

std::string Scenario::dumpOf(const FaultVfs::Disk& disk, const std::string& path) {
  FaultVfs reader;
  reader.setDisk(disk);
  sqlite::OpenOptions options;
  options.path = path;
  options.vfs = reader.name();
  auto database = std::move(sqlite::Database::open(options)).value();
  BELAY_CHECK(database->setPragma("locking_mode", "EXCLUSIVE", "exclusive").ok());
  std::string text = database->readText("PRAGMA integrity_check", "integrity").value() + "\n";
  for (const char* table : kTables) {
    sqlite3_stmt* raw = nullptr;
    const std::string sql = std::string("SELECT * FROM ") + table;
    BELAY_CHECK(sqlite3_prepare_v2(database->raw(), sql.c_str(), -1, &raw, nullptr) == SQLITE_OK);
    const std::unique_ptr<sqlite3_stmt, base::FreeWith<&sqlite3_finalize>> rows(raw);
    while (sqlite3_step(raw) == SQLITE_ROW) {
      for (int column = 0; column < sqlite3_column_count(raw); ++column) {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(raw, column));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw, column));
        text += std::to_string(size) + ":" + (size > 0 ? std::string(bytes, size) : "");
      }
      text += "\n";
    }
  }
  return text.substr(0, 3) + crypto::sha256(text).hex();
}

std::vector<std::string> Scenario::expectedStates() {
  Scenario scenario;
  std::vector<std::string> states;
  const std::string& path = scenario.on.options.path;
  const auto keep = [&] { states.push_back(dumpOf(scenario.vfs.disk(), path)); };
  BELAY_CHECK(scenario.open().ok());
  keep();
  scenario.onAcknowledged(keep);
  const Status done = scenario.run();
  if (!done.ok()) base::failCheck(done.error().message, __FILE__, __LINE__);
  return states;
}

}  // namespace belay::test
