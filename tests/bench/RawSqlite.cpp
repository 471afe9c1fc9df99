// The yardstick of durable steps: what SQLite itself does on the disk of the given folder with the
// least that a step journal writes: one row inserted and one updated per step, WAL, synchronous =
// FULL. Prints one JSON object.
//
//   raw_sqlite FOLDER ROWS-A-COMMIT SECONDS

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/base/Files.h"
#include "common/sqlite/Statement.h"

namespace {

using namespace belay;
using Clock = std::chrono::steady_clock;

template <typename T>
T must(base::Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

void must(base::Status status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.error().message.c_str());
  std::exit(1);
}

std::unique_ptr<sqlite::Database> open(const std::string& path) {
  sqlite::OpenOptions options;
  options.path = path;
  auto database = must(sqlite::Database::open(options));
  must(
      database->exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "CREATE TABLE journal (id INTEGER PRIMARY KEY, run INTEGER, payload TEXT);"
                     "CREATE TABLE runs (id INTEGER PRIMARY KEY, seq INTEGER, status TEXT)",
                     "create"));
  for (int i = 0; i < 64; ++i) must(database->exec("INSERT INTO runs VALUES (NULL, 0, '')", "run"));
  return database;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: raw_sqlite FOLDER ROWS-A-COMMIT SECONDS\n");
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/raw-sqlite";
  const int rows = std::atoi(argv[2]);
  const double seconds = std::atof(argv[3]);
  const std::string payload(200, 'x');
  static_cast<void>(base::removeTree(folder));
  must(base::makeFolders(folder));
  auto database = open(folder + "/raw.db");
  sqlite::Statement begin(*database, "begin", "BEGIN IMMEDIATE");
  sqlite::Statement commit(*database, "commit", "COMMIT");
  sqlite::Statement insert(*database, "insert", "INSERT INTO journal (run, payload) VALUES (?,?)");
  sqlite::Statement update(*database, "update", "UPDATE runs SET seq = ?, status = ? WHERE id = ?");
  const auto start = Clock::now();
  int seq = 0;
  long commits = 0;
  double took = 0;
  for (; took < seconds; took = std::chrono::duration<double>(Clock::now() - start).count()) {
    must(sqlite::Execution(begin).run());
    for (int i = 0; i < rows; ++i) {
      must(sqlite::Execution(insert, i + 1, payload).run());
      must(sqlite::Execution(update, ++seq, "running", i + 1).run());
    }
    must(sqlite::Execution(commit).run());
    ++commits;
  }
  std::printf("{\"commits_per_second\":%.0f,\"rows_per_second\":%.0f}\n",
              static_cast<double>(commits) / took, static_cast<double>(commits) * rows / took);
  database.reset();
  must(base::removeTree(folder));
  return 0;
}
