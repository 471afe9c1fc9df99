#pragma once

#include <string>
#include <vector>

#include "agent/journal/HostChain.h"
#include "agent/journal/ResourceTable.h"
#include "agent/journal/Rows.h"
#include "agent/journal/ScheduleTable.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// Removes ended runs with all that belongs to them, rows of schedules that are as old, and the
/// prefix of the host's chain that no run needs any more. Pages that become free are used again, so
/// the file stays as large as it is.
///
/// Threads: owner. Errors: as Journal says.
class Retention {
 public:
  Retention(Session& session, HostChain& hostChain, ScheduleTable& schedules,
            ResourceTable& resources);

  /// One transaction. A run is removed whole; after many events the rest is left for the next call.
  base::Result<PruneReport> prune(std::int64_t beforeMs, std::size_t most, std::int64_t nowMs);

 private:
  struct Ended {
    std::int64_t number = 0;
    std::string id;
  };
  base::Result<PruneReport> remove(std::int64_t beforeMs, std::size_t most, std::int64_t nowMs);
  base::Result<std::vector<Ended>> ended(std::int64_t beforeMs, std::size_t most);
  base::Status removeRun(const Ended& run, PruneReport& report);
  base::Status noteFreed(std::vector<std::string> digests, PruneReport& report);
  /// Cuts the host's chain up to the first row that a run may still be checked against.
  base::Status cutChain(std::int64_t beforeMs, std::size_t most, std::int64_t nowMs);
  base::Result<bool> isNeeded(const SealRow& row, std::int64_t beforeMs);

  Session& session_;
  HostChain& hostChain_;
  ScheduleTable& schedules_;
  ResourceTable& resources_;
  sqlite::Statement ended_;
  sqlite::Statement removeEvents_;
  std::vector<sqlite::Statement> removeRest_;
  sqlite::Statement orphan_;
  sqlite::Statement removeRow_;
  sqlite::Statement lastEvent_;
};

}  // namespace belay::journal
