// Formats lines with hostile values and reads them back as text; writes through a pipe where the
// descriptor matters.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "common/base/UniqueFd.h"
#include "common/log/StderrLog.h"
#include "tests/support/MemoryLog.h"

#include <CppUTest/TestHarness.h>

using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::UniqueFd;
using belay::log::Field;
using belay::log::formatLine;
using belay::log::StderrLog;
using belay::test::MemoryLog;

namespace {

class FixedClock final : public belay::base::Clock {
 public:
  std::chrono::milliseconds sinceBoot() const override { return std::chrono::milliseconds{5}; }
  std::int64_t wallMs() const override { return 1'000; }
  const std::string& bootId() const override { return bootId_; }

 private:
  std::string bootId_ = "boot";
};

std::string format(std::initializer_list<Field> fields) {
  return formatLine("event", {fields.begin(), fields.size()});
}

/// What one line looks like on a pipe for which JOURNAL_STREAM is `named`, or its own name when
/// `matching`.
std::string lineOnPipe(bool matching) {
  std::array<int, 2> ends{};
  CHECK_EQUAL(0, ::pipe2(ends.data(), O_CLOEXEC));
  const UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  struct stat info {};
  CHECK_EQUAL(0, ::fstat(writing.get(), &info));
  const std::string own = std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  const FixedClock clock;
  StderrLog log(
      clock, [&](const std::string&) { return std::optional<std::string>(matching ? own : "1:1"); },
      writing.get());
  log.warning("slow", {{"ms", 12}});
  std::array<char, 200> text{};
  const ssize_t got = ::read(reading.get(), text.data(), text.size());
  return {text.data(), static_cast<std::size_t>(got)};
}

}  // namespace

TEST_GROUP(Log){};

TEST(Log, putsTheEventFirstAndThenItsFields) {
  STRCMP_EQUAL("event port=443 secure=true host=a.test",
               format({{"port", 443}, {"secure", true}, {"host", "a.test"}}).c_str());
}

TEST(Log, quotesValuesThatCouldBeReadAsMoreFields) {
  STRCMP_EQUAL("event a=\"x y=1\" b=\"\" c=\"say \\\"hi\\\"\"",
               format({{"a", "x y=1"}, {"b", ""}, {"c", "say \"hi\""}}).c_str());
}

TEST(Log, neverLetsAValueForgeASecondLineOrMoveTheCursor) {
  const std::string line = format({{"name", "a\nerror fake\x1b[2J"}});
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.find('\x1b') == std::string::npos);
}

TEST(Log, carriesTheCodeOfAnError) {
  MemoryLog log;
  log.error("open_failed", Error{ErrorCode::kIo, "open /x"}, {{"run", "r1"}});
  STRCMP_EQUAL("error open_failed run=r1 code=BLY-IO message=\"open /x\"",
               log.lines().at(0).c_str());
}

TEST(Log, startsWithThePriorityOnTheStreamOfTheJournal) {
  STRCMP_EQUAL("<4>slow ms=12\n", lineOnPipe(true).c_str());
}

TEST(Log, startsWithTheInstantElsewhere) {
  STRCMP_EQUAL("1970-01-01T00:00:01.000Z warning slow ms=12\n", lineOnPipe(false).c_str());
}
