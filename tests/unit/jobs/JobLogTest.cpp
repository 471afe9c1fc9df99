// The files into which a supervisor writes output: bounds, and the order of the two streams.
// They are written below a temporary folder and read back with the functions of JobFiles.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "agent/jobs/JobFiles.h"
#include "agent/jobs/JobLog.h"
#include "common/base/UniqueFd.h"
#include "tests/support/TempFolder.h"

#include <CppUTest/TestHarness.h>

using belay::base::JobId;
using namespace belay::jobs;

TEST_GROUP(JobLog) {
  belay::test::TempFolder folder;
  belay::base::UniqueFd fd{::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  JobId id = JobId::parse("job").value();

  bool exists(const char* name) { return ::faccessat(fd.get(), name, F_OK, 0) == 0; }
};

TEST(JobLog, keepsTheBeginningAndCountsTheRest) {
  BoundedFile log(fd.get(), "job.stdout", 10);
  LONGS_EQUAL(6, log.append("abcdef", 6));
  log.spill();
  LONGS_EQUAL(4, log.append("ghijkl", 6));
  LONGS_EQUAL(0, log.append("m", 1));
  LONGS_EQUAL(10, log.kept());
  LONGS_EQUAL(3, log.dropped());
  STRCMP_EQUAL("", log.held().c_str());
  STRCMP_EQUAL("abcdefghij", readLogPiece(fd.get(), id, LogStream::kStdout, 0, 100)->c_str());
  STRCMP_EQUAL("cde", readLogPiece(fd.get(), id, LogStream::kStdout, 2, 3)->c_str());
  STRCMP_EQUAL("", readLogPiece(fd.get(), id, LogStream::kStdout, 99, 3)->c_str());
}

TEST(JobLog, holdsWhatIsShortAndMakesNoFileForIt) {
  BoundedFile log(fd.get(), "job.stdout", 100'000);
  const std::string most(BoundedFile::kHeldMax, 'x');
  log.append(most.data(), most.size());
  CHECK(most == log.held());
  CHECK_FALSE(exists("job.stdout"));
  log.append("y", 1);
  STRCMP_EQUAL("", log.held().c_str());
  CHECK(most + "y" == *readLogPiece(fd.get(), id, LogStream::kStdout, 0, 100'000));
}

TEST(JobLog, makesNoFileForNoOutput) {
  BoundedFile log(fd.get(), "job.stdout", 10);
  log.spill();
  log.sync();
  CHECK_FALSE(exists("job.stdout"));
  LONGS_EQUAL(0, readLogPiece(fd.get(), id, LogStream::kStdout, 0, 100)->size());
}

TEST(JobLog, stopsAtTheFirstFailedWriteAndCountsOn) {
  const belay::base::UniqueFd nowhere;
  BoundedFile log(nowhere.get(), "job.stdout", 10);
  LONGS_EQUAL(3, log.append("abc", 3));
  log.spill();
  LONGS_EQUAL(0, log.append("def", 3));
  LONGS_EQUAL(EBADF, log.error());
  LONGS_EQUAL(3, log.dropped());
  STRCMP_EQUAL("abc", log.held().c_str());
}

TEST(JobLog, rowsOfTheOrderCoverBothLogsWithoutGaps) {
  OrderFile order(fd.get(), "job.order");
  order.add(LogStream::kStdout, 1, 5);
  order.add(LogStream::kStderr, 2, 3);
  order.add(LogStream::kStdout, 3, 0);
  order.add(LogStream::kStdout, 4, 7);
  order.finish(5);
  const auto spans = readOrder(fd.get(), id, 0, 100);
  LONGS_EQUAL(3, spans->size());
  LONGS_EQUAL(0, (*spans)[1].offset);
  LONGS_EQUAL(3, (*spans)[1].length);
  LONGS_EQUAL(5, (*spans)[2].offset);
  LONGS_EQUAL(7, (*spans)[2].length);
  LONGS_EQUAL(1, readOrder(fd.get(), id, 2, 100)->size());
  LONGS_EQUAL(2, readOrder(fd.get(), id, 0, 2)->size());
}

TEST(JobLog, anOrderOfOneStreamIsWrittenOnlyForAJobThatLasts) {
  OrderFile brief(fd.get(), "brief.order");
  brief.add(LogStream::kStdout, 1, 5);
  brief.finish(2);
  CHECK_FALSE(exists("brief.order"));
  OrderFile lasting(fd.get(), "job.order");
  lasting.add(LogStream::kStdout, 1, 5);
  lasting.spill();
  lasting.add(LogStream::kStdout, 200, 5);
  LONGS_EQUAL(2, readOrder(fd.get(), id, 0, 10)->size());
}

TEST(JobLog, theEndCoversWhatCameAfterTheLastRow) {
  OrderFile order(fd.get(), "job.order");
  for (std::uint64_t i = 0; i < OrderFile::kRowsMax + 1000; ++i) {
    order.add(i % 2 == 0 ? LogStream::kStdout : LogStream::kStderr, i, 1);
  }
  order.finish(9);
  const auto last = readOrder(fd.get(), id, OrderFile::kRowsMax, 100);
  LONGS_EQUAL(2, last->size());
  LONGS_EQUAL(500, (*last)[0].length);
  LONGS_EQUAL(500, (*last)[1].length);
  LONGS_EQUAL(OrderFile::kRowsMax / 2, (*last)[1].offset);
}
