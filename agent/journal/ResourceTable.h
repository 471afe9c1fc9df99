#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// What removing rows has freed.
struct ResourcesRemoved {
  std::uint64_t resources = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> digests;  ///< Of rows that went; another row may have the same one.
};

/// A question to the index of texts.
struct ResourceSearch {
  std::string match;  ///< In the language of FTS5.
  std::string slug;   ///< Empty: of every flow.
  std::size_t most = 10;
};

/// Which stored contents belong to which runs, and the words of those that search finds. The
/// contents themselves are files elsewhere.
///
/// Threads: owner. Errors: as Journal says.
class ResourceTable {
 public:
  explicit ResourceTable(Session& session);

  base::Status add(const ResourceRow& row);
  base::Result<std::optional<ResourceRow>> find(std::string_view ref);
  base::Result<std::vector<ResourceRow>> list(const ResourceFilter& filter);
  base::Result<bool> isReferenced(std::string_view digest);
  /// A run that has this resource and has not ended; empty: none.
  base::Result<std::string> usedBy(std::string_view ref);

  base::Result<ResourceUsage> usage(std::string_view slug);
  base::Result<std::vector<ResourceUsage>> usages();

  /// Newest first; of the newest 1,000 that match.
  base::Result<std::vector<ResourceRow>> search(const ResourceSearch& search);

  /// All rows of a resource.
  base::Status remove(std::string_view ref, ResourcesRemoved& removed);
  /// Those of a run that goes; what is kept beyond it stays, without a run.
  base::Status removeOfRun(std::int64_t run, ResourcesRemoved& removed);
  /// At most `most` that are past their time: ephemeral ones of runs that ended before
  /// `endedBeforeMs`, and retained ones without a run that were made before `madeBeforeMs`.
  base::Status expire(std::int64_t endedBeforeMs, std::int64_t madeBeforeMs, std::size_t most,
                      ResourcesRemoved& removed);

 private:
  struct Leaving;
  base::Status removeRows(std::vector<Leaving> rows, ResourcesRemoved& removed);

  Session& session_;
  sqlite::Statement insert_;
  sqlite::Statement countUse_;
  sqlite::Statement index_;
  sqlite::Statement find_;
  sqlite::Statement all_;
  sqlite::Statement largest_;
  sqlite::Statement ofRun_;
  sqlite::Statement referenced_;
  sqlite::Statement usedBy_;
  sqlite::Statement usage_;
  sqlite::Statement usages_;
  sqlite::Statement search_;
  sqlite::Statement rowsOfRef_;
  sqlite::Statement rowsOfRun_;
  sqlite::Statement expired_;
  sqlite::Statement part_;
  sqlite::Statement remove_;
  sqlite::Statement unindex_;
};

}  // namespace belay::journal
