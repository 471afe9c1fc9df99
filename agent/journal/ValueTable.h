#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/Rows.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// Small values by key: the flows' kv, the keys that starts were made with, the host's own notes.
///
/// Threads: owner. Errors: as Journal says.
class ValueTable {
 public:
  explicit ValueTable(Session& session);

  base::Status put(const KvRow& row);
  base::Status remove(std::string_view space, std::string_view key);
  base::Status dropExpired(std::int64_t nowMs, std::size_t most);
  base::Result<std::optional<KvRow>> find(std::string_view space, std::string_view key,
                                          std::int64_t nowMs);
  base::Result<std::vector<KvRow>> list(std::string_view space, std::string_view prefix,
                                        std::int64_t nowMs, std::size_t most);

  base::Status addStartKey(std::string_view key, const base::RunId& run, std::int64_t atMs);
  base::Result<std::optional<base::RunId>> runByStartKey(std::string_view key);

  base::Status setMeta(std::string_view name, std::string_view value);
  base::Result<std::optional<std::string>> meta(std::string_view name);

 private:
  Session& session_;
  sqlite::Statement put_;
  sqlite::Statement remove_;
  sqlite::Statement dropExpired_;
  sqlite::Statement find_;
  sqlite::Statement list_;
  sqlite::Statement addStartKey_;
  sqlite::Statement runByStartKey_;
  sqlite::Statement setMeta_;
  sqlite::Statement meta_;
};

}  // namespace belay::journal
