// The record of a job: what is written is read back, and what is damaged is never read as an end.
// Besides the readers of /proc/PID/stat, of cgroup folders, of a log's head, and the verdict on an
// outcome.

#include <cerrno>
#include <csignal>

#include "agent/jobs/JobCgroup.h"
#include "agent/jobs/JobFiles.h"
#include "agent/jobs/JobRecord.h"
#include "tests/support/SeededRandom.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using namespace belay::jobs;

TEST_GROUP(JobRecord) {
  ClaimRecord claim{"boot", 4711, 123456, "/sys/fs/cgroup/x"};

  ExitRecord exit() {
    ExitRecord record;
    record.end = JobEnd::kSignalled;
    record.signal = SIGTERM;
    record.killedBy = JobKiller::kDeadline;
    record.bootId = "boot";
    record.startedWallMs = 1'800'000'000'000;
    record.endedBootMs = 99;
    record.stdoutBytes = 5'000'000'000;
    record.resultTooLarge = true;
    record.leftoverKilled = 3;
    record.stdoutHeld = std::string("any\0\xFF bytes\n", 12);
    record.resultHeld = "{}";
    return record;
  }
};

TEST(JobRecord, isReadAsItWasWritten) {
  const JobRecord record = parseJobRecord(printClaimRecord(claim) + printExitRecord(exit()));
  CHECK(record.damage.empty());
  STRCMP_EQUAL("boot", record.claim->bootId.c_str());
  LONGS_EQUAL(4711, record.claim->pid);
  LONGS_EQUAL(123456, record.claim->startTime);
  STRCMP_EQUAL("/sys/fs/cgroup/x", record.claim->cgroup.c_str());
  CHECK(record.exit->end == JobEnd::kSignalled);
  LONGS_EQUAL(SIGTERM, record.exit->signal);
  CHECK(record.exit->killedBy == JobKiller::kDeadline);
  CHECK(record.exit->stdoutBytes == 5'000'000'000);
  CHECK(record.exit->startedWallMs == 1'800'000'000'000);
  CHECK(record.exit->resultTooLarge);
  LONGS_EQUAL(3, record.exit->leftoverKilled);
  CHECK(exit().stdoutHeld == record.exit->stdoutHeld);
  STRCMP_EQUAL("{}", record.exit->resultHeld.c_str());
  STRCMP_EQUAL(printExitRecord(exit()).c_str(), printExitRecord(*record.exit).c_str());
}

TEST(JobRecord, hasNoExitUnlessItsLineIsWhole) {
  const std::string head = printClaimRecord(claim);
  const std::string tail = printExitRecord(exit());
  for (std::size_t length = 0; length < tail.size(); ++length) {
    const JobRecord record = parseJobRecord(head + tail.substr(0, length));
    CHECK(record.claim.has_value());
    CHECK_FALSE(record.exit.has_value());
  }
  for (std::size_t length = 0; length < head.size(); ++length) {
    CHECK_FALSE(parseJobRecord(head.substr(0, length)).claim.has_value());
  }
}

TEST(JobRecord, isNeverReadFromZeroedSectors) {
  const std::string whole = printClaimRecord(claim) + printExitRecord(exit());
  const std::size_t exitAt = printClaimRecord(claim).size();
  for (std::size_t at = exitAt; at < whole.size(); at += 16) {
    std::string zeroed = whole;
    zeroed.replace(at, 16, std::string(std::min<std::size_t>(16, whole.size() - at), '\0'));
    CHECK_FALSE(parseJobRecord(zeroed).exit.has_value());
  }
}

TEST(JobRecord, refusesMembersOfAnotherKind) {
  for (const char* change :
       {"\"signal\":0", "\"signal\":65", "\"signal\":-1", "\"signal\":\"9\"", "\"sign\":9"}) {
    std::string text = printExitRecord(exit());
    text.replace(text.find("\"signal\":15"), 11, change);
    CHECK_FALSE(parseExitRecord(text).ok());
  }
  CHECK_FALSE(parseExitRecord("[]").ok());
  CHECK_FALSE(parseExitRecord("{\"v\":2}").ok());
}

TEST(JobRecord, survivesAnyBytes) {
  belay::test::SeededRandom random(11);
  const std::string whole = printClaimRecord(claim) + printExitRecord(exit());
  for (int round = 0; round < 5000; ++round) {
    std::uint8_t bytes[4];
    random.fill(bytes);
    std::string changed = whole;
    changed[(bytes[0] | bytes[1] << 8) % changed.size()] = static_cast<char>(bytes[2]);
    static_cast<void>(parseJobRecord(changed.substr(bytes[3] % 8)));
  }
}

TEST(JobRecord, readsProcStatWhateverTheNameOfTheProcess) {
  const std::string tail = " S 17 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0\n";
  for (const char* name : {"sh", "a b", "a) R 1 (", ")", "a\nb"}) {
    const auto stat = parseProcessStat("4711 (" + std::string(name) + ")" + tail);
    CHECK(stat.has_value());
    CHECK(stat->state == 'S');
    LONGS_EQUAL(17, stat->parent);
    LONGS_EQUAL(987654, stat->startTime);
  }
  for (const char* text : {"", "1", "1 (sh)", "1 (sh) ", "1 (sh) S 17 1", "1 (sh) S x 1 1 0"}) {
    CHECK_FALSE(parseProcessStat(text).has_value());
  }
}

TEST(JobRecord, findsTheOwnCgroupOnlyBelowTheRoot) {
  const std::string mounts =
      "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
  STRCMP_EQUAL("/sys/fs/cgroup/system.slice/belay.service",
               ownCgroupFolder(mounts, "0::/system.slice/belay.service\n").c_str());
  STRCMP_EQUAL("", ownCgroupFolder(mounts, "0::/\n").c_str());
  STRCMP_EQUAL("", ownCgroupFolder(mounts, "4:memory:/x\n").c_str());
  STRCMP_EQUAL("", ownCgroupFolder("1 2 0:1 / /proc rw - proc proc rw\n", "0::/x\n").c_str());
}

TEST(JobRecord, cutsNoCharacterOfALogsHead) {
  const std::string euro = "\xE2\x82\xAC";
  STRCMP_EQUAL("ab", std::string(withoutCutCharacter("ab" + euro.substr(0, 1))).c_str());
  STRCMP_EQUAL("ab", std::string(withoutCutCharacter("ab" + euro.substr(0, 2))).c_str());
  STRCMP_EQUAL(("ab" + euro).c_str(), std::string(withoutCutCharacter("ab" + euro)).c_str());
  STRCMP_EQUAL("ab", std::string(withoutCutCharacter("ab")).c_str());
  LONGS_EQUAL(4, withoutCutCharacter("\x80\x80\x80\x80").size());
  LONGS_EQUAL(0, withoutCutCharacter("").size());
}

TEST(JobRecord, judgesAnOutcomeByItsGravestFault) {
  const int ok[] = {0, 2};
  JobOutcome outcome;
  CHECK(judge(outcome, ok).ok());
  outcome.record.exitCode = 2;
  CHECK(judge(outcome, ok).ok());
  outcome.resultError = belay::base::Error{ErrorCode::kJobResult, "no JSON"};
  CHECK(judge(outcome, ok).error().code == ErrorCode::kJobResult);
  outcome.record.exitCode = 1;
  CHECK(judge(outcome, ok).error().code == ErrorCode::kStepExitCode);
  outcome.record.end = JobEnd::kSignalled;
  CHECK(judge(outcome, ok).error().code == ErrorCode::kJobSignalled);
  outcome.record.killedBy = JobKiller::kCancel;
  CHECK(judge(outcome, ok).error().code == ErrorCode::kCancelled);
  outcome.record.killedBy = JobKiller::kDeadline;
  CHECK(judge(outcome, ok).error().code == ErrorCode::kStepTimeout);
  outcome.record.end = JobEnd::kSpawnFailed;
  outcome.record.spawnErrno = ENOENT;
  CHECK(judge(outcome, ok).error().code == ErrorCode::kJobSpawn);
}
