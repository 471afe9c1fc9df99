// Real jobs through a real spawner: how they end, what they get, and what they leave.
// Each test starts processes and waits for their end on the runner's descriptor; none depends on
// how fast they are.

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "agent/jobs/PosixJobRunner.h"
#include "agent/jobs/ProcessTree.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "tests/unit/jobs/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::JobId;
using namespace belay::jobs;
using std::chrono::milliseconds;

namespace {

std::vector<std::string> namesIn(const std::string& folder) {
  auto names = belay::base::listFolder(folder);
  return names.ok() ? std::move(names).value() : std::vector<std::string>();
}

/// Says what is wrong where there is none.
int exitCodeOf(PosixJobRunner& runner, const JobId& id) {
  const auto outcome = runner.collect(id);
  if (!outcome.ok()) belay::base::failCheck(outcome.error().message, __FILE__, __LINE__);
  return outcome->record.exitCode;
}

}  // namespace

TEST_GROUP(PosixJobRunner) { JobsFixture jobs; };

TEST(PosixJobRunner, givesTheExactExitCode) {
  for (const int code : {0, 1, 2, 126, 127, 255}) {
    const std::string id = "exit-" + std::to_string(code);
    const JobOutcome outcome = jobs.outcomeOf(jobs.shell(id, "exit " + std::to_string(code)));
    CHECK(outcome.record.end == JobEnd::kExited);
    LONGS_EQUAL(code, outcome.record.exitCode);
    CHECK(outcome.record.killedBy == JobKiller::kNobody);
  }
}

TEST(PosixJobRunner, givesTheSignalThatEndedTheJob) {
  for (const int signal : {SIGKILL, SIGSEGV, SIGUSR1}) {
    const std::string id = "signal-" + std::to_string(signal);
    const std::string script = "kill -" + std::to_string(signal) + " $$";
    const JobOutcome outcome = jobs.outcomeOf(jobs.shell(id, script));
    CHECK(outcome.record.end == JobEnd::kSignalled);
    LONGS_EQUAL(signal, outcome.record.signal);
    CHECK_FALSE(outcome.record.coreDumped);
  }
}

TEST(PosixJobRunner, saysThatNothingRanWhenTheProgramIsNotThere) {
  const JobOutcome outcome = jobs.outcomeOf(jobs.spec("missing", {"/no/such/program"}));
  CHECK(outcome.record.end == JobEnd::kSpawnFailed);
  LONGS_EQUAL(ENOENT, outcome.record.spawnErrno);
  STRCMP_EQUAL("/no/such/program", outcome.record.spawnWhat.c_str());
  CHECK(judge(outcome, {}).error().code == ErrorCode::kJobSpawn);
}

TEST(PosixJobRunner, saysThatNothingRanWhenTheProgramMayNotBeExecuted) {
  const std::string path = jobs.folder.at("plain");
  CHECK(belay::base::writeFileDurably(path, "text", 0644).ok());
  const JobOutcome outcome = jobs.outcomeOf(jobs.spec("plain", {path}));
  CHECK(outcome.record.end == JobEnd::kSpawnFailed);
  LONGS_EQUAL(EACCES, outcome.record.spawnErrno);
}

TEST(PosixJobRunner, saysThatNothingRanWhenTheWorkFolderIsNotThere) {
  JobSpec spec = jobs.shell("nowhere", "exit 0");
  spec.workFolder = "/no/such/folder";
  const JobOutcome outcome = jobs.outcomeOf(spec);
  CHECK(outcome.record.end == JobEnd::kSpawnFailed);
  STRCMP_EQUAL("work folder", outcome.record.spawnStage.c_str());
  STRCMP_EQUAL("/no/such/folder", outcome.record.spawnWhat.c_str());
}

TEST(PosixJobRunner, looksUpTheProgramInThePathOfTheJobOnly) {
  JobSpec spec = jobs.spec("path", {"true"});
  LONGS_EQUAL(0, jobs.outcomeOf(spec).record.exitCode);
  spec.id = JobId::parse("no-path").value();
  spec.environment = {{"PATH", "/nowhere:.:relative"}};
  LONGS_EQUAL(ENOENT, jobs.outcomeOf(spec).record.spawnErrno);
}

TEST(PosixJobRunner, keepsBothStreamsApartAndComplete) {
  const JobSpec spec = jobs.shell("streams", "echo out; echo err >&2; printf 'more'");
  const JobOutcome outcome = jobs.outcomeOf(spec);
  STRCMP_EQUAL("out\nmore", outcome.stdoutHead.c_str());
  STRCMP_EQUAL("err\n", outcome.stderrHead.c_str());
  LONGS_EQUAL(8, outcome.record.stdoutBytes);
  LONGS_EQUAL(4, outcome.record.stderrBytes);
  STRCMP_EQUAL("out\nmore", jobs.log(spec.id).c_str());
  STRCMP_EQUAL("err\n", jobs.log(spec.id, LogStream::kStderr).c_str());
}

TEST(PosixJobRunner, keepsTheOrderInWhichTheStreamsWereWritten) {
  const JobSpec spec = jobs.shell(
      "order", "echo a; sleep 0.05; echo b >&2; sleep 0.05; echo c; sleep 0.05; echo d >&2");
  jobs.outcomeOf(spec);
  const auto spans = jobs.runner->readLogOrder(spec.id, 0, 100);
  CHECK(spans.ok());
  std::string all;
  for (const LogSpan& span : *spans) {
    all += *jobs.runner->readLog(spec.id, span.stream, span.offset, span.length);
  }
  STRCMP_EQUAL("a\nb\nc\nd\n", all.c_str());
  LONGS_EQUAL(2, jobs.runner->readLogOrder(spec.id, 2, 100)->size());
}

TEST(PosixJobRunner, keepsTenMegabytesExactly) {
  const JobSpec spec = jobs.shell("large", "seq 1 1500000 | head -c 10000000");
  const JobOutcome outcome = jobs.outcomeOf(spec);
  LONGS_EQUAL(10'000'000, outcome.record.stdoutBytes);
  LONGS_EQUAL(0, outcome.record.stdoutDropped);
  LONGS_EQUAL(kLogHeadBytesMax, outcome.stdoutHead.size());
  std::string expected;
  for (int i = 1; expected.size() < 10'000'000; ++i) expected += std::to_string(i) + "\n";
  expected.resize(10'000'000);
  CHECK(expected == jobs.log(spec.id));
}

TEST(PosixJobRunner, dropsAndCountsOutputOverItsBoundWhileTheJobGoesOn) {
  JobSpec spec = jobs.shell("bounded", "head -c 3000000 /dev/zero; echo done >&2");
  spec.logBytesMax = 1000;
  const JobOutcome outcome = jobs.outcomeOf(spec);
  LONGS_EQUAL(0, outcome.record.exitCode);
  LONGS_EQUAL(1000, outcome.record.stdoutBytes);
  LONGS_EQUAL(2'999'000, outcome.record.stdoutDropped);
  STRCMP_EQUAL("done\n", outcome.stderrHead.c_str());
}

TEST(PosixJobRunner, keepsShortOutputInTheRecordAndReadsItAsAnyOther) {
  const JobSpec spec = jobs.shell("short", "echo hello; printf 5 >&3");
  // On a machine that is very busy even this job can last too long to be held.
  for (int tries = 0; tries < 20 && namesIn(jobs.folder.at("jobs")).size() != 1; ++tries) {
    CHECK(jobs.runner->remove(spec.id).ok());
    const JobOutcome outcome = jobs.outcomeOf(spec);
    STRCMP_EQUAL("hello\n", outcome.stdoutHead.c_str());
    LONGS_EQUAL(5, outcome.result->asInteger());
  }
  LONGS_EQUAL(1, namesIn(jobs.folder.at("jobs")).size());
  STRCMP_EQUAL("ello", jobs.runner->readLog(spec.id, LogStream::kStdout, 1, 4)->c_str());
  STRCMP_EQUAL("", jobs.runner->readLog(spec.id, LogStream::kStdout, 6, 4)->c_str());
  const auto spans = jobs.runner->readLogOrder(spec.id, 0, 10);
  LONGS_EQUAL(1, spans->size());
  LONGS_EQUAL(6, spans->front().length);
  const auto log = jobs.runner->openLog(spec.id, LogStream::kStdout);
  char bytes[16] = {};
  LONGS_EQUAL(6, ::read(log->get(), bytes, sizeof bytes));
  STRCMP_EQUAL("hello\n", bytes);
}

TEST(PosixJobRunner, readsTheLogWhileTheJobRuns) {
  const JobSpec spec = jobs.shell("live", "echo first; sleep 60");
  CHECK(jobs.runner->start(spec).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(spec.id) == "first\n"; }));
  CHECK(jobs.runner->collect(spec.id).error().code == ErrorCode::kConflict);
  CHECK(jobs.runner->remove(spec.id).error().code == ErrorCode::kConflict);
  CHECK(jobs.runner->cancel(spec.id, milliseconds(0)).ok());
  CHECK(jobs.waitEnded(spec.id));
}

TEST(PosixJobRunner, takesTheResultFromItsDescriptorOnly) {
  const JobSpec spec =
      jobs.shell("result", "echo '{\"forged\":true}'; printf '{\"n\":1}' >&$BELAY_RESULT_FD");
  const JobOutcome outcome = jobs.outcomeOf(spec);
  CHECK(outcome.result.has_value());
  LONGS_EQUAL(1, outcome.result->integer("n"));
  CHECK(outcome.result->find("forged") == nullptr);
  CHECK_FALSE(jobs.outcomeOf(jobs.shell("none", "echo '{}'")).result.has_value());
}

TEST(PosixJobRunner, refusesAResultThatIsNotOneJsonText) {
  for (const char* text : {"{", "{} {}", "{\"a\":1,\"a\":2}", "nan", "\\377"}) {
    static int number = 0;
    const std::string id = "bad-" + std::to_string(++number);
    const JobOutcome outcome =
        jobs.outcomeOf(jobs.shell(id, "printf '" + std::string(text) + "' >&3"));
    CHECK_FALSE(outcome.result.has_value());
    CHECK(outcome.resultError && outcome.resultError->code == ErrorCode::kJobResult);
    const int ok[] = {0};
    CHECK(judge(outcome, ok).error().code == ErrorCode::kJobResult);
  }
}

TEST(PosixJobRunner, refusesAResultOverItsBound) {
  JobSpec spec = jobs.shell("too-large", "head -c 200000 /dev/zero | tr '\\0' '1' >&3");
  spec.resultBytesMax = 100'000;
  const JobOutcome outcome = jobs.outcomeOf(spec);
  CHECK(outcome.record.resultTooLarge);
  CHECK(outcome.resultError && outcome.resultError->code == ErrorCode::kJobResult);
}

TEST(PosixJobRunner, runsAScriptWithItsShell) {
  JobSpec spec = jobs.spec("script", {});
  spec.script = "echo one\nfalse\necho two\n";
  const JobOutcome outcome = jobs.outcomeOf(spec);
  LONGS_EQUAL(1, outcome.record.exitCode);
  STRCMP_EQUAL("one\n", outcome.stdoutHead.c_str());
}

TEST(PosixJobRunner, givesTextAndFilesAsStandardInput) {
  JobSpec spec = jobs.spec("stdin-text", {"cat"});
  spec.stdinText = std::string(300'000, 'x') + "\0end";
  CHECK(jobs.outcomeOf(spec).record.exitCode == 0);
  CHECK(spec.stdinText == jobs.log(spec.id));

  JobSpec fromFile = jobs.spec("stdin-file", {"cat"});
  fromFile.stdinPath = jobs.folder.at("input");
  CHECK(belay::base::writeFileDurably(fromFile.stdinPath, "from a file").ok());
  STRCMP_EQUAL("from a file", jobs.outcomeOf(fromFile).stdoutHead.c_str());

  const JobOutcome without = jobs.outcomeOf(jobs.spec("stdin-none", {"cat"}));
  LONGS_EQUAL(0, without.record.exitCode);
  LONGS_EQUAL(0, without.record.stdoutBytes);
}

TEST(PosixJobRunner, refusesAStandardInputThatIsNoFile) {
  JobSpec spec = jobs.spec("stdin-folder", {"cat"});
  spec.stdinPath = "/tmp";
  CHECK(jobs.runner->start(spec).error().code == ErrorCode::kInvalidArgument);
  spec.stdinPath = jobs.folder.at("fifo");
  CHECK(::mkfifo(spec.stdinPath.c_str(), 0600) == 0);
  CHECK(jobs.runner->start(spec).error().code == ErrorCode::kInvalidArgument);
}

TEST(PosixJobRunner, givesAJobNoOtherDescriptors) {
  const JobOutcome outcome = jobs.outcomeOf(jobs.shell(
      "fds", "i=0; while [ $i -lt 64 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done"));
  STRCMP_EQUAL("0\n1\n2\n3\n4\n", outcome.stdoutHead.c_str());
}

TEST(PosixJobRunner, givesAJobNothingButItsOwnEnvironment) {
  ::setenv("BELAY_TEST_LEAK", "1", 1);
  const JobOutcome outcome = jobs.outcomeOf(jobs.spec("env", {"env"}));
  ::unsetenv("BELAY_TEST_LEAK");
  STRCMP_EQUAL("PATH=/usr/bin:/bin\nBELAY_JOB_ID=env\nBELAY_RESULT_FD=3\nBELAY_JOB_FD=4\n",
               outcome.stdoutHead.c_str());
}

TEST(PosixJobRunner, startsJobsWithSignalsUnblockedAndNotIgnored) {
  const JobOutcome outcome = jobs.outcomeOf(
      jobs.spec("signals", {"grep", "-E", "^(SigBlk|SigIgn|NoNewPrivs)", "/proc/self/status"}));
  STRCMP_EQUAL(
      "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
      "NoNewPrivs:\t1\n",
      outcome.stdoutHead.c_str());
}

TEST(PosixJobRunner, startsJobsInASessionOfTheirOwn) {
  const JobOutcome outcome = jobs.outcomeOf(jobs.shell(
      "session", "set -- $(cat /proc/$$/stat); [ $5 = $$ ] && [ $6 = $$ ] && umask && ulimit -c"));
  STRCMP_EQUAL("0022\n0\n", outcome.stdoutHead.c_str());
}

TEST(PosixJobRunner, aJobThatLowersTheLimitsOfItsSupervisorLosesNothing) {
  JobSpec spec = jobs.shell("prlimit", "prlimit --pid $PPID --nofile=2:2; sleep 0.2; echo said");
  const JobOutcome outcome = jobs.outcomeOf(spec);
  STRCMP_EQUAL("said\n", outcome.stdoutHead.c_str());
}

TEST(PosixJobRunner, putsLimitsOnTheJob) {
  JobSpec spec = jobs.shell("limits", "ulimit -n; ulimit -v; ulimit -f; ulimit -t; ulimit -u");
  spec.limits.addressSpaceBytes = 1u << 30;
  spec.limits.processes = 5000;
  spec.limits.openFiles = 77;
  spec.limits.fileBytes = 512 * 1000;
  spec.limits.cpuSeconds = 9;
  spec.command[0] = "/bin/bash";
  const JobOutcome outcome = jobs.outcomeOf(spec);
  STRCMP_EQUAL("77\n1048576\n500\n9\n5000\n", outcome.stdoutHead.c_str());
}

TEST(PosixJobRunner, passesHostileArgumentsAndValuesUnchanged) {
  std::vector<std::string> hostile;
  for (int i = 1; i < 256; ++i) {
    const std::string byte(1, static_cast<char>(i));
    hostile.push_back("a" + byte + byte + "$(id)" + byte);
  }
  for (const char* text : {"", " ", "; rm -rf x", "$(touch x)", "`id`", "\n\n", "\\", "'\"'", "-e",
                           "--", "%n%s", "*", "~", "${{ x }}", "\xff\xfe"}) {
    hostile.push_back(text);
  }
  JobSpec spec = jobs.spec("hostile", {"/usr/bin/printf", "%s\\0"});
  std::string expected;
  for (const std::string& text : hostile) {
    spec.command.push_back(text);
    expected += text + '\0';
  }
  jobs.outcomeOf(spec);
  CHECK(expected == jobs.log(spec.id));

  JobSpec inEnvironment = jobs.spec("hostile-env", {"/usr/bin/env", "-0"});
  inEnvironment.environment.clear();
  std::string expectedEnvironment;
  for (std::size_t i = 0; i < hostile.size(); ++i) {
    inEnvironment.environment.emplace_back("V" + std::to_string(i), hostile[i]);
    expectedEnvironment += "V" + std::to_string(i) + "=" + hostile[i] + '\0';
  }
  jobs.outcomeOf(inEnvironment);
  CHECK(jobs.log(inEnvironment.id).starts_with(expectedEnvironment));
}

TEST(PosixJobRunner, passesRequestsThatDoNotFitIntoOneMessage) {
  JobSpec spec = jobs.shell("huge", "printf %s \"$LARGE\" | wc -c");
  spec.environment.emplace_back("LARGE", std::string(100'000, 'x'));
  STRCMP_EQUAL("100000\n", jobs.outcomeOf(spec).stdoutHead.c_str());
}

TEST(PosixJobRunner, writesNoValueOfAVariableToDisk) {
  JobSpec spec = jobs.shell("secret", "test \"$TOKEN\" = canary-4711 && sleep 60");
  spec.environment.emplace_back("TOKEN", "canary-4711");
  CHECK(jobs.runner->start(spec).ok());
  const std::string folder = jobs.folder.at("jobs");
  CHECK(jobs.waitUntil([&] { return belay::base::fileExists(folder + "/secret.record"); }));
  for (const std::string& name : namesIn(folder)) {
    CHECK(belay::base::readFile(folder + "/" + name, 1u << 20)->find("canary") ==
          std::string::npos);
  }
  CHECK(jobs.runner->cancel(spec.id, milliseconds(0)).ok());
  CHECK(jobs.waitEnded(spec.id));
}

TEST(PosixJobRunner, runsAJobAsAnotherUser) {
  if (::geteuid() != 0) return;
  JobSpec spec = jobs.spec("user", {"/bin/sh", "-c", "id -u; id -g; id -G"});
  spec.user = 65534;
  spec.group = 65533;
  STRCMP_EQUAL("65534\n65533\n65533\n", jobs.outcomeOf(spec).stdoutHead.c_str());
}

TEST(PosixJobRunner, refusesToStartAJobTwice) {
  const JobSpec spec = jobs.shell("twice", "exit 0");
  jobs.outcomeOf(spec);
  CHECK(jobs.runner->start(spec).error().code == ErrorCode::kConflict);
  CHECK(jobs.runner->remove(spec.id).ok());
  LONGS_EQUAL(0, jobs.outcomeOf(spec).record.exitCode);
}

TEST(PosixJobRunner, removesWhatEndedLongAgoInPieces) {
  for (int i = 0; i < 5; ++i) jobs.outcomeOf(jobs.shell("old-" + std::to_string(i), "echo x"));
  const JobSpec alive = jobs.shell("alive", "echo x; sleep 1000");
  CHECK(jobs.runner->start(alive).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(alive.id) == "x\n"; }));
  const std::int64_t now = wallMs();
  LONGS_EQUAL(0, *jobs.runner->removeEnded(now - 3'600'000, 1000));
  std::size_t removed = 0;
  for (int calls = 0; calls < 20; ++calls) removed += *jobs.runner->removeEnded(now + 1000, 3);
  LONGS_EQUAL(5, removed);
  CHECK(jobs.runner->cancel(alive.id, milliseconds(0)).ok());
  CHECK(jobs.waitEnded(alive.id));
  LONGS_EQUAL(3, namesIn(jobs.folder.at("jobs")).size());  // Its record, log and order.
}

TEST(PosixJobRunner, opensTheLogOfAJobThatWroteNothing) {
  const JobSpec spec = jobs.shell("silent", "exit 0");
  jobs.outcomeOf(spec);
  const auto log = jobs.runner->openLog(spec.id, LogStream::kStdout);
  char byte = 0;
  LONGS_EQUAL(0, ::read(log->get(), &byte, 1));
}

TEST(PosixJobRunner, refusesMoreJobsThanItsBound) {
  JobRunnerSettings settings = jobs.settingsFor(jobs.folder.at("few"));
  settings.runningMax = 1;
  auto runner = PosixJobRunner::open(settings, jobs.clock);
  CHECK((*runner)->start(jobs.shell("one", "sleep 60")).ok());
  CHECK((*runner)->start(jobs.shell("two", "exit 0")).error().code == ErrorCode::kBusy);
  CHECK((*runner)->cancel(JobId::parse("one").value(), milliseconds(0)).ok());
  CHECK(jobs.waitUntil([&] { return (*runner)->takeEnded().size() == 1; }));
}

TEST(PosixJobRunner, aSpawnerThatDoesNotComeUpIsAnError) {
  JobRunnerSettings settings = jobs.settingsFor(jobs.folder.at("broken"));
  settings.spawnerCommand = {"/bin/false"};
  CHECK(PosixJobRunner::open(settings, jobs.clock).error().code == ErrorCode::kJobSpawn);
  settings.spawnerCommand = {"/not/there"};
  CHECK(PosixJobRunner::open(settings, jobs.clock).error().code == ErrorCode::kJobSpawn);
  settings.spawnerSocket = jobs.folder.at("no-socket");
  CHECK(PosixJobRunner::open(settings, jobs.clock).error().code == ErrorCode::kJobSpawn);
}

TEST(PosixJobRunner, makesANewSpawnerWhenTheFormerOneEnds) {
  JobRunnerSettings settings = jobs.settingsFor(jobs.folder.at("nursed"));
  settings.nurseryCommand = {"/proc/self/exe", "nursery-of-the-test"};
  auto runner = PosixJobRunner::open(settings, jobs.clock);
  CHECK(runner.ok());
  const auto run = [&](const char* id) {
    const JobSpec spec = jobs.shell(id, "exit 3");
    CHECK((*runner)->start(spec).ok());
    CHECK(jobs.waitUntil([&] { return (*runner)->takeEnded().size() == 1; }));
    LONGS_EQUAL(3, exitCodeOf(**runner, spec.id));
  };
  run("first");
  // Looked for while it has no child: a supervisor that was just forked still has its name. The
  // spawner of the fixture has this process as its parent; this one has the nursery.
  pid_t spawner = 0;
  for (const SeenProcess& process : descendantsOf(::getpid(), listProcesses())) {
    const auto name = belay::base::readFile("/proc/" + std::to_string(process.pid) + "/comm", 64);
    if (name.ok() && *name == "belay-spawner\n" && process.parent != ::getpid())
      spawner = process.pid;
  }
  CHECK(spawner > 0);
  const std::string end = jobs.folder.at("end");
  const JobSpec going =
      jobs.shell("going", "while [ ! -e " + end + " ]; do sleep 0.02; done; exit 7");
  CHECK((*runner)->start(going).ok());
  CHECK(jobs.waitUntil([&] { return jobs.processesOf(going.id).size() > 0; }));
  LONGS_EQUAL(0, ::kill(spawner, SIGKILL));
  CHECK(belay::base::writeFileDurably(end, "").ok());
  std::vector<JobId> ended;
  CHECK(jobs.waitUntil([&] {
    for (JobId& id : (*runner)->takeEnded()) ended.push_back(std::move(id));
    return ended.size() == 1;
  }));
  LONGS_EQUAL(7, exitCodeOf(**runner, going.id));
  run("second");
}

TEST(PosixJobRunner, leavesNothingBehindAfterManyJobs) {
  jobs.outcomeOf(jobs.shell("warm-up", "exit 0"));
  CHECK(jobs.runner->remove(JobId::parse("warm-up").value()).ok());
  const std::size_t before = namesIn("/proc/self/fd").size();
  for (int i = 0; i < 200; ++i) {
    const JobSpec spec = jobs.shell("many-" + std::to_string(i), "echo x >&3; exit 3");
    LONGS_EQUAL(3, jobs.outcomeOf(spec).record.exitCode);
    CHECK(jobs.runner->remove(spec.id).ok());
  }
  LONGS_EQUAL(before, namesIn("/proc/self/fd").size());
  LONGS_EQUAL(0, namesIn(jobs.folder.at("jobs")).size());
  for (const belay::jobs::SeenProcess& process : listProcesses()) {
    const std::string file = "/proc/" + std::to_string(process.pid) + "/environ";
    const auto variables = belay::base::readFile(file, 1u << 20);
    CHECK_FALSE(variables.ok() && variables->find("BELAY_JOB_ID=many-") != std::string::npos);
  }
}
