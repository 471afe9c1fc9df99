#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// Which stored contents belong to which runs. The contents themselves are files elsewhere.
///
/// Threads: owner. Errors: as Journal says.
class ResourceTable {
 public:
  explicit ResourceTable(Session& session);

  base::Status add(const ResourceRow& row);
  base::Result<std::optional<ResourceRow>> find(std::string_view ref);
  base::Result<std::vector<ResourceRow>> list(const ResourceFilter& filter);
  base::Result<bool> isReferenced(std::string_view digest);

 private:
  Session& session_;
  sqlite::Statement insert_;
  sqlite::Statement find_;
  sqlite::Statement all_;
  sqlite::Statement ofRun_;
  sqlite::Statement referenced_;
};

}  // namespace belay::journal
