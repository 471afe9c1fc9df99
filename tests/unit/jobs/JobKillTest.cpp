// How jobs are ended: at their deadline, when they are cancelled, and what becomes of the processes
// that they leave. "Nothing is left" is checked over /proc: no process may carry the job's id in
// its environment.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "agent/jobs/JobCgroup.h"
#include "common/base/Files.h"
#include "common/base/UniqueFd.h"
#include "tests/support/Sanitized.h"
#include "tests/unit/jobs/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::JobId;
using namespace belay::jobs;
using std::chrono::milliseconds;

namespace {

constexpr const char* kEscapees =
    "for i in 1 2 3; do setsid sleep 1000 & done\n"
    "for i in 1 2 3; do (setsid sh -c 'sleep 1000 & wait' &) ; done\n"
    "nohup sh -c 'trap \"\" TERM HUP INT; while :; do sleep 1; done' >/dev/null 2>&1 &\n"
    "sh -c 'kill -STOP $$' &\n";

}  // namespace

TEST_GROUP(JobKill) {
  JobsFixture jobs;

  JobOutcome cancelled(const JobSpec& spec, milliseconds grace) {
    CHECK(jobs.runner->start(spec).ok());
    CHECK(jobs.waitUntil([&] { return jobs.log(spec.id).ends_with("ready\n"); }));
    CHECK(jobs.runner->cancel(spec.id, grace).ok());
    CHECK(jobs.waitEnded(spec.id));
    auto outcome = jobs.runner->collect(spec.id);
    CHECK(outcome.ok());
    LONGS_EQUAL(0, jobs.processesOf(spec.id).size());
    return *outcome;
  }
};

TEST(JobKill, cancelGivesTheJobTimeToEndByItself) {
  const JobOutcome outcome = cancelled(
      jobs.shell("polite",
                 "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done"),
      milliseconds(20'000));
  LONGS_EQUAL(7, outcome.record.exitCode);
  CHECK(outcome.record.killedBy == JobKiller::kCancel);
  STRCMP_EQUAL("ready\nbye\n", outcome.stdoutHead.c_str());
  const int ok[] = {0, 7};
  CHECK(judge(outcome, ok).error().code == ErrorCode::kCancelled);
}

TEST(JobKill, cancelKillsWhatIgnoresSigtermAfterTheGrace) {
  const JobOutcome outcome = cancelled(
      jobs.shell("deaf", "trap '' TERM; echo ready; while :; do sleep 1; done"), milliseconds(50));
  LONGS_EQUAL(SIGKILL, outcome.record.signal);
  CHECK(outcome.durationMs() >= 50);
}

TEST(JobKill, aSecondCancelCanShortenTheGrace) {
  const JobSpec spec = jobs.shell("twice", "trap '' TERM; echo ready; while :; do sleep 1; done");
  CHECK(jobs.runner->start(spec).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(spec.id) == "ready\n"; }));
  CHECK(jobs.runner->cancel(spec.id, milliseconds(3'600'000)).ok());
  CHECK(jobs.runner->cancel(spec.id, milliseconds(0)).ok());
  CHECK(jobs.waitEnded(spec.id));
  LONGS_EQUAL(SIGKILL, jobs.runner->collect(spec.id)->record.signal);
}

TEST(JobKill, cancelRightAfterStartIsNotLost) {
  for (int i = 0; i < 20; ++i) {
    const JobSpec spec = jobs.shell("early-" + std::to_string(i), "sleep 1000");
    CHECK(jobs.runner->start(spec).ok());
    CHECK(jobs.runner->cancel(spec.id, milliseconds(0)).ok());
    CHECK(jobs.waitEnded(spec.id));
    CHECK(jobs.runner->collect(spec.id)->record.killedBy == JobKiller::kCancel);
  }
}

TEST(JobKill, cancelOfAJobThatDoesNotRunIsAnError) {
  CHECK(jobs.runner->cancel(JobId::parse("unknown").value(), milliseconds(0)).error().code ==
        ErrorCode::kNotFound);
}

TEST(JobKill, theDeadlineEndsTheJob) {
  // Once more with a later one where the shell had not set its trap in time, on a busy machine.
  for (const int ms : {500, 2000, 8000}) {
    JobSpec spec = jobs.shell("deadline-" + std::to_string(ms),
                              "trap '' TERM; echo set; while :; do sleep 1; done");
    spec.deadline = jobs.clock.sinceBoot() + milliseconds(ms);
    spec.grace = milliseconds(50);
    const JobOutcome outcome = jobs.outcomeOf(spec);
    CHECK(outcome.record.killedBy == JobKiller::kDeadline);
    CHECK(judge(outcome, {}).error().code == ErrorCode::kStepTimeout);
    LONGS_EQUAL(0, jobs.processesOf(spec.id).size());
    if (outcome.stdoutHead.empty()) continue;
    LONGS_EQUAL(SIGKILL, outcome.record.signal);
    return;
  }
  FAIL("the shell has not set its trap");
}

TEST(JobKill, aDeadlineThatHasPassedEndsTheJobAtOnce) {
  JobSpec spec = jobs.shell("late", "sleep 1000");
  spec.deadline = milliseconds(0);
  CHECK(jobs.outcomeOf(spec).record.killedBy == JobKiller::kDeadline);
}

TEST(JobKill, nothingIsLeftWhenTheMainProcessEnds) {
  const JobSpec spec = jobs.shell("leaves", std::string(kEscapees) + "exit 5");
  const JobOutcome outcome = jobs.outcomeOf(spec);
  LONGS_EQUAL(5, outcome.record.exitCode);
  CHECK(outcome.record.killedBy == JobKiller::kNobody);
  CHECK(outcome.record.leftoverKilled > 0);
  LONGS_EQUAL(0, outcome.record.unkillable);
  LONGS_EQUAL(0, jobs.processesOf(spec.id).size());
}

TEST(JobKill, nothingIsLeftWhenTheJobIsCancelled) {
  cancelled(jobs.shell("escapes", std::string(kEscapees) + "echo ready; sleep 1000"),
            milliseconds(0));
}

TEST(JobKill, aForkBombIsEnded) {
  JobSpec spec = jobs.spec("bomb", {"/bin/bash", "-c", "b() { b | b & }; b; sleep 1000"});
  // The limit counts the processes of a uid, and does not bind root.
  const bool isRoot = ::geteuid() == 0;
  if (isRoot) spec.user = 54'321;
  spec.limits.processes = isRoot ? 150 : 4000;
  CHECK(jobs.runner->start(spec).ok());
  CHECK(jobs.waitUntil([&] { return jobs.processesOf(spec.id).size() > 50; }));
  CHECK(jobs.runner->cancel(spec.id, milliseconds(0)).ok());
  CHECK(jobs.waitEnded(spec.id));
  LONGS_EQUAL(0, jobs.runner->collect(spec.id)->record.unkillable);
  LONGS_EQUAL(0, jobs.processesOf(spec.id).size());
}

TEST(JobKill, aStrangerWhoHoldsThePipeDoesNotKeepTheJobFromEnding) {
  const JobSpec spec = jobs.shell("held", "echo $$; while [ ! -e " + jobs.folder.at("go") +
                                              " ]; do sleep 0.01; done; echo end");
  CHECK(jobs.runner->start(spec).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(spec.id).ends_with("\n"); }));
  const std::string pid = jobs.log(spec.id);
  const std::string path = "/proc/" + pid.substr(0, pid.size() - 1) + "/fd/1";
  const belay::base::UniqueFd held(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  CHECK(held.valid());
  CHECK(belay::base::writeFileDurably(jobs.folder.at("go"), "").ok());
  CHECK(jobs.waitEnded(spec.id));
  STRCMP_EQUAL((pid + "end\n").c_str(), jobs.log(spec.id).c_str());
}

TEST(JobKill, theJobEndsWithItsCgroup) {
  std::string root;
  for (const char* mount : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
    const std::string procs = std::string(mount) + "/cgroup.procs";
    if (root.empty() && ::access(procs.c_str(), W_OK) == 0) root = mount;
  }
  const std::string parent = root + "/belay-test-" + std::to_string(::getpid());
  // Where this process may not make cgroups there is nothing to test.
  if (root.empty() || makeCgroup(parent) != 0) return;
  jobs.runner.reset();
  JobRunnerSettings settings = jobs.settingsFor(jobs.folder.at("jobs"));
  settings.cgroupFolder = parent;
  jobs.runner = PosixJobRunner::open(settings, jobs.clock).value();
  const JobOutcome outcome =
      cancelled(jobs.shell("group", std::string(kEscapees) +
                                        "cat /proc/self/cgroup >&2; echo ready; sleep 1000"),
                milliseconds(0));
  CHECK(outcome.stderrHead.find("/job-group") != std::string::npos);
  LONGS_EQUAL(0, jobs.outcomeOf(jobs.shell("second", "exit 0")).record.exitCode);
  CHECK_FALSE(belay::base::fileExists(parent + "/job-group"));
  CHECK(removeCgroup(parent));
}

TEST(JobKill, aSupervisorIsSmallAndCannotBeTraced) {
  const JobSpec spec = jobs.shell("small", "echo ready; sleep 1000");
  CHECK(jobs.runner->start(spec).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(spec.id) == "ready\n"; }));
  const pid_t pid = jobs.supervisorOf(spec.id);
  const auto rollup =
      belay::base::readFile("/proc/" + std::to_string(pid) + "/smaps_rollup", 1u << 16);
  const auto status = belay::base::readFile("/proc/" + std::to_string(pid) + "/status", 1u << 16);
  CHECK(jobs.runner->cancel(spec.id, milliseconds(0)).ok());
  CHECK(jobs.waitEnded(spec.id));
  CHECK(status->find("Name:\tbelay-job") != std::string::npos);
  if (!rollup.ok()) return;  // As it must be without privilege: the supervisor is not dumpable.
  if (belay::test::kSanitized) return;
  const std::size_t at = rollup->find("Private_Dirty:");
  const long kib = std::strtol(rollup->c_str() + at + 14, nullptr, 10);
  CHECK(kib > 0);
  CHECK(kib < 1024);
}

TEST(JobKill, aBoundWithoutItsControllerIsAnError) {
  // A folder that is no cgroup stands for one without controllers.
  const std::string parent = jobs.folder.at("cgroup");
  CHECK(belay::base::makeFolders(parent).ok());
  LONGS_EQUAL(0, makeCgroup(parent + "/plain"));
  LONGS_EQUAL(ENOTSUP, makeCgroup(parent + "/bound", {1 << 20, -1}));
  CHECK_FALSE(belay::base::fileExists(parent + "/bound"));
  CHECK_FALSE(isPopulated(parent + "/plain"));
  STRCMP_EQUAL("", prepareCgroup("", true).c_str());
  STRCMP_EQUAL((parent + "/jobs").c_str(), prepareCgroup(parent, false).c_str());
  CHECK(belay::base::fileExists(parent + "/jobs"));
}

TEST(JobKill, aBoundThatTheHostCannotKeepStartsNothing) {
  JobSpec spec = jobs.shell("bounded", "exit 0");
  spec.limits.treeProcesses = 5;
  CHECK(jobs.runner->start(spec).error().code == ErrorCode::kJobProfile);
}
