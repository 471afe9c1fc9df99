#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// The rows of runs: what lists show, and what recovery must look at.
///
/// Threads: owner. Errors: as Journal says.
class RunTable {
 public:
  explicit RunTable(Session& session);

  base::Status add(const RunRow& row, RunHead& head);
  base::Status update(const RunHead& head, const RunRow& row);

  base::Result<std::optional<RunRow>> find(const base::RunId& id);
  /// Row number of a run; 0 when there is no such run.
  base::Result<std::int64_t> numberOf(std::string_view id);
  base::Result<std::vector<base::RunId>> byPrefix(std::string_view prefix, std::size_t most);
  base::Result<std::vector<RunRow>> list(const RunFilter& filter);
  base::Result<std::vector<RunRow>> unfinished();
  base::Result<std::uint64_t> countUnfinished();

 private:
  /// Rows of one index in descending order; adds at most `most` that fit the filter.
  base::Status collect(sqlite::Execution& rows, const RunFilter& filter, std::vector<RunRow>& into);
  base::Result<std::vector<RunRow>> listByStatus(const RunFilter& filter, std::int64_t below);
  base::Result<std::vector<RunRow>> listByTrigger(const RunFilter& filter, std::int64_t below);

  Session& session_;
  sqlite::Statement insert_;
  sqlite::Statement insertChild_;
  sqlite::Statement insertTrigger_;
  sqlite::Statement update_;
  sqlite::Statement find_;
  sqlite::Statement number_;
  sqlite::Statement prefix_;
  sqlite::Statement all_;
  sqlite::Statement bySlug_;
  sqlite::Statement byStatus_;
  sqlite::Statement succeeded_;
  sqlite::Statement byParent_;
  sqlite::Statement byTrigger_;
  sqlite::Statement manual_;
  sqlite::Statement unfinished_;
  sqlite::Statement countUnfinished_;
};

}  // namespace belay::journal
