#include "agent/journal/Statistics.h"

#include <array>

namespace belay::journal {

using base::Result;

namespace {

struct Count {
  std::uint64_t JournalStats::*field;
  const char* sql;
};

constexpr std::array<Count, 9> kCounts{{
    {&JournalStats::pages, "PRAGMA page_count"},
    {&JournalStats::freePages, "PRAGMA freelist_count"},
    {&JournalStats::runs,
     "SELECT CASE WHEN (SELECT count(*) FROM (SELECT 1 FROM runs LIMIT 1000000)) < 1000000"
     " THEN (SELECT count(*) FROM runs)"
     " ELSE (SELECT max(number) FROM runs) - (SELECT min(number) FROM runs) + 1 END"},
    {&JournalStats::events,
     "SELECT CASE WHEN (SELECT count(*) FROM (SELECT 1 FROM events LIMIT 1000000)) < 1000000"
     " THEN (SELECT count(*) FROM events)"
     " ELSE (SELECT max(place) FROM events) - (SELECT min(place) FROM events) + 1 END"},
    {&JournalStats::openWaits, "SELECT count(*) FROM waits WHERE status = 0"},
    {&JournalStats::timers, "SELECT count(*) FROM timers"},
    {&JournalStats::kv, "SELECT count(*) FROM kv"},
    {&JournalStats::resources, "SELECT count(*) FROM run_resources"},
    {&JournalStats::fileBytes,
     "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"},
}};

}  // namespace

Result<JournalStats> readStats(Session& session) {
  JournalStats stats;
  for (const Count& count : kCounts) {
    BELAY_ASSIGN(const std::int64_t value, session.database().readInteger(count.sql, "statistics"));
    stats.*count.field = static_cast<std::uint64_t>(value);
  }
  BELAY_ASSIGN(const std::int64_t version,
               session.database().readInteger("PRAGMA user_version", "statistics"));
  stats.schemaVersion = static_cast<int>(version);
  stats.walBytes = session.walBytes();
  stats.commits = session.commits();
  return stats;
}

}  // namespace belay::journal
