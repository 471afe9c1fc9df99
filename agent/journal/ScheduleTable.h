#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/Session.h"

namespace belay::journal {

/// What is known of one schedule of a flow. Times in seconds since 1970, where 0 stands for none.
struct ScheduleRow {
  std::int64_t number = 0;  ///< Given by the journal.
  std::string slug;
  std::string id;
  std::string digest;              ///< Of the content whose schedule decides; empty: it is gone.
  std::int64_t release = 0;        ///< Of the same.
  std::int64_t sinceS = 0;         ///< When its ledger begins.
  std::int64_t handledUntilS = 0;  ///< Every due time until then has its row.
  std::int64_t lastCatchUpMs = 0;
  std::int64_t pausedSinceS = 0;
  std::string pausedBy;
  std::int64_t disabledSinceS = 0;
};

enum class OccurrenceState : std::uint8_t {
  kWaiting,  ///< It runs, and has not been started.
  kStarted,
  kSettled,  ///< It does not run.
};

/// One row of the ledger: triggers::Occurrence, with what became of it.
struct OccurrenceRow {
  std::int64_t schedule = 0;
  std::int64_t dueS = 0, lastS = 0;
  std::uint64_t count = 1;
  std::uint8_t outcome = 0;  ///< triggers::Outcome
  std::uint8_t reason = 0;   ///< triggers::SkipReason
  std::string note;          ///< Why a start was refused.
  OccurrenceState state = OccurrenceState::kSettled;
  std::int64_t runAtMs = 0;  ///< When it was or is to be started.
  std::int64_t byS = 0;
  std::string run;
  std::int64_t release = 0;  ///< That decided.
  std::int64_t decidedMs = 0;
};

/// Schedules and the ledger of their due times.
///
/// Threads: owner. Errors: as Journal says; kJournalCorrupt for a row that cannot be.
class ScheduleTable {
 public:
  explicit ScheduleTable(Session& session);

  /// Adds or replaces the schedule of this slug and id; gives `row` its number.
  base::Status put(ScheduleRow& row);
  base::Result<std::vector<ScheduleRow>> all();
  base::Result<std::vector<ScheduleRow>> ofFlow(std::string_view slug);
  base::Result<std::optional<ScheduleRow>> find(std::string_view slug, std::string_view id);

  /// Adds a row, or replaces the one with the same due time.
  base::Status putOccurrence(const OccurrenceRow& row);
  /// Removes what was not started and is due after `dueS`.
  base::Status dropAfter(std::int64_t schedule, std::int64_t dueS);
  /// What waits for its start, in the order of their starts.
  base::Result<std::vector<OccurrenceRow>> waiting(std::int64_t schedule);
  /// Due times after `dueS` that were started.
  base::Result<std::vector<std::int64_t>> startedAfter(std::int64_t schedule, std::int64_t dueS);
  /// Rows of several due times that end after `timeS`.
  base::Result<std::vector<OccurrenceRow>> endingAfter(std::int64_t schedule, std::int64_t timeS);
  /// The newest rows with due times before `beforeS`, newest first.
  base::Result<std::vector<OccurrenceRow>> before(std::int64_t schedule, std::int64_t beforeS,
                                                  std::size_t most);
  /// Removes rows that have been settled and were due before `beforeS`; how many.
  base::Result<std::uint64_t> prune(std::int64_t beforeS, std::size_t most);

  /// The flows that the ledger of flows names after its row `number`, and its last row.
  struct Changed {
    std::vector<std::string> slugs;
    std::int64_t last = 0;
  };
  base::Result<Changed> flowsChangedAfter(std::int64_t number);

 private:
  base::Result<std::vector<OccurrenceRow>> collect(sqlite::Execution& rows);

  Session& session_;
  sqlite::Statement put_;
  sqlite::Statement all_;
  sqlite::Statement ofFlow_;
  sqlite::Statement find_;
  sqlite::Statement putRow_;
  sqlite::Statement dropAfter_;
  sqlite::Statement waiting_;
  sqlite::Statement startedAfter_;
  sqlite::Statement endingAfter_;
  sqlite::Statement before_;
  sqlite::Statement hasOld_;
  sqlite::Statement prune_;
  sqlite::Statement lastChange_;
  sqlite::Statement changed_;
};

}  // namespace belay::journal
