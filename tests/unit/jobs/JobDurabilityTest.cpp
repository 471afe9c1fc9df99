// Notes what the supervisor of a job asks of the disk. What the daemon is told of a job must still
// be there after a power cut.

#include <string>

#include "tests/unit/jobs/JobsFixture.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using jobs::JobsFixture;

TEST_GROUP(JobDurability) { JobsFixture jobs; };

TEST(JobDurability, theEndOfAJobIsOnDiskBeforeTheDaemonHearsOfIt) {
  const std::string notes = jobs.folder.at("notes");
  auto settings = JobsFixture::settingsFor(jobs.folder.at("synced"));
  settings.spawnerCommand.push_back(notes);
  jobs.runner.reset();
  auto opened = jobs::PosixJobRunner::open(settings, jobs.clock);
  CHECK(opened.ok());
  jobs.runner = std::move(*opened);

  CHECK(jobs.run(JobsFixture::shell("j1", "echo done")).ok());
  const auto synced = base::readFile(notes, 1u << 20);
  CHECK(synced.ok());
  STRCMP_CONTAINS("/j1.record\n", synced->c_str());
}
