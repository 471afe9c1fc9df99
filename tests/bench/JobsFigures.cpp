// The figures of supervisors, against a limit of the same run where there is one. Prints one JSON
// object.
//
//   JobsFigures FOLDER [KILLS [JOBS AT ONCE [LOG MIB]]]
//
// What is measured: the private memory of a supervisor; how much later the program of a job runs
// than by fork and exec alone; so many jobs at once, and their adoption by a new daemon; the speed of a log
// through a supervisor to the disk, and of the same bytes without one; the end of a tree whose
// processes try to get away, and how many of them ever survived.

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "agent/jobs/JobCgroup.h"
#include "agent/jobs/JobRecord.h"
#include "agent/jobs/PosixJobRunner.h"
#include "agent/jobs/ProcessTree.h"
#include "agent/jobs/Spawner.h"
#include "common/base/Check.h"
#include "common/base/Clock.h"
#include "common/base/Files.h"
#include "common/base/Pipe.h"

namespace {

using belay::base::JobId;
namespace base = belay::base;
namespace jobs = belay::jobs;
using std::chrono::milliseconds;

constexpr const char* kDate = "/bin/date";
constexpr const char* kDateFormat = "+%s.%N";
constexpr const char* kEscapees =
    "for i in 1 2 3; do setsid sleep 1000 & done\n"
    "(setsid sh -c 'setsid sleep 1000 & wait' &)\n"
    "env -i setsid sh -c 'trap \"\" TERM HUP INT; while :; do sleep 1; done' >/dev/null 2>&1 &\n"
    "echo ready; sleep 1000\n";

double seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double wallSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

JobId idOf(const char* kind, int number) {
  return JobId::parse(kind + std::to_string(number)).value();
}

jobs::JobSpec shell(const JobId& id, const std::string& script) {
  jobs::JobSpec spec;
  spec.id = id;
  spec.command = {"/bin/sh", "-c", script};
  spec.workFolder = "/";
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  spec.logBytesMax = 64ull << 30;
  return spec;
}

class Bench {
 public:
  explicit Bench(std::string folder) : folder_(std::move(folder)) {
    static_cast<void>(::prctl(PR_SET_CHILD_SUBREAPER, 1));
    open({});
  }

  void open(const std::string& cgroup) {
    runner_.reset();
    jobs::JobRunnerSettings settings;
    settings.folder = folder_ + "/jobs";
    settings.spawnerCommand = {"/proc/self/exe", "spawner"};
    settings.runningMax = 4096;
    settings.cgroupFolder = cgroup;
    auto opened = jobs::PosixJobRunner::open(settings, clock_);
    BELAY_CHECK(opened.ok());
    runner_ = std::move(opened).value();
  }

  void startAll(const std::vector<jobs::JobSpec>& specs) {
    for (const jobs::JobSpec& spec : specs) {
      while (true) {
        const auto started = runner_->start(spec);
        if (started.ok()) break;
        BELAY_CHECK(started.error().code == base::ErrorCode::kBusy);
        // The spawner waits until its answers are taken. None of these jobs ends by itself.
        BELAY_CHECK(runner_->takeEnded().empty());
      }
    }
  }
  void waitFor(std::size_t count) {
    while (count > 0) {
      pollfd polled{runner_->wakeFd(), POLLIN, 0};
      BELAY_CHECK(::poll(&polled, 1, 60'000) > 0);
      count -= std::min(count, runner_->takeEnded().size());
    }
  }
  void untilReady(const JobId& id) {
    while (runner_->readLog(id, jobs::LogStream::kStdout, 0, 16).value() != "ready\n")
      ::poll(nullptr, 0, 1);
  }
  void remove(const JobId& id) { BELAY_CHECK(runner_->remove(id).ok()); }

  /// Until its program runs, which says when that was.
  double startMs(int number) {
    const JobId id = idOf("t", number);
    jobs::JobSpec spec = shell(id, "");
    spec.command = {kDate, kDateFormat};
    const double begin = wallSeconds();
    startAll({spec});
    waitFor(1);
    const std::string said = runner_->readLog(id, jobs::LogStream::kStdout, 0, 64).value();
    remove(id);
    return (std::strtod(said.c_str(), nullptr) - begin) * 1000;
  }

  jobs::PosixJobRunner& runner() { return *runner_; }
  const base::Clock& clock() const { return clock_; }
  std::string at(const std::string& name) const { return folder_ + "/" + name; }

 private:
  const std::string folder_;
  const base::PosixClock clock_;
  std::unique_ptr<jobs::PosixJobRunner> runner_;
};

/// The same program by fork and exec alone.
double execMs() {
  std::string program = kDate;
  std::string format = kDateFormat;
  char* arguments[] = {program.data(), format.data(), nullptr};
  char* environment[] = {nullptr};
  base::Pipe pipe;
  BELAY_CHECK(pipe.make());
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe.writeEnd.get(), 1);
  pid_t pid = -1;
  const double begin = wallSeconds();
  BELAY_CHECK(::posix_spawn(&pid, kDate, &actions, nullptr, arguments, environment) == 0);
  ::posix_spawn_file_actions_destroy(&actions);
  BELAY_CHECK(::waitpid(pid, nullptr, 0) == pid);
  char said[64] = {};
  BELAY_CHECK(::read(pipe.readEnd.get(), said, sizeof said - 1) > 0);
  return (std::strtod(said, nullptr) - begin) * 1000;
}

double startOverExecMs(Bench& bench) {
  std::vector<double> ours;
  std::vector<double> theirs;
  for (int i = 0; i < 200; ++i) {
    theirs.push_back(execMs());
    ours.push_back(bench.startMs(i));
  }
  return median(ours) - median(theirs);
}

/// Of the supervisors that live now; 0 where this process may not look.
double privateKib() {
  std::vector<double> found;
  for (const jobs::SeenProcess& process : jobs::listProcesses()) {
    if (!process.namedSupervisor) continue;
    const auto text =
        base::readFile("/proc/" + std::to_string(process.pid) + "/smaps_rollup", 1u << 16);
    const std::size_t at = text.ok() ? text->find("Private_Dirty:") : std::string::npos;
    if (at != std::string::npos) found.push_back(std::strtod(text->c_str() + at + 14, nullptr));
  }
  return median(found);
}

struct AtOnce {
  double startSeconds = 0;
  double privateKib = 0;
  double adoptSeconds = 0;
};

AtOnce manyAtOnce(Bench& bench, int count) {
  AtOnce out;
  std::vector<jobs::JobSpec> specs;
  for (int i = 0; i < count; ++i)
    specs.push_back(shell(idOf("m", i), "echo ready; exec sleep 1000"));
  double begin = seconds();
  bench.startAll(specs);
  for (const jobs::JobSpec& spec : specs) bench.untilReady(spec.id);
  out.startSeconds = seconds() - begin;
  out.privateKib = privateKib();
  bench.open({});
  begin = seconds();
  for (const jobs::JobSpec& spec : specs) {
    const auto adopted = bench.runner().adopt(spec.id, bench.clock().bootId());
    BELAY_CHECK(adopted.ok() && adopted->state == jobs::Adoption::State::kRunning);
  }
  out.adoptSeconds = seconds() - begin;
  for (const jobs::JobSpec& spec : specs)
    BELAY_CHECK(bench.runner().cancel(spec.id, milliseconds(0)).ok());
  bench.waitFor(specs.size());
  for (const jobs::JobSpec& spec : specs) bench.remove(spec.id);
  return out;
}

/// How a program's output gets to the disk.
enum class Log { kByItself, kOfJob, kOfJobMasked };

/// Bytes a second, in MB, of `mib` of lines that a program writes. What is masked has twenty secrets.
double logMb(Bench& bench, int number, int mib, Log log) {
  const bool asJob = log != Log::kByItself;
  const std::string write =
      "yes 2026-11-29T17:23:59.123Z INFO worker 7 has taken message 184467 of queue main in 12 ms | head -c " +
      std::to_string(mib) + "M";
  const std::string plain = bench.at("plain");
  const JobId id = idOf("l", number);
  jobs::JobSpec spec =
      shell(id, asJob ? write : write + " | cat > " + plain + " && sync " + plain);
  for (int i = 0; log == Log::kOfJobMasked && i < 20; ++i)
    spec.secrets.emplace_back("S" + std::to_string(i), "secret-value-number-" + std::to_string(i));
  const double begin = seconds();
  bench.startAll({spec});
  bench.waitFor(1);
  const double took = seconds() - begin;
  const auto outcome = bench.runner().collect(id);
  const std::uint64_t wanted = asJob ? static_cast<std::uint64_t>(mib) << 20 : 0;
  BELAY_CHECK(outcome.ok() && outcome->record.stdoutBytes == wanted);
  bench.remove(id);
  static_cast<void>(base::removeFile(plain));
  return mib * 1.048576 / took;
}

struct Kills {
  double longestSeconds = 0;
  int survivors = 0;
};

/// Ends so many trees, eight at a time, each without grace.
Kills kills(Bench& bench, const char* kind, int count) {
  Kills out;
  for (int done = 0; done < count; done += 8) {
    std::vector<jobs::JobSpec> specs;
    for (int i = done; i < std::min(done + 8, count); ++i)
      specs.push_back(shell(idOf(kind, i), kEscapees));
    bench.startAll(specs);
    for (const jobs::JobSpec& spec : specs) bench.untilReady(spec.id);
    const double begin = seconds();
    for (const jobs::JobSpec& spec : specs)
      BELAY_CHECK(bench.runner().cancel(spec.id, milliseconds(0)).ok());
    bench.waitFor(specs.size());
    out.longestSeconds = std::max(out.longestSeconds, seconds() - begin);
    for (const jobs::JobSpec& spec : specs) {
      out.survivors += static_cast<int>(bench.runner().collect(spec.id)->record.unkillable);
      bench.remove(spec.id);
    }
    // Whatever got away would hang below this process, which reaps for its whole tree.
    for (const jobs::SeenProcess& process :
         jobs::descendantsOf(::getpid(), jobs::listProcesses())) {
      const auto name = base::readFile("/proc/" + std::to_string(process.pid) + "/comm", 64);
      if (name.ok() && (*name == "sleep\n" || *name == "sh\n")) ++out.survivors;
    }
  }
  return out;
}

/// A cgroup of its own, where this process may make one.
std::string ownCgroup() {
  for (const char* mount : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
    const std::string folder = std::string(mount) + "/belay-bench-" + std::to_string(::getpid());
    if (::access((std::string(mount) + "/cgroup.procs").c_str(), W_OK) == 0 &&
        jobs::makeCgroup(folder) == 0) {
      return folder;
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "spawner") == 0)
    return jobs::runSpawner(jobs::kSpawnerSocketFd);
  if (argc < 2) {
    std::fprintf(stderr, "usage: JobsFigures FOLDER [KILLS [JOBS AT ONCE [LOG MIB]]]\n");
    return 2;
  }
  const int killCount = argc > 2 ? std::atoi(argv[2]) : 100;
  const int atOnce = argc > 3 ? std::atoi(argv[3]) : 500;
  const int mib = argc > 4 ? std::atoi(argv[4]) : 512;
  Bench bench(argv[1]);
  const double over = startOverExecMs(bench);
  const AtOnce many = manyAtOnce(bench, atOnce);
  std::vector<double> ours;
  std::vector<double> plain;
  std::vector<double> masked;
  for (int round = 0; round < 3; ++round) {
    plain.push_back(logMb(bench, 3 * round, mib, Log::kByItself));
    ours.push_back(logMb(bench, 3 * round + 1, mib, Log::kOfJob));
    masked.push_back(logMb(bench, 3 * round + 2, mib, Log::kOfJobMasked));
  }
  const Kills swept = kills(bench, "s", killCount);
  const std::string cgroup = ownCgroup();
  Kills grouped;
  if (!cgroup.empty()) {
    bench.open(cgroup);
    grouped = kills(bench, "g", killCount);
    jobs::removeCgroup(cgroup);
  }
  std::printf(
      "{\"start_over_exec_ms\":%.3f,\"at_once\":%d,\"start_all_s\":%.3f,\"private_kib\":%.0f,"
      "\"adopt_s\":%.4f,\"log_mb_s\":%.0f,\"plain_mb_s\":%.0f,\"masked_mb_s\":%.0f,\"kills\":%d,\"sweep_s\":%.3f,"
      "\"sweep_survivors\":%d,\"cgroup\":%s,\"cgroup_s\":%.3f,\"cgroup_survivors\":%d}\n",
      over, atOnce, many.startSeconds, many.privateKib, many.adoptSeconds, median(ours),
      median(plain), median(masked), killCount, swept.longestSeconds, swept.survivors,
      cgroup.empty() ? "false" : "true", grouped.longestSeconds, grouped.survivors);
  return 0;
}
