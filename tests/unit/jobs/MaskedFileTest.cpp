// What a supervisor keeps of a job that was given secrets: files below a temporary folder are read
// back as they are on the disk, and real jobs print their secrets in pieces, encoded, late and never
// to an end.

#include <fcntl.h>

#include "agent/jobs/JobFiles.h"
#include "agent/jobs/MaskedFile.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"
#include "tests/unit/jobs/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::JobId;
using namespace belay::jobs;

namespace {

const std::string kSecret = "hunter2/+\"secret value";

std::shared_ptr<const belay::redaction::Redactor> redactorOf(
    std::vector<std::pair<std::string_view, std::string_view>> secrets) {
  JobRequest request;
  request.secrets = std::move(secrets);
  return makeRedactor(request);
}

}  // namespace

TEST_GROUP(MaskedFile) {
  belay::test::TempFolder folder;
  belay::base::UniqueFd fd{::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  std::shared_ptr<const belay::redaction::Redactor> redactor = redactorOf({{"S", kSecret}});

  std::string onDisk() { return belay::base::readFile(folder.at("job.stdout"), 1u << 20).value(); }
};

TEST(MaskedFile, masksAcrossEveryBorderBetweenPieces) {
  const std::string text = "a " + kSecret + " b " + belay::base::toBase64(kSecret) + "\n";
  const std::string whole = redactor->redact(text);
  CHECK(whole.find("***S***") != std::string::npos);
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    MaskedFile file(fd.get(), "job.stdout", 1000, redactor);
    file.file().spill();
    std::size_t kept = 0;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      const std::size_t count = std::min(piece, text.size() - at);
      kept += file.append(text.data() + at, count, 0);
      STRCMP_EQUAL(whole.substr(0, kept).c_str(), kept > 0 ? onDisk().c_str() : "");
    }
    kept += file.finish();
    LONGS_EQUAL(whole.size(), kept);
    STRCMP_EQUAL(whole.c_str(), onDisk().c_str());
    CHECK(belay::base::removeFile(folder.at("job.stdout")).ok());
  }
}

TEST(MaskedFile, letsFewBytesOfAQuietPipeGoAndNothingThatIsMoreOfASecret) {
  MaskedFile file(fd.get(), "job.stdout", 1000, redactor);
  LONGS_EQUAL(7, file.append("Whose? hun", 10, 1000));
  LONGS_EQUAL(1000 + MaskedFile::kQuietMs, file.releaseAtMs());
  LONGS_EQUAL(0, file.releaseWhenDue(1000));
  LONGS_EQUAL(3, file.releaseWhenDue(file.releaseAtMs()));
  LONGS_EQUAL(-1, file.releaseAtMs());
  LONGS_EQUAL(0, file.append("ter2/+", 6, 2000));
  LONGS_EQUAL(0, file.releaseWhenDue(3000));
  LONGS_EQUAL(0, file.append("\"secret value", 13, 4000));
  LONGS_EQUAL(1, file.append("!", 1, 4000));
  STRCMP_EQUAL("Whose? hun!", file.file().held().c_str());
}

TEST(MaskedFile, keepsEverythingAsItIsWithoutSecrets) {
  MaskedFile file(fd.get(), "job.stdout", 1000, redactorOf({}));
  CHECK_FALSE(file.given());
  LONGS_EQUAL(kSecret.size(), file.append(kSecret.data(), kSecret.size(), 0));
  CHECK(file.given());
  LONGS_EQUAL(-1, file.releaseAtMs());
  LONGS_EQUAL(0, file.finish());
  STRCMP_EQUAL(kSecret.c_str(), file.file().held().c_str());
  CHECK(redactorOf({{"SHORT", "12345"}}) == nullptr);
}

TEST_GROUP(JobMasking) {
  JobsFixture jobs;

  JobSpec shell(const std::string& id, const std::string& script) {
    JobSpec spec = JobsFixture::shell(id, script);
    spec.environment.emplace_back("S", kSecret);
    spec.secrets.emplace_back("S", kSecret);
    return spec;
  }
  /// Of all files that there are, whatever their names.
  std::string allFiles() {
    std::string out;
    const auto names = belay::base::listFolder(jobs.folder.at("jobs"));
    CHECK(names.ok());
    for (const std::string& name : *names) {
      const auto text = belay::base::readFile(jobs.folder.at("jobs") + "/" + name, 8u << 20);
      if (text.ok()) out += *text;
    }
    return out;
  }
  void nothingShows() { CHECK_FALSE(redactorOf({{"S", kSecret}})->contains(allFiles())); }
};

TEST(JobMasking, masksBothLogsAndTheResult) {
  const JobOutcome outcome = jobs.outcomeOf(shell(
      "all", "printf '%s|' \"$S\"; printf %s \"$S\" | base64 -w0 >&2;"
             " printf '{\"x\":\"hunter2/+\\\\\"secret value\"}' >&3"));
  STRCMP_EQUAL("***S***|", outcome.stdoutHead.c_str());
  LONGS_EQUAL(8, outcome.record.stdoutBytes);
  CHECK(outcome.stderrHead.find("***S***") == 0);
  CHECK(outcome.result.has_value());
  STRCMP_EQUAL("***S***", outcome.result->text("x").c_str());
  nothingShows();
}

TEST(JobMasking, masksAFloodAndCountsWhatIsMasked) {
  JobSpec spec = shell("flood", "yes \"$S\" | head -n 50000");
  spec.logBytesMax = 1u << 20;
  const JobOutcome outcome = jobs.outcomeOf(spec);
  LONGS_EQUAL(50000 * 8, outcome.record.stdoutBytes);
  LONGS_EQUAL(0, outcome.record.stdoutDropped);
  nothingShows();
  const std::string piece =
      jobs.runner->readLog(spec.id, LogStream::kStdout, 8 * 40000, 16).value();
  STRCMP_EQUAL("***S***\n***S***\n", piece.c_str());
}

TEST(JobMasking, showsAPromptWhileItWaitsAndMasksWhatComesAfter) {
  const JobSpec spec = shell("prompt", "printf 'Password: hu'; sleep 1000");
  CHECK(jobs.runner->start(spec).ok());
  CHECK(JobsFixture::waitUntil([&] { return jobs.log(spec.id) == "Password: hu"; }));
  // The daemon is another one now; the supervisor is the same.
  jobs.open();
  CHECK(jobs.runner->adopt(spec.id, jobs.clock.bootId())->state == Adoption::State::kRunning);
  CHECK(jobs.runner->cancel(spec.id, std::chrono::milliseconds(0)).ok());
  CHECK(jobs.waitEnded(spec.id));
}

TEST(JobMasking, goesOnMaskingWhenItsDaemonIsGone) {
  const std::string go = jobs.folder.at("go");
  const JobSpec spec = shell("alone", "printf 'first '; while [ ! -e " + go +
                                          " ]; do sleep 0.01; done; printf '%s.' \"$S\"");
  CHECK(jobs.runner->start(spec).ok());
  CHECK(JobsFixture::waitUntil([&] { return !jobs.log(spec.id).empty(); }));
  jobs.runner.reset();
  CHECK(belay::base::writeFileDurably(go, "").ok());
  jobs.open();
  const auto adopted = jobs.runner->adopt(spec.id, jobs.clock.bootId());
  CHECK(adopted.ok());
  if (adopted->state == Adoption::State::kRunning) CHECK(jobs.waitEnded(spec.id));
  STRCMP_EQUAL("first ***S***.", jobs.runner->collect(spec.id)->stdoutHead.c_str());
  nothingShows();
}
