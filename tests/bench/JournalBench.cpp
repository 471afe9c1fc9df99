// Measures the journal against SQLite itself, on the disk of the given folder: the raw side inserts
// one row and updates one per step, which is the least that a step journal does with SQLite; ours
// appends one event per step to a hash chain, and begins, ends and seals runs of 22 events.
//
//   journal_bench [FOLDER [SECONDS]]     prints a table, and the ratios

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "agent/journal/Journal.h"
#include "common/base/Files.h"
#include "common/sqlite/Statement.h"

namespace {

using namespace belay;

constexpr int kEventsPerRun = 22;
constexpr int kRepeats = 5;
const std::string kBody(200, 'x');

template <typename T>
T must(base::Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
  }
  return std::move(result).value();
}

void must(base::Status status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.error().message.c_str());
  std::exit(1);
}

std::uint64_t bytesWritten() {
  std::ifstream io("/proc/self/io");
  std::string key;
  std::uint64_t value = 0;
  while (io >> key >> value) {
    if (key == "write_bytes:") return value;
  }
  return 0;
}

struct Sample {
  double rowsPerSecond = 0;
  double bytesPerRow = 0;
  double cpuMicros = 0;
  double p99Micros = 0;
};

double cpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Calls `commit`, which writes `rows` rows, for so long.
Sample measure(double seconds, int rows, const std::function<void()>& commit) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> latencies;
  const std::uint64_t bytes = bytesWritten();
  const double cpu = cpuSeconds();
  const auto start = Clock::now();
  auto last = start;
  while (last - start < std::chrono::duration<double>(seconds)) {
    commit();
    const auto now = Clock::now();
    latencies.push_back(std::chrono::duration<double, std::micro>(now - last).count());
    last = now;
  }
  const double took = std::chrono::duration<double>(last - start).count();
  const double count = static_cast<double>(latencies.size()) * rows;
  std::sort(latencies.begin(), latencies.end());
  return {count / took, static_cast<double>(bytesWritten() - bytes) / count,
          (cpuSeconds() - cpu) * 1e6 / count, latencies[latencies.size() * 99 / 100]};
}

Sample measureRaw(const std::string& folder, double seconds, int rows) {
  sqlite::OpenOptions options;
  options.path = folder + "/raw.db";
  auto database = must(sqlite::Database::open(options));
  must(
      database->exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "CREATE TABLE journal (id INTEGER PRIMARY KEY, run INTEGER, payload TEXT);"
                     "CREATE TABLE runs (id INTEGER PRIMARY KEY, seq INTEGER, status TEXT)",
                     "create"));
  for (int i = 0; i < 64; ++i) must(database->exec("INSERT INTO runs VALUES (NULL, 0, '')", "run"));
  sqlite::Statement begin(*database, "begin", "BEGIN IMMEDIATE");
  sqlite::Statement commit(*database, "commit", "COMMIT");
  sqlite::Statement insert(*database, "insert", "INSERT INTO journal (run, payload) VALUES (?,?)");
  sqlite::Statement update(*database, "update", "UPDATE runs SET seq = ?, status = ? WHERE id = ?");
  int seq = 0;
  return measure(seconds, rows, [&] {
    must(sqlite::Execution(begin).run());
    for (int i = 0; i < rows; ++i) {
      must(sqlite::Execution(insert, i + 1, kBody).run());
      must(sqlite::Execution(update, ++seq, "running", i + 1).run());
    }
    must(sqlite::Execution(commit).run());
  });
}

/// `rows` runs at a time, each gets one event per commit.
class JournalLoad {
 public:
  JournalLoad(journal::Journal& journal, const base::Clock& clock, int rows)
      : journal_(journal), clock_(clock), runs_(static_cast<std::size_t>(rows)) {
    // Runs are at different points of their lives.
    int offset = 0;
    for (Run& run : runs_) {
      begin(run);
      for (int i = 0; i < offset % kEventsPerRun; ++i) append(run);
      ++offset;
    }
    must(journal_.commit());
  }

  void commit() {
    for (Run& run : runs_) {
      append(run);
      if (run.head.seq < kEventsPerRun) continue;
      run.row.status = engine::RunStatus::kSucceeded;
      run.row.finishedMs = clock_.wallMs();
      must(journal_.updateRun(run.head, run.row));
      must(journal_.sealRun(run.head, run.row.finishedMs));
      begin(run);
    }
    must(journal_.commit());
    must(journal_.upkeep(false));
  }

 private:
  struct Run {
    journal::RunRow row;
    journal::RunHead head;
  };
  void begin(Run& run) {
    run.row = journal::RunRow{};
    run.row.id = must(base::RunId::parse("r" + std::to_string(++started_)));
    run.row.slug = "bench";
    run.row.flowDigest = "sha256:" + std::string(64, '0');
    run.row.source = "draft";
    run.row.startedBy = "uid:1000";
    run.row.createdMs = run.row.updatedMs = clock_.wallMs();
    must(journal_.addRun(run.row, run.head));
  }
  void append(Run& run) {
    must(journal_.appendEvent(run.head, "step_finished", clock_.wallMs(), kBody));
  }

  journal::Journal& journal_;
  const base::Clock& clock_;
  std::vector<Run> runs_;
  std::uint64_t started_ = 0;
};

Sample measureJournal(const std::string& folder, double seconds, int rows) {
  const base::PosixClock clock;
  log::NoLog log;
  journal::JournalOptions options;
  options.path = folder + "/journal.db";
  auto journal = must(journal::Journal::open(options, clock, log));
  JournalLoad load(*journal, clock, rows);
  const Sample sample = measure(seconds, rows, [&] { load.commit(); });
  must(journal->close());
  return sample;
}

using Subject = Sample (*)(const std::string&, double, int);

/// The repeat with the median rate, each in a folder of its own.
Sample median(Subject subject, const std::string& folder, double seconds, int rows) {
  std::vector<Sample> samples;
  for (int i = 0; i < kRepeats; ++i) {
    const std::string own = folder + "/journal-bench";
    must(base::makeFolders(own));
    samples.push_back(subject(own, seconds, rows));
    must(base::removeTree(own));
  }
  std::sort(samples.begin(), samples.end(),
            [](const Sample& a, const Sample& b) { return a.rowsPerSecond < b.rowsPerSecond; });
  return samples[samples.size() / 2];
}

void print(const char* name, const Sample& sample) {
  std::printf("%-22s %9.0f rows/s  %7.0f bytes/row  %6.1f us CPU/row  p99 %6.0f us\n", name,
              sample.rowsPerSecond, sample.bytesPerRow, sample.cpuMicros, sample.p99Micros);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  const double seconds = argc > 2 ? std::atof(argv[2]) : 1.0;
  for (const int rows : {1, 64}) {
    const Sample raw = median(&measureRaw, folder, seconds, rows);
    print(("SQLite, " + std::to_string(rows) + " per commit").c_str(), raw);
    const Sample ours = median(&measureJournal, folder, seconds, rows);
    print(("journal, " + std::to_string(rows) + " per commit").c_str(), ours);
    std::printf("ratio %.2f, bytes %.2f\n", ours.rowsPerSecond / raw.rowsPerSecond,
                ours.bytesPerRow / raw.bytesPerRow);
  }
  return 0;
}
