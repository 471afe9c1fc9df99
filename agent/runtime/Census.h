#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/journal/Journal.h"

namespace belay::runtime {

/// The release that a run's source names: "live:3", "release:3"; 0: a draft.
std::int64_t releaseOf(std::string_view source);

/// How many runs are at work, of which releases, and which runs wait for others that they started:
/// counted when it is first asked for, and then kept in step with the rows of the runs.
///
/// Threads:   the loop.
/// Ownership: borrows the journal.
class Census {
 public:
  explicit Census(journal::Journal& journal) : journal_(journal) {}

  /// A row has been added.
  void created(const journal::RunRow& row);
  /// A row has got another status; `row` has the new one.
  void changed(const journal::RunRow& row, engine::RunStatus before);
  /// After a rollback.
  void forget();

  /// Runs that are at work: running or stopping.
  base::Result<std::int64_t> moving();
  /// Whether runs of another release of the flow, drafts apart, have begun and not ended.
  base::Result<bool> othersActive(const std::string& slug, std::int64_t release);
  /// Of a flow that is tracked: whether runs of this release have begun and not ended.
  bool releaseActive(const std::string& slug, std::int64_t release) const;
  /// By run, those that its steps started and that have not ended.
  base::Result<const std::map<base::RunId, std::set<base::RunId>>*> children();
  /// True when somebody asked for the releases of the flow.
  bool tracks(const std::string& slug) const { return releases_.count(slug) != 0; }

 private:
  void count(const journal::RunRow& row, engine::RunStatus status, std::int64_t by);

  journal::Journal& journal_;
  std::optional<std::int64_t> moving_;
  std::optional<std::map<base::RunId, std::set<base::RunId>>> children_;
  std::map<std::string, std::map<std::int64_t, std::int64_t>>
      releases_;  ///< Runs by slug, release.
};

}  // namespace belay::runtime
