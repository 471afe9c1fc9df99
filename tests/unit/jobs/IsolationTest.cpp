// How jobs are kept apart: which user a flow gets and keeps, what a host that lacks something says,
// and – where the tests may become other users – what a job of such a user really has. The kernel's
// own mechanisms are tried in a child of their own.

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "agent/jobs/Isolation.h"
#include "agent/jobs/Landlock.h"
#include "agent/jobs/SyscallFilter.h"
#include "common/base/Files.h"
#include "tests/support/Sanitized.h"
#include "tests/unit/jobs/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using namespace belay::jobs;

namespace {

std::optional<JobUser> findNobody(std::string_view name) {
  if (name == "nobody") return JobUser{65'534, 65'534, false};
  if (name == "root") return JobUser{0, 0, false};
  return std::nullopt;
}

std::vector<JobUser> users(std::vector<std::string> words) {
  return parseJobUsers(words, &findNobody).value();
}

bool refuses(const std::string& word) {
  const std::vector<std::string> words{word};
  const auto parsed = parseJobUsers(words, &findNobody);
  return !parsed.ok() && parsed.error().code == ErrorCode::kSettingsInvalid;
}

/// The exit status of a child that does this.
int inChild(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

}  // namespace

TEST_GROUP(Isolation) {
  belay::test::TempFolder folder;
  bool may = true;
  HostMeans means{7, true, "/usr/bin/bwrap", ""};

  Isolation isolation(std::vector<JobUser> of, JobProfile least = JobProfile::kBare) {
    auto pool = UserPool::open(folder.at("job-users"), std::move(of)).value();
    return Isolation({least, "/srv/jobs", {}, {}, false}, std::move(pool), means,
                     [this] { return may; });
  }
  std::string refusal(const Isolation& of, std::string_view demanded) {
    const auto plan = of.plan("flow", demanded);
    CHECK_FALSE(plan.ok());
    CHECK(plan.error().code == ErrorCode::kJobProfile);
    return plan.error().message;
  }
};

TEST(Isolation, usersAreNamesNumbersAndRanges) {
  const auto all = users({"nobody", "1000", "70000-70002"});
  LONGS_EQUAL(5, all.size());
  LONGS_EQUAL(65'534, all[0].uid);
  CHECK_FALSE(all[0].exclusive);
  LONGS_EQUAL(70'002, all[4].gid);
  CHECK(all[4].exclusive);
  for (const char* word :
       {"", "0", "root", "nobodyelse", "5-3", "1-", "-5", "1-70000", "4294967294", "12x"}) {
    CHECK(refuses(word));
  }
}

TEST(Isolation, aFlowKeepsItsUserForGood) {
  {
    auto pool = UserPool::open(folder.at("job-users"), users({"70000-70001"})).value();
    LONGS_EQUAL(70'000, pool.userOf("a")->uid);
    LONGS_EQUAL(70'001, pool.userOf("b")->uid);
    LONGS_EQUAL(70'000, pool.userOf("a")->uid);
    CHECK(pool.userOf("c").error().code == ErrorCode::kJobProfile);
  }
  auto again = UserPool::open(folder.at("job-users"), users({"70000-70009"})).value();
  LONGS_EQUAL(70'001, again.userOf("b")->uid);
  LONGS_EQUAL(70'002, again.userOf("c")->uid);
  auto others = UserPool::open(folder.at("job-users"), users({"80000"})).value();
  LONGS_EQUAL(80'000, others.userOf("b")->uid);
}

TEST(Isolation, aDamagedFileOfUsersIsAnError) {
  CHECK(belay::base::writeFileDurably(folder.at("job-users"), "70000\n").ok());
  CHECK(UserPool::open(folder.at("job-users"), {}).error().code == ErrorCode::kJobSpec);
}

TEST(Isolation, theHigherOneOfSettingsAndStepHolds) {
  const Isolation bare = isolation(users({"70000"}));
  CHECK(bare.plan("f", "")->profile == JobProfile::kBare);
  CHECK(bare.plan("f", "")->folder.empty());
  CHECK(bare.plan("f", "user")->profile == JobProfile::kUser);
  STRCMP_EQUAL("/srv/jobs/f", bare.plan("f", "strong")->folder.c_str());
  const Isolation user = isolation(users({"70000"}), JobProfile::kUser);
  CHECK(user.plan("f", "bare")->profile == JobProfile::kUser);
  CHECK(user.plan("f", "strong")->profile == JobProfile::kStrong);
  CHECK(user.plan("f", "fast").error().code == ErrorCode::kInvalidArgument);
}

TEST(Isolation, whatTheHostLacksIsSaidAndNotPassedOver) {
  CHECK(refusal(isolation({}), "user").find("jobs.users") != std::string::npos);
  may = false;
  CHECK(refusal(isolation(users({"70000"})), "user").find("spawner") != std::string::npos);
  may = true;
  means.landlock = 0;
  CHECK(refusal(isolation(users({"70000"})), "user").find("Landlock") != std::string::npos);
  means = {7, false, "", "bubblewrap is not installed"};
  CHECK(refusal(isolation(users({"70000"})), "user").find("seccomp") != std::string::npos);
  means.seccomp = true;
  CHECK(refusal(isolation(users({"70000"})), "strong").find("bubblewrap") != std::string::npos);
}

TEST(Isolation, aJobGetsItsUserItsBoundsAndItsHome) {
  Isolation of = isolation(users({"70000"}));
  JobSpec job = JobsFixture::shell("x", "true");
  job.environment.emplace_back("HOME", "/elsewhere");
  CHECK(of.apply("f", *of.plan("f", "user"), job).ok());
  LONGS_EQUAL(70'000, *job.user);
  CHECK(job.limits.processes.has_value());
  CHECK(job.cell.ownsUser);
  STRCMP_EQUAL("/elsewhere", job.environment[1].second.c_str());
  STRCMP_EQUAL("/srv/jobs/f/tmp", job.environment[2].second.c_str());
  CHECK(checkJobSpec(job).ok());
  job.user.reset();
  job.group.reset();
  CHECK_FALSE(checkJobSpec(job).ok());
}

TEST(Isolation, theFilterRefusesWhatItListsAndNothingElse) {
  const auto installed = [] {
    const auto code = syscallFilter();
    const sock_fprog program{static_cast<unsigned short>(code.size()),
                             const_cast<sock_filter*>(code.data())};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::syscall(SYS_seccomp, 1, 0, &program) == 0;
  };
  LONGS_EQUAL(0, inChild([&] {
                if (!installed()) return 1;
                if (::syscall(SYS_keyctl, 0, -3, 0) != -1 || errno != EPERM) return 2;
                if (::syscall(SYS_unshare, 0) != -1 || errno != EPERM) return 3;
                if (::syscall(SYS_clone3, nullptr, 0) != -1 || errno != ENOSYS) return 4;
                if (::syscall(SYS_socket, 38, 5, 0) != -1 || errno != EPERM) return 5;
                if (::syscall(SYS_ioctl, 0, 0x5412, "x") != -1 || errno != EPERM) return 6;
                const int fd = static_cast<int>(::syscall(SYS_socket, 1, 1, 0));
                const pid_t child = ::fork();
                if (child == 0) ::_exit(0);
                return fd >= 0 && child > 0 && ::waitpid(child, nullptr, 0) == child ? 0 : 7;
              }));
}

TEST(Isolation, whoMayNotExecuteCannot) {
  LONGS_EQUAL(0, inChild([] {
                if (!forbidExecution()) return 1;
                char name[] = "/bin/true";
                char* arguments[] = {name, nullptr};
                ::execve(name, arguments, nullptr);
                if (errno != EPERM) return 2;
                ::syscall(SYS_execveat, -100, name, arguments, nullptr, 0);
                return errno == EPERM ? 0 : 3;
              }));
}

TEST(Isolation, landlockOpensWhatIsNamed) {
  if (landlockVersion() == 0) return;
  CHECK(belay::base::writeFileDurably(folder.at("secret"), "x").ok());
  CHECK(belay::base::makeFolders(folder.at("open")).ok());
  const std::string open = folder.at("open");
  const std::string secret = folder.at("secret");
  LONGS_EQUAL(0, inChild([&] {
                const char* readable[] = {"/etc"};
                const char* writable[] = {open.c_str(), "/not/there"};
                const auto ruleset = makeLandlock(readable, writable);
                if (!ruleset.valid() || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
                if (!enterLandlock(ruleset.get())) return 2;
                if (::open(secret.c_str(), O_RDONLY) >= 0 || errno != EACCES) return 3;
                if (::open("/etc/passwd", O_RDONLY) < 0) return 4;
                if (::open((open + "/made").c_str(), O_CREAT | O_WRONLY, 0600) < 0) return 5;
                return ::open("/etc/made-by-a-test", O_CREAT | O_WRONLY, 0600) < 0 ? 0 : 6;
              }));
}

TEST_GROUP(JobOfItsOwnUser) {
  JobsFixture jobs;
  std::string flow = jobs.folder.at("flows/f");

  bool possible() {
    if (::geteuid() != 0 || landlockVersion() == 0 || belay::test::kSanitized) return false;
    CHECK(belay::base::makeFolders(jobs.folder.at("flows")).ok());
    for (const std::string& path : {jobs.folder.path(), jobs.folder.at("flows")})
      LONGS_EQUAL(0, ::chmod(path.c_str(), 0711));
    return true;
  }
  JobSpec spec(const std::string& id, const std::string& script,
               JobProfile profile = JobProfile::kUser) {
    JobSpec job = JobsFixture::shell(id, "");
    job.command.clear();
    job.script = script;
    job.shell = {"/bin/sh"};
    job.workFolder = flow;
    job.user = 70'321;
    job.group = 70'321;
    job.cell.profile = profile;
    job.cell.folder = flow;
    job.cell.ownsUser = true;
    job.cell.bubblewrap = "/usr/bin/bwrap";
    return job;
  }
};

TEST(JobOfItsOwnUser, hasItsFolderAndNothingElse) {
  if (!possible()) return;
  const JobOutcome outcome = jobs.outcomeOf(
      spec("alone", "id -u; pwd; touch made && echo made; ls tmp && echo tmp; cat " +
                        jobs.folder.at("jobs") +
                        "/alone.record || echo kept; touch /tmp/by-a-test-of-jobs || echo no tmp; "
                        "grep -E 'Cap(Eff|Amb)|NoNewPrivs|Seccomp:' /proc/self/status; ls "
                        "/proc/self/fd | wc -l"));
  STRCMP_EQUAL(("70321\n" + flow +
                "\nmade\ntmp\nkept\nno tmp\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n"
                "NoNewPrivs:\t1\nSeccomp:\t2\n7\n")
                   .c_str(),
               outcome.stdoutHead.c_str());
}

TEST(JobOfItsOwnUser, isSweptAwayWithAllThatRunsAsIt) {
  if (!possible()) return;
  // A stranger of the same user that no supervisor answers for, and calls itself one.
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    ::prctl(PR_SET_NAME, "belay-job");
    static_cast<void>(::setgid(70'321) == 0 && ::setuid(70'321) == 0);
    while (true) ::pause();
  }
  CHECK(jobs.waitUntil([&] { return listProcesses().size() > 1; }));
  // One of another job of this user goes on.
  const JobSpec other = spec("other", "echo ready; sleep 1000");
  CHECK(jobs.runner->start(other).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(other.id) == "ready\n"; }));
  LONGS_EQUAL(0, jobs.outcomeOf(spec("swept", "exit 0")).record.exitCode);
  int status = 0;
  LONGS_EQUAL(stranger, ::waitpid(stranger, &status, 0));
  CHECK(WIFSIGNALED(status));
  CHECK(jobs.processesOf(other.id).size() > 0);
  CHECK(jobs.runner->cancel(other.id, std::chrono::milliseconds(0)).ok());
  CHECK(jobs.waitEnded(other.id));
}

TEST(JobOfItsOwnUser, whatItsKilledSupervisorLeftIsKilledWithoutMarks) {
  if (!possible()) return;
  const JobSpec job = spec("orphaned", "env -i setsid sleep 1000 & echo ready; sleep 1000");
  CHECK(jobs.runner->start(job).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(job.id) == "ready\n"; }));
  ::kill(jobs.supervisorOf(job.id), SIGKILL);
  CHECK(jobs.waitEnded(job.id));
  CHECK(jobs.runner->collect(job.id).error().code == ErrorCode::kJobLost);
  LONGS_EQUAL(0, killUser(70'321, std::chrono::milliseconds(2000)));
}

TEST(JobOfItsOwnUser, strongSeesAnotherHost) {
  if (!possible() || readHostMeans().bubblewrap.empty()) return;
  const JobOutcome outcome = jobs.outcomeOf(
      spec("apart",
           "id -u; pwd; touch made && echo made; ls /proc | grep -c '^[0-9]'; ls /home /root 2>&1 "
           "| wc -l; "
           "grep Seccomp: /proc/self/status; ls /sys/class/net 2>/dev/null | wc -l; echo r >&3",
           JobProfile::kStrong));
  CHECK(outcome.stdoutHead.starts_with("70321\n" + flow + "\nmade\n"));
  CHECK(outcome.stdoutHead.find("Seccomp:\t2\n") != std::string::npos);
}

TEST(JobOfItsOwnUser, strongEndsWithGrace) {
  if (!possible() || readHostMeans().bubblewrap.empty()) return;
  const JobSpec job =
      spec("polite", "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done",
           JobProfile::kStrong);
  CHECK(jobs.runner->start(job).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(job.id) == "ready\n"; }));
  CHECK(jobs.runner->cancel(job.id, std::chrono::milliseconds(20'000)).ok());
  CHECK(jobs.waitEnded(job.id));
  STRCMP_EQUAL("ready\nbye\n", jobs.log(job.id).c_str());
  LONGS_EQUAL(7, jobs.runner->collect(job.id)->record.exitCode);
}
