#pragma once

#include "common/base/Clock.h"
#include "common/base/Environment.h"
#include "common/log/Log.h"

namespace belay::log {

/// Writes each line to standard error with one write(2). Where standard error is the journal's own
/// stream (JOURNAL_STREAM names its device and inode) a line starts with the `<N>` that journald
/// reads as its priority; elsewhere with the instant and the level.
///
/// Threads:   any; lines of several threads do not mix, because each is one write.
/// Ownership: the clock must outlive the log.
/// Errors:    a line that cannot be written is lost: there is nowhere else to say so.
class StderrLog final : public Log {
 public:
  StderrLog(const base::Clock& clock, const base::EnvironmentLookup& environment);
  /// For another descriptor than 2, which stays the caller's.
  StderrLog(const base::Clock& clock, const base::EnvironmentLookup& environment, int fd);

 protected:
  void write(Level level, std::string_view event, std::span<const Field> fields) override;

 private:
  // Constant after construction.
  const base::Clock& clock_;
  const int fd_;
  const bool toJournal_;
};

}  // namespace belay::log
