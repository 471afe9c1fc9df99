#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"
#include "common/base/Clock.h"

namespace belay::journal {

/// What is due and when, on the boot clock or on the wall clock.
///
/// Threads: owner. Errors: as Journal says.
class TimerTable {
 public:
  TimerTable(Session& session, const base::Clock& clock);

  base::Status put(const TimerRow& row);
  base::Status remove(std::int64_t runNumber, std::string_view key);
  base::Status removeOf(std::int64_t runNumber);

  base::Result<std::optional<TimerRow>> find(std::int64_t runNumber, std::string_view key);
  base::Result<std::vector<TimerRow>> due(std::int64_t bootMs, std::int64_t wallMs,
                                          std::size_t most);
  base::Result<NextDue> next();
  base::Status rebase(std::string_view bootId, std::int64_t bootMs, std::int64_t wallMs);

 private:
  base::Status collect(sqlite::Execution& rows, std::size_t most, std::vector<TimerRow>& into);

  Session& session_;
  const base::Clock& clock_;
  sqlite::Statement put_;
  sqlite::Statement remove_;
  sqlite::Statement removeOf_;
  sqlite::Statement find_;
  sqlite::Statement dueBoot_;
  sqlite::Statement dueWall_;
  sqlite::Statement nextBoot_;
  sqlite::Statement nextWall_;
  sqlite::Statement rebase_;
};

}  // namespace belay::journal
