#pragma once

#include <set>
#include <string>

#include "common/base/Result.h"

namespace belay::vault {

class ConnectionReader;

/// A SQLite file of this host. Read-only unless it says otherwise.
struct DbConnection {
  std::string file;  ///< Absolute, and no link on its way.
  bool write = false;
};

/// Reads `{type: db, file, write, rate_limit}`. Errors: kConnectionInvalid, with the JSON Pointer
/// below /connections/NAME in `place`.
base::Result<DbConnection> readDbConnection(const ConnectionReader& reader);
/// It has none.
inline void collectSecrets(const DbConnection&, std::set<std::string>&) {}

}  // namespace belay::vault
