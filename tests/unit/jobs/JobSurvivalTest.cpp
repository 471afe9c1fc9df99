// What is known of a job when its daemon, its spawner or its supervisor was killed with SIGKILL in
// the middle. The daemon is a fork of the test that owns a runner; the test then opens a runner of
// its own on the same folder.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>

#include "agent/jobs/JobFiles.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "tests/unit/jobs/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::JobId;
using namespace belay::jobs;
using std::chrono::milliseconds;

namespace {

std::string ownProgram() {
  char path[4096];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  return {path, length > 0 ? static_cast<std::size_t>(length) : 0};
}

}  // namespace

TEST_GROUP(JobSurvival) {
  JobsFixture jobs;

  void setup() override { jobs.runner.reset(); }

  std::string file(const std::string& name) { return jobs.folder.at(name); }
  void put(const std::string& name, const std::string& text) {
    CHECK(belay::base::writeFileDurably(file("jobs/" + name), text).ok());
  }
  JobId id(const std::string& text) { return JobId::parse(text).value(); }

  /// Starts the jobs in a process of its own, and kills it `delay` after the first start.
  void startAndKillDaemon(const std::vector<JobSpec>& specs, const JobRunnerSettings& settings,
                          milliseconds delay = milliseconds(0)) {
    int ready[2];
    CHECK(::pipe(ready) == 0);
    const pid_t daemon = ::fork();
    if (daemon == 0) {
      auto runner = PosixJobRunner::open(settings, jobs.clock);
      if (!runner.ok()) ::_exit(1);
      char byte = 'x';
      for (const JobSpec& spec : specs) {
        if (!(*runner)->start(spec).ok()) ::_exit(1);
        if (byte == 'x' && ::write(ready[1], &byte, 1) != 1) ::_exit(1);
        byte = 'y';
      }
      while (true) ::pause();
    }
    char byte = 0;
    CHECK(::read(ready[0], &byte, 1) == 1);
    ::poll(nullptr, 0, static_cast<int>(delay.count()));
    ::kill(daemon, SIGKILL);
    ::waitpid(daemon, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  void startAndKillDaemon(const JobSpec& spec) {
    startAndKillDaemon({spec}, jobs.settingsFor(file("jobs")));
  }

  Adoption adopt(const std::string& name) {
    auto adoption = jobs.runner->adopt(id(name), jobs.clock.bootId());
    CHECK(adoption.ok());
    return *adoption;
  }

  /// A job that writes, waits for the file `go`, writes again and ends with 42.
  JobSpec waitingJob(const std::string& name) {
    return jobs.shell(name, "echo before; while [ ! -e " + file("go") +
                                " ]; do sleep 0.01; done; echo after; echo '[7]' >&3; exit 42");
  }
  void letGo() { CHECK(belay::base::writeFileDurably(file("go"), "").ok()); }
  bool hasExitRecord(const std::string& name) {
    const auto text = belay::base::readFile(file("jobs/" + name + ".record"), 1u << 20);
    return text.ok() && parseJobRecord(*text).exit.has_value();
  }
  pid_t supervisorOf(const std::string& name) {
    CHECK(jobs.waitUntil([&] { return jobs.supervisorOf(id(name)) != 0; }));
    return jobs.supervisorOf(id(name));
  }
  /// In a process and a mount namespace of its own. 0 when all is as it must be, or where nothing
  /// may be mounted.
  int runOnAFullDisk() {
    const std::string folder = file("small");
    if (!belay::base::makeFolders(folder).ok() || ::unshare(CLONE_NEWNS) != 0) return 0;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 0;
    if (::mount("belay-test", folder.c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) return 0;
    auto runner = PosixJobRunner::open(jobs.settingsFor(folder), jobs.clock);
    if (!runner.ok()) return 2;
    const JobSpec spec = jobs.shell("full", "head -c 5000000 /dev/zero; echo late >&2; exit 11");
    if (!(*runner)->start(spec).ok()) return 3;
    if (!jobs.waitUntil([&] { return (*runner)->takeEnded().size() == 1; })) return 4;
    const auto outcome = (*runner)->collect(spec.id);
    if (!outcome.ok() || outcome->record.exitCode != 11) return 5;
    if (outcome->record.logErrno != ENOSPC || outcome->record.stdoutBytes == 0) return 6;
    if (outcome->record.stdoutBytes + outcome->record.stdoutDropped != 5'000'000) return 7;
    return 0;
  }

  ClaimRecord ownClaim() {
    return {jobs.clock.bootId(), ::getpid(), readProcessStat("self")->startTime, ""};
  }
};

TEST(JobSurvival, aRunningJobIsAdoptedWithItsExactEndAndItsWholeLog) {
  startAndKillDaemon(waitingJob("running"));
  jobs.open();
  CHECK(adopt("running").state == Adoption::State::kRunning);
  CHECK(adopt("running").state == Adoption::State::kRunning);
  letGo();
  CHECK(jobs.waitEnded(id("running")));
  const auto outcome = jobs.runner->collect(id("running"));
  CHECK(outcome.ok());
  LONGS_EQUAL(42, outcome->record.exitCode);
  STRCMP_EQUAL("before\nafter\n", outcome->stdoutHead.c_str());
  CHECK(outcome->result->isArray());
}

TEST(JobSurvival, aJobThatEndedWithoutADaemonIsCollected) {
  startAndKillDaemon(waitingJob("ended"));
  letGo();
  CHECK(jobs.waitUntil([&] { return hasExitRecord("ended"); }));
  jobs.open();
  CHECK(adopt("ended").state == Adoption::State::kEnded);
  LONGS_EQUAL(42, jobs.runner->collect(id("ended"))->record.exitCode);
}

TEST(JobSurvival, anAdoptedJobCanBeCancelled) {
  startAndKillDaemon(
      jobs.shell("adopted", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done"));
  jobs.open();
  CHECK(adopt("adopted").state == Adoption::State::kRunning);
  CHECK(jobs.waitUntil([&] { return jobs.log(id("adopted")) == "ready\n"; }));
  CHECK(jobs.runner->cancel(id("adopted"), milliseconds(10'000)).ok());
  CHECK(jobs.waitEnded(id("adopted")));
  const auto outcome = jobs.runner->collect(id("adopted"));
  LONGS_EQUAL(9, outcome->record.exitCode);
  CHECK(outcome->record.killedBy == JobKiller::kCancel);
}

TEST(JobSurvival, aDeadlineHoldsWhileNoDaemonRuns) {
  // Once more with a later one where the shell had not set its trap in time, on a busy machine.
  for (const int ms : {200, 2000, 8000}) {
    const std::string name = "deadline-" + std::to_string(ms);
    JobSpec spec = jobs.shell(name, "trap '' TERM; echo set; while :; do sleep 0.01; done");
    spec.deadline = jobs.clock.sinceBoot() + milliseconds(ms);
    spec.grace = milliseconds(100);
    startAndKillDaemon(spec);
    CHECK(jobs.waitUntil([&] { return hasExitRecord(name); }));
    jobs.open();
    CHECK(adopt(name).state == Adoption::State::kEnded);
    const auto outcome = jobs.runner->collect(id(name));
    CHECK(outcome->record.killedBy == JobKiller::kDeadline);
    jobs.runner.reset();
    if (outcome->stdoutHead.empty()) continue;
    LONGS_EQUAL(SIGKILL, outcome->record.signal);
    return;
  }
  FAIL("the shell has not set its trap");
}

TEST(JobSurvival, aRequestThatIsUnderWayIsDecidedBeforeItsJobIs) {
  // The spawner reads its socket only after the daemon is dead, and a new daemon has come.
  JobRunnerSettings slow = jobs.settingsFor(file("jobs"));
  slow.spawnerCommand = {"/bin/sh", "-c", "sleep 0.3; exec \"$0\" spawner-of-the-test",
                         ownProgram()};
  startAndKillDaemon({waitingJob("late")}, slow);
  jobs.open();
  CHECK(adopt("late").state == Adoption::State::kRunning);
  letGo();
  CHECK(jobs.waitEnded(id("late")));
  LONGS_EQUAL(42, jobs.runner->collect(id("late"))->record.exitCode);
}

TEST(JobSurvival, eachJobRunsExactlyOnceHoweverOftenTheDaemonIsKilled) {
  for (int round = 0; round < 6; ++round) {
    std::vector<JobSpec> specs;
    const std::string ran = file("ran-" + std::to_string(round));
    for (int i = 0; i < 40; ++i) {
      const std::string name = "once-" + std::to_string(round) + "-" + std::to_string(i);
      specs.push_back(jobs.shell(name, "echo " + name + " >> " + ran));
    }
    startAndKillDaemon(specs, jobs.settingsFor(file("jobs")), milliseconds(round));
    jobs.open();
    for (const JobSpec& spec : specs) {
      const Adoption adoption = adopt(spec.id.str());
      CHECK(adoption.state != Adoption::State::kLost);
      if (adoption.state == Adoption::State::kNotStarted) CHECK(jobs.runner->start(spec).ok());
      if (adoption.state != Adoption::State::kEnded) CHECK(jobs.waitEnded(spec.id));
      LONGS_EQUAL(0, jobs.runner->collect(spec.id)->record.exitCode);
    }
    const auto lines = belay::base::readFile(ran, 1u << 20);
    std::map<std::string, int> counts;
    for (const std::string_view line : belay::base::split(*lines, '\n'))
      ++counts[std::string(line)];
    for (const JobSpec& spec : specs) LONGS_EQUAL(1, counts[spec.id.str()]);
    jobs.runner.reset();
  }
}

TEST(JobSurvival, aJobIsLostAndItsTreeKilledWhenItsSupervisorIsKilled) {
  jobs.open();
  const JobSpec spec =
      jobs.shell("lost", "setsid sleep 1000 & (setsid sleep 1000 &) ; echo ready; sleep 1000");
  CHECK(jobs.runner->start(spec).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(spec.id) == "ready\n"; }));
  ::kill(supervisorOf("lost"), SIGKILL);
  CHECK(jobs.waitEnded(spec.id));
  CHECK(jobs.runner->collect(spec.id).error().code == ErrorCode::kJobLost);
  LONGS_EQUAL(0, jobs.processesOf(spec.id).size());
  CHECK(jobs.runner->collect(spec.id).error().code == ErrorCode::kJobLost);
  CHECK(jobs.runner->remove(spec.id).ok());
}

TEST(JobSurvival, jobsOutliveTheirSpawner) {
  jobs.open();
  CHECK(jobs.runner->start(waitingJob("outlives")).ok());
  const auto spawner = readProcessStat(std::to_string(supervisorOf("outlives")).c_str());
  ::kill(spawner->parent, SIGKILL);
  CHECK(jobs.waitUntil([&] {
    static_cast<void>(jobs.runner->takeEnded());
    return !readProcessStat(std::to_string(spawner->parent).c_str());
  }));
  LONGS_EQUAL(5, jobs.outcomeOf(jobs.shell("next", "exit 5")).record.exitCode);
  letGo();
  CHECK(jobs.waitEnded(id("outlives")));
  LONGS_EQUAL(42, jobs.runner->collect(id("outlives"))->record.exitCode);
}

TEST(JobSurvival, aClaimOfALivingProcessMeansRunning) {
  jobs.open();
  put("alive.record", printClaimRecord(ownClaim()));
  CHECK(adopt("alive").state == Adoption::State::kRunning);
}

TEST(JobSurvival, aPidThatWasGivenToAnotherProcessMeansLost) {
  jobs.open();
  ClaimRecord claim = ownClaim();
  claim.startTime += 1;
  put("reused.record", printClaimRecord(claim));
  CHECK(adopt("reused").state == Adoption::State::kLost);
}

TEST(JobSurvival, aRestartOfTheHostMeansLostUnlessTheExitWasRecorded) {
  jobs.open();
  ClaimRecord claim = ownClaim();
  claim.bootId = "another-boot";
  put("reboot.record", printClaimRecord(claim));
  CHECK(adopt("reboot").state == Adoption::State::kLost);
  CHECK(jobs.runner->collect(id("reboot")).error().code == ErrorCode::kJobLost);
  CHECK(jobs.runner->adopt(id("none"), "another-boot")->state == Adoption::State::kLost);
  CHECK(jobs.runner->adopt(id("none"), jobs.clock.bootId())->state == Adoption::State::kNotStarted);
  ExitRecord exit;
  exit.exitCode = 3;
  exit.bootId = "another-boot";
  put("reboot.record", printClaimRecord(claim) + printExitRecord(exit));
  CHECK(jobs.runner->adopt(id("reboot"), "another-boot")->state == Adoption::State::kEnded);
  LONGS_EQUAL(3, jobs.runner->collect(id("reboot"))->record.exitCode);
}

TEST(JobSurvival, aClaimThatIsNotWholeMeansThatNothingRan) {
  jobs.open();
  const std::string claim = printClaimRecord(ownClaim());
  for (std::size_t length = 0; length < claim.size(); length += 7) {
    put("torn.record", claim.substr(0, length));
    CHECK(adopt("torn").state == Adoption::State::kNotStarted);
    LONGS_EQUAL(0, jobs.outcomeOf(jobs.shell("torn", "exit 0")).record.exitCode);
  }
}

TEST(JobSurvival, anExitRecordThatIsNotWholeMeansLost) {
  jobs.open();
  ClaimRecord claim = ownClaim();
  claim.startTime += 1;
  const std::string exit = printExitRecord({});
  for (std::size_t length = 0; length < exit.size(); length += 13) {
    put("torn-exit.record", printClaimRecord(claim) + exit.substr(0, length));
    CHECK(adopt("torn-exit").state == Adoption::State::kLost);
  }
  std::string zeros = exit;
  zeros.replace(100, 100, std::string(100, '\0'));
  put("torn-exit.record", printClaimRecord(claim) + zeros);
  CHECK(adopt("torn-exit").state == Adoption::State::kLost);
}

TEST(JobSurvival, twoRunnersDoNotShareAFolder) {
  jobs.open();
  JobRunnerSettings settings = jobs.settingsFor(file("jobs"));
  settings.lockWait = milliseconds(20);
  const auto second = PosixJobRunner::open(settings, jobs.clock);
  CHECK(second.error().code == ErrorCode::kAlreadyRunning);
}

TEST(JobSurvival, aFullDiskCostsOutputButNeverTheEndOfAJob) {
  const pid_t daemon = ::fork();
  if (daemon == 0) ::_exit(runOnAFullDisk());
  int status = 0;
  CHECK(::waitpid(daemon, &status, 0) == daemon);
  CHECK(WIFEXITED(status));
  LONGS_EQUAL(0, WEXITSTATUS(status));
}

TEST(JobSurvival, aSupervisorOfAnotherBinaryIsAdoptedAndCollected) {
  jobs.open();
  // What an older one writes, what this one does, and what one to come may add.
  const char* tails[] = {R"(,"cgroup":""})", R"(,"cgroup":"","user":-1,"supervisor":2})",
                         R"(,"cgroup":"","user":-1,"supervisor":99,"of_a_later_one":[1]})"};
  int number = 0;
  for (const char* tail : tails) {
    const JobId job = id("other-" + std::to_string(number++));
    const pid_t supervisor = ::fork();
    if (supervisor == 0) {
      const std::string claim = R"({"v":1,"boot_id":")" + jobs.clock.bootId() + R"(","pid":)" +
                                std::to_string(::getpid()) + R"(,"start_time":)" +
                                std::to_string(readProcessStat("self")->startTime) + tail + "\n";
      put(job.str() + ".record", claim);
      while (!belay::base::fileExists(file("go"))) static_cast<void>(::poll(nullptr, 0, 2));
      ExitRecord exit;
      exit.exitCode = 42;
      exit.bootId = jobs.clock.bootId();
      std::string line = printExitRecord(exit);
      line.insert(line.size() - 2, R"(,"of_a_later_one":true)");
      put(job.str() + ".record", claim + line);
      ::_exit(0);
    }
    CHECK(jobs.waitUntil(
        [&] { return belay::base::fileExists(file("jobs/" + job.str() + ".record")); }));
    const auto adoption = jobs.runner->adopt(job, jobs.clock.bootId());
    CHECK(adoption.ok() && adoption->state == Adoption::State::kRunning);
    CHECK(belay::base::writeFileDurably(file("go"), "").ok());
    CHECK(jobs.waitEnded(job));
    LONGS_EQUAL(42, jobs.runner->collect(job)->record.exitCode);
    CHECK(belay::base::removeFile(file("go")).ok());
    ::waitpid(supervisor, nullptr, 0);
  }
}
