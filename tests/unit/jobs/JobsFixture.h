#pragma once

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/jobs/BootClock.h"
#include "agent/jobs/JobRecord.h"
#include "agent/jobs/PosixJobRunner.h"
#include "agent/jobs/ProcessTree.h"
#include "common/base/Check.h"
#include "common/base/Clock.h"
#include "common/base/Files.h"
#include "tests/support/TempFolder.h"

namespace belay::jobs {

/// A runner with real processes in a folder of its own. Its spawner is this test program itself,
/// see SpawnerHook.cpp.
class JobsFixture {
 public:
  static constexpr std::int64_t kWaitMs = 20'000;

  JobsFixture() {
    // Supervisors whose spawner was killed come to this process, so that it can reap them.
    static_cast<void>(::prctl(PR_SET_CHILD_SUBREAPER, 1));
    open();
  }
  ~JobsFixture() {
    runner.reset();
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  JobsFixture(const JobsFixture&) = delete;
  JobsFixture& operator=(const JobsFixture&) = delete;

  static JobRunnerSettings settingsFor(const std::string& folder) {
    return {.folder = folder, .spawnerCommand = {"/proc/self/exe", "spawner-of-the-test"}};
  }

  /// Opens the runner, or opens it again as a new daemon would.
  void open() {
    runner.reset();
    auto opened = PosixJobRunner::open(settingsFor(folder.at("jobs")), clock);
    BELAY_CHECK(opened.ok());
    runner = std::move(opened).value();
  }

  static JobSpec spec(const std::string& id, std::vector<std::string> command) {
    JobSpec spec;
    spec.id = base::JobId::parse(id).value();
    spec.command = std::move(command);
    spec.workFolder = "/";
    spec.environment = {{"PATH", "/usr/bin:/bin"}};
    return spec;
  }
  static JobSpec shell(const std::string& id, const std::string& script) {
    return spec(id, {"/bin/sh", "-c", script});
  }

  /// False when the time is over first.
  static bool waitUntil(const std::function<bool()>& holds, std::int64_t boundMs = kWaitMs) {
    const std::int64_t until = bootMs() + boundMs;
    while (!holds()) {
      if (bootMs() > until) return false;
      static_cast<void>(::poll(nullptr, 0, 2));
    }
    return true;
  }

  /// Waits until takeEnded() has named the job.
  bool waitEnded(const base::JobId& id) {
    const std::int64_t until = bootMs() + kWaitMs;
    while (std::erase(ended, id) == 0) {
      if (bootMs() > until) return false;
      pollfd polled{runner->wakeFd(), POLLIN, 0};
      static_cast<void>(::poll(&polled, 1, 100));
      for (base::JobId& each : runner->takeEnded()) ended.push_back(std::move(each));
    }
    return true;
  }

  base::Result<JobOutcome> run(const JobSpec& spec) {
    BELAY_TRY(runner->start(spec));
    if (!waitEnded(spec.id)) return base::Error{base::ErrorCode::kTimeout, "the job did not end"};
    return runner->collect(spec.id);
  }
  /// For jobs that end by themselves.
  JobOutcome outcomeOf(const JobSpec& spec) {
    auto outcome = run(spec);
    if (!outcome.ok()) base::failCheck(outcome.error().message, __FILE__, __LINE__);
    return std::move(outcome).value();
  }

  std::string log(const base::JobId& id, LogStream stream = LogStream::kStdout) {
    std::string all;
    while (true) {
      auto piece = runner->readLog(id, stream, all.size(), 1u << 20);
      if (!piece.ok() || piece->empty()) return all;
      all += *piece;
    }
  }

  /// The pids below this process, a subreaper, that carry the job's id in their environment: a job
  /// of another test program may have the same id.
  static std::vector<std::string> processesOf(const base::JobId& id) {
    const std::string marker = "BELAY_JOB_ID=" + id.str() + std::string(1, '\0');
    std::vector<std::string> found;
    for (const SeenProcess& process : descendantsOf(::getpid(), listProcesses())) {
      const std::string pid = std::to_string(process.pid);
      const auto variables = base::readFile("/proc/" + pid + "/environ", 2u << 20);
      if (variables.ok() && variables->find(marker) != std::string::npos) found.push_back(pid);
    }
    return found;
  }
  /// 0 when there is no claim yet.
  pid_t supervisorOf(const base::JobId& id) const {
    const auto text = base::readFile(folder.at("jobs/" + id.str() + ".record"), kRecordBytesMax);
    const JobRecord record = parseJobRecord(text.ok() ? *text : "");
    return record.claim ? record.claim->pid : 0;
  }

  test::TempFolder folder;
  base::PosixClock clock;
  std::unique_ptr<PosixJobRunner> runner;
  std::vector<base::JobId> ended;
};

}  // namespace belay::jobs
