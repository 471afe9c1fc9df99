// Real jobs that call back, attach files, and leave some: by the descriptor that they inherit, and
// in their folders. The caller in each is this test program itself, see SpawnerHook.cpp.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/jobs/CallMessage.h"
#include "agent/jobs/Pidfd.h"
#include "common/json/Json.h"
#include "tests/unit/jobs/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::JobId;
using belay::base::UniqueFd;
using namespace belay::jobs;
using std::chrono::milliseconds;

TEST_GROUP(JobCalls) {
  JobsFixture jobs;

  /// `$CALL` is the caller; `w` is the folder in which the job works.
  JobSpec calling(const std::string& id, const std::string& script) {
    JobSpec spec = jobs.shell(id, script);
    const std::string work = jobs.folder.at("w");
    CHECK(belay::base::makeFolders(work).ok());
    spec.workFolder = work;
    spec.environment.emplace_back("CALL", belay::base::resolvePath("/proc/self/exe") +
                                              " call-of-the-test");
    return spec;
  }
  std::string contentOf(const JobSpec& spec, std::size_t number) {
    const auto file = jobs.runner->openFile(spec.id, number);
    char bytes[100] = {};
    return file.ok() && ::read(file->get(), bytes, sizeof bytes - 1) >= 0 ? bytes : "(none)";
  }
  std::vector<std::string> filesInFolder() {
    auto names = belay::base::listFolder(jobs.folder.at("jobs"));
    return names.ok() ? std::move(names).value() : std::vector<std::string>();
  }
};

TEST(JobCalls, progressIsThereAtOnceAndInItsPlace) {
  const JobSpec spec = calling("progress", "echo before; sleep 0.2; $CALL progress 'half of it' && "
                                           "echo after; sleep 60");
  CHECK(jobs.runner->start(spec).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(spec.id) == "before\nafter\n"; }));
  STRCMP_EQUAL("half of it", jobs.runner->lastProgress(spec.id).c_str());
  CHECK(jobs.runner->cancel(spec.id, milliseconds(0)).ok());
  CHECK(jobs.waitEnded(spec.id));
  std::string all;
  const auto spans = jobs.runner->readLogOrder(spec.id, 0, 10);
  CHECK(spans.ok());
  for (const LogSpan& span : *spans)
    all += jobs.runner->readLog(spec.id, span.stream, span.offset, span.length).value();
  STRCMP_EQUAL("before\nhalf of it\nafter\n", all.c_str());
}

TEST(JobCalls, aTextThatIsNoLineIsNoProgress) {
  const JobOutcome outcome = jobs.outcomeOf(calling(
      "no-line", "$CALL progress ''; $CALL progress \"$(printf 'a\\001b')\"; $CALL progress \"$(printf 'a\\nb')\""));
  STRCMP_EQUAL("BLY-INVALID-ARGUMENT\n", outcome.stderrHead.substr(0, outcome.stderrHead.find('\n') + 1).c_str());
  STRCMP_EQUAL("", jobs.runner->lastProgress(JobId::parse("no-line").value()).c_str());
}

TEST(JobCalls, anAttachedFileIsReadWhenTheJobIsDead) {
  const JobSpec spec = calling("attach", "echo first > a; $CALL attach report.txt a; rm -f b; "
                                         "echo later >> a; echo other > b; $CALL attach x/y b; rm b");
  const JobOutcome outcome = jobs.outcomeOf(spec);
  STRCMP_EQUAL("", outcome.stderrHead.c_str());
  LONGS_EQUAL(2, outcome.files.size());
  STRCMP_EQUAL("report.txt", outcome.files[0].name.c_str());
  CHECK_FALSE(outcome.files[0].collected);
  STRCMP_EQUAL("first\nlater\n", contentOf(spec, 0).c_str());
  STRCMP_EQUAL("other\n", contentOf(spec, 1).c_str());
  LONGS_EQUAL(6, outcome.files[1].bytes);
  CHECK(jobs.runner->remove(spec.id).ok());
  LONGS_EQUAL(0, filesInFolder().size());
}

TEST(JobCalls, whatIsNoFileOnADiskIsNotTaken) {
  const JobOutcome outcome = jobs.outcomeOf(
      calling("no-file", "mkfifo f; for each in /proc/self/status /sys/kernel/notes /dev/zero /tmp; do "
                         "$CALL attach x $each; done; $CALL attach ../x /bin/sh; (sleep 0.1 > f &) ; "
                         "$CALL attach x f"));
  LONGS_EQUAL(0, outcome.files.size());
}

TEST(JobCalls, filesHaveABoundInNumberAndBytes) {
  JobSpec spec = calling("many", "i=0; while [ $i -lt 70 ]; do echo $i > a$i; $CALL attach a$i a$i || break; "
                                 "i=$((i+1)); done; echo $i");
  JobOutcome outcome = jobs.outcomeOf(spec);
  STRCMP_EQUAL("64\n", outcome.stdoutHead.c_str());
  LONGS_EQUAL(64, outcome.files.size());
  spec = calling("large", "truncate -s 2T t; $CALL attach t t; head -c 700 /dev/zero > a; "
                          "cp a b; $CALL attach a a; $CALL attach b b");
  spec.filesBytesMax = 1000;
  outcome = jobs.outcomeOf(spec);
  LONGS_EQUAL(2, outcome.files.size());
  STRCMP_EQUAL("", outcome.files[0].problem.c_str());
  CHECK_FALSE(outcome.files[1].problem.empty());
}

TEST(JobCalls, aResultComesOnceByWhicheverWay) {
  const JobOutcome called = jobs.outcomeOf(calling("called", "$CALL result '{\"n\": 4}'"));
  LONGS_EQUAL(4, called.result->integer("n"));
  const char* const twice[] = {
      "$CALL result 1; $CALL result 2", "$CALL result 1; echo 2 >&3", "echo 1 >&3; $CALL result 2",
      "$CALL result 1; echo 2 > $BELAY_JOB_DIR/result.json", "echo 1 >&3; echo 2 > $BELAY_JOB_DIR/result.json"};
  int number = 0;
  for (const char* script : twice) {
    JobSpec spec = calling("twice-" + std::to_string(++number), std::string(script) + "; exit 0");
    spec.payload = "{}";
    const JobOutcome outcome = jobs.outcomeOf(spec);
    CHECK_FALSE(outcome.result.has_value());
    const int ok[] = {0};
    CHECK(judge(outcome, ok).error().code == ErrorCode::kJobResultTwice);
  }
  JobSpec spec = calling("large", "$CALL result \"$(head -c 2000 /dev/zero | tr '\\0' 1)\"; $CALL result 7");
  spec.resultBytesMax = 1000;
  LONGS_EQUAL(7, jobs.outcomeOf(spec).result->asInteger());
}

TEST(JobCalls, aJobFindsAndLeavesFilesInItsFolder) {
  JobSpec spec = calling("folder", "cat $BELAY_JOB_DIR/payload.json $BELAY_JOB_DIR/context.json; "
                                   "mkdir -p $BELAY_JOB_DIR/a/b; echo x > $BELAY_JOB_DIR/a/b/c; "
                                   "echo '[5]' > $BELAY_JOB_DIR/result.json");
  spec.payload = "{\"a\":1}";
  spec.context = "{\"run\":\"r\"}";
  const JobOutcome outcome = jobs.outcomeOf(spec);
  STRCMP_EQUAL("{\"a\":1}{\"run\":\"r\"}", outcome.stdoutHead.c_str());
  LONGS_EQUAL(5, outcome.result->asArray()[0].asInteger());
  for (const std::string& name : filesInFolder()) CHECK_FALSE(name.ends_with(".dir"));
}

TEST(JobCalls, aJobThatCannotBeStartedLeavesNoFolder) {
  JobSpec spec = jobs.spec("missing", {"/no/such/program"});
  spec.payload = "{}";
  CHECK(jobs.outcomeOf(spec).record.end == JobEnd::kSpawnFailed);
  LONGS_EQUAL(1, filesInFolder().size());
}

TEST(JobCalls, collectsWhatTheJobLeavesAndFollowsNoLink) {
  JobSpec spec = calling("collect", "mkdir out; echo good > out/good; ln -s /etc/passwd link; ln -s out d; "
                                    "mkfifo fifo; mkdir folder; (setsid sh -c 'sleep 0.3; echo bad > out/good' &)");
  spec.collect = {"out/good", "link", "d/good", "fifo", "folder", "missing"};
  const JobOutcome outcome = jobs.outcomeOf(spec);
  LONGS_EQUAL(6, outcome.files.size());
  STRCMP_EQUAL("good\n", contentOf(spec, 0).c_str());
  CHECK(outcome.files[0].collected);
  for (std::size_t i = 1; i < 6; ++i) CHECK_FALSE(outcome.files[i].problem.empty());
  STRCMP_EQUAL("No such file or directory", outcome.files[5].problem.c_str());
  spec.collect = {"../x"};
  CHECK(jobs.runner->start(spec).error().code == ErrorCode::kInvalidArgument);
}

TEST(JobCalls, collectsAsTheUserOfTheJob) {
  if (::geteuid() != 0) return;
  JobSpec spec = calling("as-user", "ls -l . > /dev/null; exit 0");
  CHECK(belay::base::writeFileDurably(spec.workFolder + "/own", "root's", 0600).ok());
  CHECK(belay::base::writeFileDurably(spec.workFolder + "/open", "all's", 0644).ok());
  CHECK_EQUAL(0, ::chmod(spec.workFolder.c_str(), 0755));
  CHECK_EQUAL(0, ::chmod(jobs.folder.path().c_str(), 0755));
  spec.user = 65534;
  spec.collect = {"own", "open"};
  const JobOutcome outcome = jobs.outcomeOf(spec);
  STRCMP_EQUAL("Permission denied", outcome.files[0].problem.c_str());
  STRCMP_EQUAL("all's", contentOf(spec, 1).c_str());
}

TEST(JobCalls, garbageOnTheDescriptorChangesNothing) {
  const JobOutcome outcome = jobs.outcomeOf(calling(
      "garbage", "i=0; while [ $i -lt 200 ]; do printf 'nonsense %s' $i >&4; i=$((i+1)); done; "
                 "$CALL progress fine && echo still there"));
  STRCMP_EQUAL("still there\n", outcome.stdoutHead.c_str());
}

TEST(JobCalls, theDescriptorIsOfNoUseToOthersAndDiesWithTheJob) {
  if (::geteuid() != 0) return;
  const JobSpec spec = calling("outside", "echo ready; sleep 60");
  CHECK(jobs.runner->start(spec).ok());
  CHECK(jobs.waitUntil([&] { return jobs.log(spec.id) == "ready\n"; }));
  const auto found = jobs.processesOf(spec.id);
  CHECK(!found.empty());
  const UniqueFd pidfd = openPidfd(std::stoi(found.front()));
  const UniqueFd stolen(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), 4, 0)));
  CHECK(stolen.valid());
  CHECK(callSupervisor(stolen.get(), CallKind::kProgress, "forged", -1).error().code ==
        ErrorCode::kJobToken);
  CHECK(jobs.runner->cancel(spec.id, milliseconds(0)).ok());
  CHECK(jobs.waitEnded(spec.id));
  CHECK(callSupervisor(stolen.get(), CallKind::kProgress, "late", -1).error().code ==
        ErrorCode::kJobToken);
  STRCMP_EQUAL("", jobs.runner->lastProgress(spec.id).c_str());
}
