#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// Waits, open and past. Open ones are found through partial indexes and never loaded as a whole.
///
/// Threads: owner. Errors: as Journal says.
class WaitTable {
 public:
  explicit WaitTable(Session& session);

  base::Status add(const WaitRow& row);
  base::Status close(const base::WaitId& wait, WaitStatus status, std::int64_t atMs);

  base::Result<std::optional<WaitRow>> find(const base::WaitId& id);
  base::Result<std::vector<WaitRow>> list(const WaitFilter& filter);
  base::Result<std::vector<WaitRow>> forEvent(std::string_view eventName, std::size_t most);

 private:
  base::Result<std::vector<WaitRow>> listOpen(const WaitFilter& filter);

  Session& session_;
  sqlite::Statement insert_;
  sqlite::Statement close_;
  sqlite::Statement find_;
  sqlite::Statement all_;
  sqlite::Statement ofRun_;
  sqlite::Statement open_;
  sqlite::Statement forEvent_;
};

}  // namespace belay::journal
