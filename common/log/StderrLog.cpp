#include "common/log/StderrLog.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/base/Files.h"
#include "common/base/Units.h"

namespace belay::log {

namespace {

bool isJournalStream(int fd, const base::EnvironmentLookup& environment) {
  const auto named = environment("JOURNAL_STREAM");
  if (!named) return false;
  struct stat info {};
  if (::fstat(fd, &info) != 0) return false;
  return *named == std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

std::string_view journalPriority(Level level) {
  switch (level) {
    case Level::kError:
      return "<3>";
    case Level::kWarning:
      return "<4>";
    case Level::kInfo:
      break;
  }
  return "<6>";
}

std::string_view levelName(Level level) {
  switch (level) {
    case Level::kError:
      return "error";
    case Level::kWarning:
      return "warning";
    case Level::kInfo:
      break;
  }
  return "info";
}

}  // namespace

StderrLog::StderrLog(const base::Clock& clock, const base::EnvironmentLookup& environment)
    : StderrLog(clock, environment, STDERR_FILENO) {}

StderrLog::StderrLog(const base::Clock& clock, const base::EnvironmentLookup& environment, int fd)
    : clock_(clock), fd_(fd), toJournal_(isJournalStream(fd, environment)) {}

void StderrLog::write(Level level, std::string_view event, std::span<const Field> fields) {
  std::string line;
  if (toJournal_) {
    line = journalPriority(level);
  } else {
    line = base::formatInstant(clock_.wallMs());
    line += ' ';
    line += levelName(level);
    line += ' ';
  }
  line += formatLine(event, fields);
  line += '\n';
  static_cast<void>(base::writeAll(fd_, line, "the log"));
}

}  // namespace belay::log
