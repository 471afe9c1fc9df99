// How many jobs that run /bin/true come to their end in a second, 8 at a time: through the real
// spawner, and as the yardstick by posix_spawn of a minimal static supervisor that spawns /bin/true
// and syncs one record. Both alternate in rounds, because the speed of a disk drifts. Prints one
// JSON object.
//
//   JobsBench MINIMAL-SUPERVISOR FOLDER [ROUNDS [JOBS A ROUND]]

#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "agent/jobs/PosixJobRunner.h"
#include "agent/jobs/Spawner.h"
#include "common/base/Check.h"
#include "common/base/Clock.h"
#include "common/base/Files.h"

namespace {

using belay::base::JobId;
namespace base = belay::base;
namespace jobs = belay::jobs;

constexpr int kAtATime = 8;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double referencePerSecond(char* supervisor, const std::string& folder, int count, int round) {
  const double begin = seconds();
  int started = 0;
  int live = 0;
  for (int done = 0; done < count; ++done) {
    for (; live < kAtATime && started < count; ++live, ++started) {
      std::string path = folder + "/r" + std::to_string(round) + "-" + std::to_string(started);
      char* arguments[] = {supervisor, path.data(), nullptr};
      char* environment[] = {nullptr};
      pid_t pid = -1;
      BELAY_CHECK(::posix_spawn(&pid, supervisor, nullptr, nullptr, arguments, environment) == 0);
    }
    int status = 0;
    // The spawner of the other half is a child too, but does not end.
    BELAY_CHECK(::waitpid(-1, &status, 0) > 0 && status == 0);
    --live;
  }
  return count / (seconds() - begin);
}

jobs::JobSpec trueJob(int round, int number) {
  jobs::JobSpec spec;
  spec.id = JobId::parse("j" + std::to_string(round) + "-" + std::to_string(number)).value();
  spec.command = {"/bin/true"};
  spec.workFolder = "/";
  return spec;
}

double jobsPerSecond(jobs::JobRunner& runner, int count, int round) {
  const double begin = seconds();
  int started = 0;
  int live = 0;
  for (int done = 0; done < count;) {
    for (; live < kAtATime && started < count; ++live) {
      BELAY_CHECK(runner.start(trueJob(round, started++)).ok());
    }
    pollfd polled{runner.wakeFd(), POLLIN, 0};
    ::poll(&polled, 1, -1);
    for (const JobId& id : runner.takeEnded()) {
      const auto outcome = runner.collect(id);
      BELAY_CHECK(outcome.ok() && outcome->record.exitCode == 0);
      BELAY_CHECK(runner.remove(id).ok());
      ++done;
      --live;
    }
  }
  return count / (seconds() - begin);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "spawner") == 0) {
    return jobs::runSpawner(jobs::kSpawnerSocketFd);
  }
  if (argc < 3) {
    std::fprintf(stderr, "usage: JobsBench MINIMAL-SUPERVISOR FOLDER [ROUNDS [JOBS]]\n");
    return 2;
  }
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  const int count = argc > 4 ? std::atoi(argv[4]) : 500;
  const std::string folder = argv[2];
  const base::PosixClock clock;
  auto runner = jobs::PosixJobRunner::open(
      {.folder = folder + "/jobs", .spawnerCommand = {"/proc/self/exe", "spawner"}}, clock);
  BELAY_CHECK(runner.ok() && base::makeFolders(folder + "/reference").ok());
  std::vector<double> ours;
  std::vector<double> reference;
  for (int round = 0; round < rounds; ++round) {
    reference.push_back(referencePerSecond(argv[1], folder + "/reference", count, round));
    ours.push_back(jobsPerSecond(**runner, count, round));
  }
  static_cast<void>(base::removeTree(folder + "/reference"));
  const double ratio = median(ours) / median(reference);
  std::printf("{\"jobs_per_second\":%.0f,\"reference_per_second\":%.0f,\"ratio\":%.3f}\n",
              median(ours), median(reference), ratio);
  return 0;
}
